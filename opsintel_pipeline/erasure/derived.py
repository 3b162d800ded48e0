"""What was made of many messages: threads' subjects, issues, the words of a fitted embedder, exported rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any
from uuid import UUID

import psycopg

from opsintel.embeddings.lexical import LexicalEmbedder
from opsintel_pipeline.act.sheets.run import export_all
from opsintel_pipeline.erasure.sweep import erased_key
from opsintel_pipeline.erasure.work import Work
from opsintel_pipeline.issues.refresh import refresh_issues
from opsintel_pipeline.issues.store import lock_tenant

NOTHING_LEFT = "Erased"
IN_WORK = "Untitled"


def blank_threads(work: Work) -> None:
    """Empty the subjects of threads that the person began; a key made of a subject becomes its keyed hash."""
    with work.page() as connection:
        rows = threads_begun(work, connection)
        for thread_id, key in rows:
            kept = erased_key(work.key, key) if key.startswith("subject:") else key
            connection.execute("UPDATE thread SET subject = '', key = %s WHERE id = %s", (kept, thread_id))
        work.counts["thread"] += len(rows)


def threads_begun(work: Work, connection: psycopg.Connection) -> list[tuple[Any, ...]]:
    """Return the threads with a subject that the person began: id and key."""
    return connection.execute(
        "SELECT thread.id, thread.key FROM thread WHERE subject <> '' AND id IN ("
        " SELECT thread_id FROM message WHERE author_id = ANY(%(who)s)) AND (SELECT author_id FROM message"
        " WHERE message.thread_id = thread.id ORDER BY sorted_at, message.id LIMIT 1) = ANY(%(who)s)",
        {"who": list(work.person.participants)},
    ).fetchall()


def refresh_touched(work: Work) -> None:
    """Make titles, summaries, examples and figures of the touched issues anew, from what is left."""
    touched = [UUID(one) for one in sorted(work.progress.issues)]
    work.counts["issue"] = len(touched)
    with work.page() as connection:
        if work.dry_run or not touched:
            return
        lock_tenant(connection, work.tenant_id)
        for issue_id, title in connection.execute(
            "SELECT id, title FROM issue WHERE id = ANY(%s) AND title_pinned", (touched,)
        ).fetchall():
            connection.execute(
                "UPDATE issue SET title = %s WHERE id = %s", (work.redactor.redacted(title, near=True), issue_id)
            )
        connection.execute(
            "UPDATE issue SET summary = '', example_message_id = NULL,"
            " title = CASE WHEN title_pinned THEN title ELSE %s END,"
            " title_method = CASE WHEN title_pinned THEN title_method ELSE '' END, named_from = '{}'"
            " WHERE id = ANY(%s)",
            (IN_WORK, touched),
        )
        version = connection.execute("SELECT version FROM embedding_model WHERE current").fetchone()
        if version is not None:
            refresh_issues(connection, work.tenant_id, touched, version[0])
        connection.execute(
            "UPDATE issue SET title = CASE WHEN title_pinned THEN title ELSE %s END, state = 'archived'"
            " WHERE id = ANY(%s) AND messages = 0 AND merged_into IS NULL",
            (NOTHING_LEFT, touched),
        )


def forget_words(work: Work) -> None:
    """Blank the words of the person in the tenant's fitted embedders that nobody else was seen to use."""
    words = words_to_forget(work)
    with work.page() as connection:
        for version, fitted in fitted_embedders(connection):
            _forget(work, connection, version, fitted, words)
        if any(work.counts.values()):
            # Each fit of categories holds vectors of its messages: the next analysis makes another.
            work.counts["category_model"] += connection.execute(
                "UPDATE category_model SET current = false, state = NULL WHERE state IS NOT NULL"
            ).rowcount


def words_to_forget(work: Work) -> set[str]:
    """Return the words that name the person or that nobody else was seen to use."""
    return work.words | {part.casefold() for name in work.person.terms.names for part in name.split()}


def fitted_embedders(connection: psycopg.Connection) -> Iterator[tuple[str, LexicalEmbedder]]:
    """Yield version and model of each of the tenant's fitted embedders; those of an older release know no words."""
    for version, state in connection.execute(
        "SELECT version, state FROM embedding_model WHERE state IS NOT NULL"
    ).fetchall():
        with suppress(ValueError):
            yield version, LexicalEmbedder.from_bytes(state)


def _forget(work: Work, connection: psycopg.Connection, version: str, fitted: LexicalEmbedder, words: set[str]) -> None:
    vocabulary = tuple("" if word in words else word for word in fitted.vocabulary)
    if vocabulary == fitted.vocabulary:
        return
    work.counts["embedding_model"] += 1
    connection.execute(
        "UPDATE embedding_model SET state = %s WHERE version = %s",
        (replace(fitted, vocabulary=vocabulary).to_bytes(), version),
    )


def export_again(work: Work) -> None:
    """Have the rows of touched issues written anew at Google, or emptied where nothing is left of the issue."""
    with work.page() as connection:
        row = connection.execute(
            "SELECT count(*) FROM export_row WHERE state = 'written' AND row_key = ANY(%s)",
            (sorted(work.progress.issues),),
        ).fetchone()
        work.counts["sheet_row"] = int(row[0]) if row else 0
    if work.counts["sheet_row"] and not work.dry_run:
        # A sheet that cannot be written now is failing with its reason, named in the receipt, and written by its next
        # export.
        export_all(work.context, work.tenant_id)
