"""Messages in an export: the person's own whole; of others' what was sent to them, or the passages that name them."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import psycopg

from opsintel.people.conceal import Concealer, initial, passages
from opsintel_pipeline.erasure import mentions, own, suspects
from opsintel_pipeline.erasure.own import NIL, issues_of
from opsintel_pipeline.erasure.work import Work
from opsintel_pipeline.person_export.rows import Record, rows_of

AUTHOR, RECIPIENT, MENTIONED = "author", "recipient", "mentioned"
"""What the person is to a message."""

_OF_OTHERS = {
    "analysis": ("id", "message_id", "partition_day", "created_at", "model"),
    "embedding": ("message_id", "model_version"),
    "review_item": ("id", "message_id", "reason", "state"),
}
"""What is said of what was made of others' messages: that it is there."""

Found = tuple[str, Record]
"""A record and the file it belongs to, which is called as its table."""


def own_messages(work: Work) -> Iterator[Found]:
    """Yield what the person wrote, with all that was made of it."""
    after = NIL
    while True:
        with work.context.database.tenant_tx(work.tenant_id) as connection:
            rows = list(
                rows_of(
                    connection, "message", "author_id = ANY(%s) AND id > %s ORDER BY id LIMIT %s",
                    (list(work.person.participants), after, own.PAGE),
                )
            )  # fmt: skip
            ids = [UUID(row["id"]) for row in rows]
            yield from (("message", {"person_is": AUTHOR, **row}) for row in rows)
            for table in own.DERIVED:
                yield from ((table, row) for row in rows_of(connection, table, "message_id = ANY(%s)", (ids,)))
            yield from (
                ("issue_constraint", row)
                for row in rows_of(
                    connection, "issue_constraint", "message_a_id = ANY(%(ids)s) OR message_b_id = ANY(%(ids)s)",
                    {"ids": ids},
                )
            )  # fmt: skip
            yield from _places(work, connection, ids)
        if len(rows) < own.PAGE:
            return
        after = ids[-1]


def others_messages(work: Work, threads: set[UUID]) -> Iterator[Found]:
    """Yield what others' messages hold of the person; `threads` are those that they wrote in."""
    concealer = Concealer(work.person.terms)
    last: UUID | None = NIL
    while last is not None:
        with work.context.database.tenant_tx(work.tenant_id) as connection:
            page = suspects.page_of_others(connection, work, last, threads)
            last = page.last
            chosen: list[UUID] = []
            for row in page.rows:
                near = row["thread_id"] in threads or mentions.names_person(work, row)
                changes = mentions.changes_to(work, row, near)
                touched = [
                    (table, part)
                    for table, part in page.parts[row["id"]]
                    if mentions.redacted_part(work, table, part, near)
                ]
                if changes or touched:
                    chosen.append(row["id"])
                    yield "message", _of_other(work, connection, concealer, row, near)
                    yield from ((table, _plain(concealer, part)) for table, part in touched)
                suspects.note_words(work, {**row, **changes}["text"])
            yield from _derived(work, connection, chosen)


def _of_other(
    work: Work, connection: psycopg.Connection, concealer: Concealer, row: suspects.Row, near: bool
) -> Record:
    """Return what somebody else's message says to the person, or of them."""
    mine = [entry for entry in row["recipients"] if mentions.is_person(work, entry)]
    shown = next(rows_of(connection, "message", "id = %s", (row["id"],)))
    author = connection.execute("SELECT display_name FROM participant WHERE id = %s", (shown["author_id"],)).fetchone()
    record: Record = {
        "person_is": RECIPIENT if mine else MENTIONED,
        "id": shown["id"],
        "kind": shown["kind"],
        "occurred_at": shown["occurred_at"],
        "partition_day": shown["partition_day"],
        "author": initial(author[0]) if author else "",
        "recipients": mine,
        "other_recipients": len(row["recipients"]) - len(mine),
    }
    for name in (*suspects.TEXTS, *suspects.LINES):
        text = row[name] if mine else passages(row[name], work.redactor, near=near)
        record[name] = concealer.concealed(text)
    for name in ("extra", "defects"):
        record[name] = concealer.concealed_value(row[name]) if _names(work, row[name]) else None
    return {name: value for name, value in record.items() if value not in ("", None)}


def _names(work: Work, value: object) -> bool:
    return bool(work.redactor.redacted_value(value) != value)


def _derived(work: Work, connection: psycopg.Connection, ids: list[UUID]) -> Iterator[Found]:
    for table, shown in _OF_OTHERS.items():
        for row in rows_of(connection, table, "message_id = ANY(%s)", (ids,)):
            yield table, {name: row[name] for name in shown}
    yield from _places(work, connection, ids)


def _places(work: Work, connection: psycopg.Connection, ids: list[UUID]) -> Iterator[Found]:
    """Yield where messages were seen and what was stored of them there; notes the issues that they are in."""
    work.progress.issues |= issues_of(connection, ids)
    yield from (
        ("message_occurrence", row) for row in rows_of(connection, "message_occurrence", "message_id = ANY(%s)", (ids,))
    )
    for row in rows_of(
        connection, "raw_payload",
        "erased_at IS NULL AND object_key IS NOT NULL AND (source_id, native_id) IN ("
        "SELECT source_id, native_id FROM message_occurrence WHERE message_id = ANY(%s))", (ids,),
    ):  # fmt: skip
        work.marked.add(UUID(row["id"]))
        yield "raw_payload", row


def _plain(concealer: Concealer, part: suspects.Row) -> Record:
    return {
        name: str(value) if isinstance(value, UUID) else concealer.concealed_value(value)
        for name, value in part.items()
    }
