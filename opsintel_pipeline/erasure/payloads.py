"""Raw payloads: those of the person, and all that name them, are marked and go from the object store."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg

from opsintel.people.payloads import readings, remove_marked
from opsintel_pipeline.erasure.work import Work

_MARK = (
    "UPDATE raw_payload SET erased_at = now(), normalized_at = coalesce(normalized_at, now())"
    " WHERE erased_at IS NULL AND object_key IS NOT NULL AND "
)


def mark_payloads(work: Work, connection: psycopg.Connection, message_ids: list[UUID]) -> None:
    """Mark every version of messages' payloads, in the caller's transaction."""
    rows = connection.execute(
        f"{_MARK} (source_id, native_id) IN (SELECT source_id, native_id FROM message_occurrence"
        " WHERE message_id = ANY(%s)) RETURNING id, object_key".encode(),
        (message_ids,),
    ).fetchall()
    _note(work, rows)


def mark_naming(work: Work) -> None:
    """Mark the payloads that name the person in what no message shows: other headers, hidden parts, attachments."""
    for key, naming in payloads_naming(work, work.progress.after or ""):
        work.progress.after = key
        with work.page() as connection:
            rows = connection.execute(f"{_MARK} id = ANY(%s) RETURNING id, object_key".encode(), (naming,)).fetchall()
            _note(work, rows)


def payloads_naming(work: Work, after: str = "") -> Iterator[tuple[str, list[UUID]]]:
    """Yield for each page of payloads, from a key on, those that name the person and are not marked already."""
    while True:
        with work.context.database.tenant_tx(work.tenant_id) as connection:
            row = connection.execute(
                "SELECT min(object_key) FROM raw_payload WHERE object_key > %s AND erased_at IS NULL", (after,)
            ).fetchone()
            if row is None or row[0] is None:
                return
            after = row[0]
            payloads = connection.execute(
                "SELECT id, object_offset, size FROM raw_payload WHERE object_key = %s AND erased_at IS NULL",
                (after,),
            ).fetchall()
        payloads = [payload for payload in payloads if payload[0] not in work.marked]
        contents = work.context.objects.get_ranges(after, [(offset, size) for _, offset, size in payloads])
        yield (
            after,
            [payload[0] for payload, content in zip(payloads, contents, strict=True) if _is_named_in(work, content)],
        )


def rewrite_pages(work: Work) -> None:
    """Take what is marked out of the object store."""
    work.counts["object"] = len(work.progress.pages)
    if not work.dry_run:
        remove_marked(work.context, work.tenant_id)


def _note(work: Work, rows: list[tuple[Any, ...]]) -> None:
    work.counts["raw_payload"] += len(rows)
    work.marked.update(row[0] for row in rows)
    work.progress.pages.update(row[1] for row in rows)


def _is_named_in(work: Work, content: bytes) -> bool:
    return any(work.redactor.names(text) for text in readings(content))
