"""Other people's messages in which the person may be: nearly all are ruled out by one look at their texts."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

from opsintel.embeddings.words import lowered, masked, words_of
from opsintel_pipeline.erasure.work import Work

PAGE = 2_000

TEXTS = ("subject", "text", "quoted_text", "signature_text")
LINES = ("channel", "rfc_message_id", "parent_key", "automatic_reason")
VALUES = ("recipients", "extra", "defects")
PARTS = {
    "message_revision": ("revision", ("subject", "text")),
    "attachment": ("position", ("filename",)),
    "message_link": ("position", ("url", "text")),
    "message_label": ("label", ("label",)),
}
"""What hangs on a message: the rest of its key, and its texts."""

COLUMNS = ("id", "thread_id", "partition_day", *VALUES, *TEXTS, *LINES)

Row = dict[str, Any]


@dataclass(frozen=True)
class Page:
    """A page of others' messages: those to look at closely, with what hangs on them."""

    rows: list[Row]
    parts: dict[UUID, list[tuple[str, Row]]]
    """By message: (table, row)."""

    last: UUID | None
    """The last message of the page; None where there was none left."""


def page_of_others(connection: psycopg.Connection, work: Work, after: UUID, threads: set[UUID]) -> Page:
    """Return the next `PAGE` messages that are not the person's, in the order of their ids, as far as they are suspect.

    Suspect is what is in one of `threads`, may name the person, or may quote them. Words in the others are others' too.
    """
    others = ", ".join(name for name in (*TEXTS, *LINES) if name != "text")
    looks = connection.execute(
        f"SELECT id, thread_id, text, concat_ws(E'\\n', {others}), concat_ws(E'\\n', {', '.join(VALUES)}) FROM message"
        " WHERE id > %s AND (author_id IS NULL OR author_id <> ALL(%s)) ORDER BY id LIMIT %s".encode(),
        (after, list(work.person.participants), PAGE),
    ).fetchall()
    if not looks:
        return Page([], {}, None)
    suspects = _by_parts(connection, work, looks[0][0], looks[-1][0])
    for message_id, thread_id, text, others, values in looks:
        redactor = work.redactor
        if thread_id in threads or any(map(redactor.may_change, (text, others))) or redactor.may_name(values):
            suspects.add(message_id)
        elif message_id not in suspects:
            note_words(work, text)
    ids = [look[0] for look in looks if look[0] in suspects]
    return Page(_rows(connection, ids), _parts(connection, ids), looks[-1][0])


def note_words(work: Work, text: str) -> None:
    """Take the words of somebody else's text from those that the person alone was seen to use."""
    if not work.words.isdisjoint(words_of(lowered(text))):
        work.words.difference_update(words_of(masked(text)))


def _by_parts(connection: psycopg.Connection, work: Work, first: UUID, last: UUID) -> set[UUID]:
    """Return the messages, from one to another, of which something that hangs on them is suspect."""
    found = set()
    for table, (_, texts) in PARTS.items():
        for message_id, text in connection.execute(
            f"SELECT message_id, concat_ws(E'\\n', {', '.join(texts)}) FROM {table}"
            " WHERE message_id BETWEEN %s AND %s".encode(),
            (first, last),
        ).fetchall():
            if work.redactor.may_change(text):
                found.add(message_id)
    return found


def _rows(connection: psycopg.Connection, ids: list[UUID]) -> list[Row]:
    rows = connection.execute(
        f"SELECT {', '.join(COLUMNS)} FROM message WHERE id = ANY(%s) ORDER BY id".encode(), (ids,)
    ).fetchall()
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows]


def _parts(connection: psycopg.Connection, ids: list[UUID]) -> dict[UUID, list[tuple[str, Row]]]:
    found: dict[UUID, list[tuple[str, Row]]] = defaultdict(list)
    for table, (key, texts) in PARTS.items():
        columns = tuple(dict.fromkeys(("message_id", key, *texts)))
        for values in connection.execute(
            f"SELECT {', '.join(columns)} FROM {table} WHERE message_id = ANY(%s)".encode(), (ids,)
        ).fetchall():
            part = dict(zip(columns, values, strict=True))
            found[part["message_id"]].append((table, part))
    return found
