"""What the person wrote: tombstones remain, which say that there was a message, and when."""

from __future__ import annotations

from uuid import UUID

import psycopg

from opsintel.embeddings.words import KINDS, masked, words_of
from opsintel.queue.outbox import announce_days
from opsintel_pipeline.erasure.derived import fitted_embedders
from opsintel_pipeline.erasure.payloads import mark_payloads
from opsintel_pipeline.erasure.work import Work
from opsintel_pipeline.normalize.threads import base_subject

PAGE = 500
NIL = UUID(int=0)

DERIVED = (
    "message_revision", "attachment", "message_label", "message_link", "review_item", "gold_example", "analysis",
    "correction", "embedding", "issue_member",
)  # fmt: skip
"""Tables whose rows hang on a message."""


def take_in_words(work: Work) -> set[UUID]:
    """Read all that the person wrote, for the search of quotations; returns the threads they wrote in."""
    after, threads = NIL, set()
    with work.context.database.tenant_tx(work.tenant_id) as connection:
        known = {word for _, fitted in fitted_embedders(connection) for word in fitted.vocabulary} - KINDS
    while True:
        with work.context.database.tenant_tx(work.tenant_id) as connection:
            rows = connection.execute(
                "SELECT id, thread_id, subject, text, signature_text FROM message"
                " WHERE author_id = ANY(%s) AND id > %s ORDER BY id LIMIT %s",
                (list(work.person.participants), after, PAGE),
            ).fetchall()
        for message_id, thread_id, subject, *texts in rows:
            after = message_id
            threads |= {thread_id} if thread_id else set()
            for text in (base_subject(subject), *texts):
                work.quotations.add(text)
                work.words.update(known.intersection(words_of(masked(text))))
        if len(rows) < PAGE:
            return threads


def bury_own(work: Work) -> None:
    """Make tombstones of the person's messages; what was derived of them goes."""
    full = True
    while full:
        after = UUID(work.progress.after) if work.progress.after else NIL
        with work.page() as connection:
            rows = connection.execute(
                "SELECT id, (sorted_at AT TIME ZONE 'UTC')::date FROM message"
                " WHERE author_id = ANY(%s) AND id > %s ORDER BY id LIMIT %s",
                (list(work.person.participants), after, PAGE),
            ).fetchall()
            full = len(rows) == PAGE
            if rows:
                ids = [row[0] for row in rows]
                work.progress.issues |= issues_of(connection, ids)
                _bury(work, connection, ids)
                announce_days(connection, work.tenant_id, {row[1] for row in rows}, "erasure", "marts")
                work.progress.after = str(ids[-1])


def issues_of(connection: psycopg.Connection, message_ids: list[UUID]) -> set[str]:
    """Return the issues that messages are, or were, in."""
    rows = connection.execute(
        "SELECT issue_id::text FROM issue_member WHERE message_id = ANY(%(ids)s)"
        " UNION SELECT id::text FROM issue WHERE example_message_id = ANY(%(ids)s)",
        {"ids": message_ids},
    ).fetchall()
    return {row[0] for row in rows}


def _bury(work: Work, connection: psycopg.Connection, ids: list[UUID]) -> None:
    mark_payloads(work, connection, ids)
    for table in DERIVED:
        deleted = connection.execute(f"DELETE FROM {table} WHERE message_id = ANY(%s)".encode(), (ids,))
        work.counts[table] += deleted.rowcount
    work.counts["issue_constraint"] += connection.execute(
        "DELETE FROM issue_constraint WHERE message_a_id = ANY(%(ids)s) OR message_b_id = ANY(%(ids)s)", {"ids": ids}
    ).rowcount
    connection.execute("UPDATE issue SET example_message_id = NULL WHERE example_message_id = ANY(%s)", (ids,))
    # What is left of a Message-ID or channel is looked at with everybody else's.
    work.counts["message"] += connection.execute(
        "UPDATE message SET deleted_at = coalesce(deleted_at, now()), author_id = NULL, subject = '', text = '',"
        " quoted_text = '', signature_text = '', recipients = '[]', extra = '{}', language = '', defects = '{}',"
        " automatic_reason = '', parent_key = '', content_hash = sha256(uuid_send(id))"
        " WHERE id = ANY(%s)",
        (ids,),
    ).rowcount
