"""Other people's messages that name the person or quote them: a placeholder takes the place of it."""

from __future__ import annotations

from collections import defaultdict
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from opsintel.people.redact import QUOTE
from opsintel.queue.outbox import announce_days
from opsintel_pipeline.erasure.own import NIL, issues_of
from opsintel_pipeline.erasure.payloads import mark_payloads
from opsintel_pipeline.erasure.suspects import LINES, PARTS, TEXTS, Page, Row, note_words, page_of_others
from opsintel_pipeline.erasure.work import Work


def redact_mentions(work: Work, threads: set[UUID]) -> None:
    """Go through all messages that are not the person's; `threads` are those that they wrote in."""
    last: UUID | None = UUID(work.progress.after) if work.progress.after else NIL
    while last is not None:
        with work.page() as connection:
            page = page_of_others(connection, work, last, threads)
            last = page.last
            if page.rows:
                _redact(work, connection, page, threads)
            if last is not None:
                work.progress.after = str(last)


def _redact(work: Work, connection: psycopg.Connection, page: Page, threads: set[UUID]) -> None:
    changed = []
    writes = _Writes()
    for row in page.rows:
        near = row["thread_id"] in threads or names_person(work, row)
        changes = changes_to(work, row, near)
        if changes:
            writes.update("message", changes, {"id": row["id"]})
        touched = [_redact_part(work, writes, table, part, near) for table, part in page.parts[row["id"]]]
        if changes or any(touched):
            changed.append(row)
        # What is left of the text: their words in somebody's quotation are nobody else's.
        note_words(work, {**row, **changes}["text"])
    writes.send(connection)
    if changed:
        _drop_derived(work, connection, changed)


class _Writes:
    """Changes to single rows, sent together: what they cost does not grow by a round trip each."""

    def __init__(self) -> None:
        self._by_statement: dict[str, list[tuple[Any, ...]]] = defaultdict(list)

    def update(self, table: str, changes: Row, key: Row) -> None:
        """Change columns of the row of a key."""
        assignments = ", ".join(f"{name} = %s" for name in changes)
        self._note(f"UPDATE {table} SET {assignments}", tuple(changes.values()), key)

    def delete(self, table: str, key: Row) -> None:
        """Delete the row of a key."""
        self._note(f"DELETE FROM {table}", (), key)

    def send(self, connection: psycopg.Connection) -> None:
        """Do it all."""
        with connection.cursor() as cursor:
            for statement, values in self._by_statement.items():
                cursor.executemany(statement.encode(), values)

    def _note(self, statement: str, values: tuple[Any, ...], key: Row) -> None:
        where = " AND ".join(f"{name} = %s" for name in key)
        self._by_statement[f"{statement} WHERE {where}"].append((*values, *key.values()))


def names_person(work: Work, row: Row) -> bool:
    """Tell whether a message names the person."""
    texts = [*(row[name] for name in (*TEXTS, *LINES)), *(entry.get("value", "") for entry in row["recipients"])]
    return work.redactor.may_name("\n".join(filter(None, texts))) and any(map(work.redactor.names, texts))


def changes_to(work: Work, row: Row, near: bool) -> Row:
    """Return the columns of a message that change, with their new values."""
    wanted: Row = {name: work.redactor.redacted(row[name], near=near) for name in (*TEXTS, *LINES)}
    if near and wanted["quoted_text"] != row["quoted_text"]:
        wanted["quoted_text"] = QUOTE
    kept = [entry for entry in row["recipients"] if not is_person(work, entry)]
    wanted["recipients"] = work.redactor.redacted_value(kept)
    wanted["extra"] = work.redactor.redacted_value(row["extra"])
    wanted["defects"] = work.redactor.redacted_value(row["defects"])
    changes = {name: value for name, value in wanted.items() if value != row[name]}
    return {name: Jsonb(value) if name in ("recipients", "extra") else value for name, value in changes.items()}


def is_person(work: Work, entry: Row) -> bool:
    """Tell whether an entry of a message's recipients is the person."""
    return (entry.get("kind"), entry.get("value")) in work.person.identities


def redacted_part(work: Work, table: str, part: Row, near: bool) -> Row:
    """Return the texts of what hangs on a message without the person; nothing where they are not in it."""
    redacted = {name: work.redactor.redacted(part[name], near=near) for name in PARTS[table][1]}
    return {} if all(value == part[name] for name, value in redacted.items()) else redacted


def _redact_part(work: Work, writes: _Writes, table: str, part: Row, near: bool) -> bool:
    redacted = redacted_part(work, table, part, near)
    if not redacted:
        return False
    key, texts = PARTS[table]
    where = {"message_id": part["message_id"], key: part[key]}
    if key in texts:  # a label is its own key, and the placeholder may be there already
        writes.delete(table, where)
    else:
        writes.update(table, redacted, where)
    work.counts[table] += 1
    return True


def _drop_derived(work: Work, connection: psycopg.Connection, changed: list[Row]) -> None:
    """Drop what was derived of the texts as they were, and have it made anew."""
    ids = [row["id"] for row in changed]
    work.counts["message"] += len(ids)
    work.progress.issues |= issues_of(connection, ids)
    mark_payloads(work, connection, ids)
    for table in ("review_item", "analysis", "embedding"):
        deleted = connection.execute(f"DELETE FROM {table} WHERE message_id = ANY(%s)".encode(), (ids,))
        work.counts[table] += deleted.rowcount
    announce_days(connection, work.tenant_id, {row["partition_day"] for row in changed}, "erasure", "analyses")
