"""Threads in the database: a message joins the thread of what it answers, else that of its key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import psycopg

from opsintel.db.bulk import insert_returning
from opsintel.events.message import CanonicalMessage, Kind
from opsintel.ids import new_id


@dataclass(slots=True)
class _Span:
    """The times of a page's new messages in one thread; messages without a time count as of now."""

    first_at: datetime | None = None
    last_at: datetime | None = None
    undated: bool = False

    def include(self, moment: datetime | None) -> None:
        if moment is None:
            self.undated = True
            return
        self.first_at = min(self.first_at or moment, moment)
        self.last_at = max(self.last_at or moment, moment)


class Threads:
    """Finds or makes the threads of a page of messages, in the caller's transaction."""

    def __init__(self, connection: psycopg.Connection, tenant_id: UUID) -> None:
        self._connection = connection
        self._tenant_id = tenant_id
        self._by_key: dict[tuple[str, str], UUID] = {}
        self._by_message_id: dict[str, UUID] = {}
        self._spans: dict[UUID, _Span] = {}
        self._new: list[tuple[UUID, CanonicalMessage]] = []

    def prepare(self, messages: Sequence[CanonicalMessage]) -> None:
        """Look up all threads and referenced mails of a page at once."""
        keys = {(message.kind.value, message.thread_key) for message in messages if message.thread_key}
        rows = self._connection.execute(
            "SELECT wanted.kind, wanted.key, found.id FROM unnest(%s::text[], %s::text[]) AS wanted (kind, key)"
            " CROSS JOIN LATERAL ("
            " SELECT id FROM thread WHERE kind = wanted.kind AND key = wanted.key LIMIT 1) AS found",
            ([kind for kind, _ in keys], [key for _, key in keys]),
        ).fetchall()
        self._by_key.update({(kind, key): thread_id for kind, key, thread_id in rows})
        references = {reference for message in messages for reference in message.references}
        mails = self._connection.execute(
            "SELECT wanted.reference, found.thread_id FROM unnest(%s::text[]) AS wanted (reference)"
            " CROSS JOIN LATERAL ("
            " SELECT thread_id FROM message WHERE rfc_message_id = wanted.reference AND thread_id IS NOT NULL"
            " ORDER BY ingested_at, id LIMIT 1) AS found",
            (list(references),),
        ).fetchall()
        for rfc_message_id, thread_id in mails:
            self._by_message_id.setdefault(rfc_message_id, thread_id)

    def id_of(self, message: CanonicalMessage) -> UUID | None:
        """Return the thread of a message; None for a message without a thread key.

        A thread that is not there yet has its id from now on, and is made by `store`.
        """
        if not message.thread_key:
            return None
        thread_id = self._of_references(message)
        key = (message.kind.value, message.thread_key)
        if thread_id is None:
            thread_id = self._by_key.get(key)
        if thread_id is None:
            thread_id = new_id()
            self._new.append((thread_id, message))
        self._by_key.setdefault(key, thread_id)
        if message.rfc_message_id:
            self._by_message_id.setdefault(message.rfc_message_id, thread_id)
        self._spans.setdefault(thread_id, _Span()).include(message.occurred_at)
        return thread_id

    def store(self) -> dict[UUID, UUID]:
        """Make the new threads; return the ids that hold for those that another transaction has made meanwhile."""
        made = {(message.kind.value, message.thread_key): thread_id for thread_id, message in self._new}
        held = insert_returning(
            self._connection,
            "thread",
            ("tenant_id", "id", "key", "kind", "subject", "first_at", "last_at"),
            [self._row(thread_id, message) for thread_id, message in self._new],
            "ON CONFLICT (tenant_id, kind, key) DO UPDATE SET first_at = least(thread.first_at, excluded.first_at),"
            " last_at = greatest(thread.last_at, excluded.last_at) RETURNING kind, key, id",
        )
        others = {made[kind, key]: kept for kind, key, kept in held if made[kind, key] != kept}
        self._new.clear()
        self._spans = {others.get(thread_id, thread_id): span for thread_id, span in self._spans.items()}
        self._by_key = {key: others.get(thread_id, thread_id) for key, thread_id in self._by_key.items()}
        self._by_message_id = {key: others.get(thread_id, thread_id) for key, thread_id in self._by_message_id.items()}
        return others

    def _row(self, thread_id: UUID, message: CanonicalMessage) -> tuple[object, ...]:
        """Return the row of a new thread, its span with it."""
        span = self._spans[thread_id]
        if not span.undated:
            del self._spans[thread_id]
        return (self._tenant_id, thread_id, message.thread_key, message.kind.value, message.subject[:500],
                span.first_at, span.last_at)  # fmt: skip

    def finish(self) -> None:
        """Bring the spans of the other threads up to date; call it when the page's messages are stored."""
        spans = list(self._spans.values())
        self._connection.execute(
            "UPDATE thread SET first_at = least(thread.first_at, span.first_at, span.moment),"
            " last_at = greatest(thread.last_at, span.last_at, span.moment) FROM ("
            " SELECT id, first_at, last_at, CASE WHEN undated THEN now() END AS moment"
            " FROM unnest(%s::uuid[], %s::timestamptz[], %s::timestamptz[], %s::bool[])"
            " AS given (id, first_at, last_at, undated)) AS span WHERE thread.id = span.id",
            (list(self._spans), [s.first_at for s in spans], [s.last_at for s in spans], [s.undated for s in spans]),
        )
        self._spans.clear()

    def _of_references(self, message: CanonicalMessage) -> UUID | None:
        if message.kind is not Kind.EMAIL:
            return None
        found = (self._by_message_id.get(reference) for reference in reversed(message.references))
        return next((thread_id for thread_id in found if thread_id is not None), None)
