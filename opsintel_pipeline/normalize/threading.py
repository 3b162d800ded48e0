"""Threads in the database: a message joins the thread of what it answers, else that of its key."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import psycopg

from opsintel.db.bulk import insert_returning
from opsintel.events.message import CanonicalMessage, Kind
from opsintel.ids import new_id


class Threads:
    """Finds or makes the threads of a page of messages, in the caller's transaction."""

    def __init__(self, connection: psycopg.Connection, tenant_id: UUID) -> None:
        self._connection = connection
        self._tenant_id = tenant_id
        self._by_key: dict[tuple[str, str], UUID] = {}
        self._by_message_id: dict[str, UUID] = {}
        self._touched: set[UUID] = set()
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
        self._touched.add(thread_id)
        return thread_id

    def store(self) -> dict[UUID, UUID]:
        """Make the new threads; return the ids that hold for those that another transaction has made meanwhile."""
        made = {(message.kind.value, message.thread_key): thread_id for thread_id, message in self._new}
        held = insert_returning(
            self._connection,
            "thread",
            ("tenant_id", "id", "key", "kind", "subject"),
            [
                (self._tenant_id, thread_id, message.thread_key, message.kind.value, message.subject[:500])
                for thread_id, message in self._new
            ],
            "ON CONFLICT (tenant_id, kind, key) DO UPDATE SET key = excluded.key RETURNING kind, key, id",
        )
        others = {made[kind, key]: kept for kind, key, kept in held if made[kind, key] != kept}
        self._new.clear()
        self._touched = {others.get(thread_id, thread_id) for thread_id in self._touched}
        self._by_key = {key: others.get(thread_id, thread_id) for key, thread_id in self._by_key.items()}
        self._by_message_id = {key: others.get(thread_id, thread_id) for key, thread_id in self._by_message_id.items()}
        return others

    def finish(self) -> None:
        """Bring the spans of the touched threads up to date; call it when the page's messages are stored."""
        self._connection.execute(
            "UPDATE thread SET first_at = span.first_at, last_at = span.last_at FROM ("
            " SELECT thread_id, min(sorted_at) AS first_at, max(sorted_at) AS last_at FROM message"
            " WHERE thread_id = ANY(%s) GROUP BY thread_id) AS span WHERE thread.id = span.thread_id",
            (list(self._touched),),
        )

    def _of_references(self, message: CanonicalMessage) -> UUID | None:
        if message.kind is not Kind.EMAIL:
            return None
        found = (self._by_message_id.get(reference) for reference in reversed(message.references))
        return next((thread_id for thread_id in found if thread_id is not None), None)
