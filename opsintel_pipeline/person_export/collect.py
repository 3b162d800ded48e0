"""Everything that is stored of a person, record by record: what an erasure would reach, and the audit log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import LiteralString
from uuid import UUID

import psycopg

from opsintel.context import Context
from opsintel.ids import new_id
from opsintel.people.conceal import Concealer
from opsintel.people.suppression import suppression_key
from opsintel_pipeline.erasure.derived import fitted_embedders, threads_begun, words_to_forget
from opsintel_pipeline.erasure.identity import FORGOTTEN, REGISTRATION_OVER, REMOVED, values_of
from opsintel_pipeline.erasure.own import take_in_words
from opsintel_pipeline.erasure.payloads import payloads_naming
from opsintel_pipeline.erasure.sweep import keys_of, naming, swept_tables
from opsintel_pipeline.erasure.work import Person, Work
from opsintel_pipeline.person_export.messages import Found, others_messages, own_messages
from opsintel_pipeline.person_export.rows import HIDDEN, Record, rows_of

_ABOUT = (
    "actor_id IN (SELECT subject_id::text FROM audit_subject WHERE {0}) OR"
    " subject_id IN (SELECT subject_id::text FROM audit_subject WHERE {0}) ORDER BY seq"
)

_ACCOUNT: tuple[tuple[str, LiteralString], ...] = (
    ("app_user", "id = %(user)s"),
    ("identity", "user_id = %(user)s"),
    ("membership", "user_id = %(user)s AND tenant_id = %(tenant)s"),
    ("refresh_token", "user_id = %(user)s AND tenant_id = %(tenant)s"),
)
"""Rows of the account, by table."""


def collected(context: Context, tenant_id: UUID, person: Person) -> Iterator[Found]:
    """Yield (table, record) for all that is stored of a person; a row may come twice."""
    key = suppression_key(context, tenant_id) or bytes(32)
    work = Work(context, tenant_id, new_id(), person, dry_run=True, key=key)
    threads = take_in_words(work)
    yield from _identity(work)
    yield from _account(work)
    yield from _swept(work)
    yield from own_messages(work)
    yield from others_messages(work, threads)
    yield from _payloads(work)
    yield from _derived(work)


def _identity(work: Work) -> Iterator[Found]:
    values = values_of(work)
    with work.context.database.tenant_tx(work.tenant_id) as connection:
        for table, condition in REMOVED:
            yield from ((table, row) for row in rows_of(connection, table, condition, values))
        for name, table, _, condition in FORGOTTEN:
            for row in rows_of(connection, table, condition, values):
                yield name, _issue(row) if table == "issue" else row
        subjects = next(condition for table, condition in REMOVED if table == "audit_subject")
        yield from (("audit_log", row) for row in rows_of(connection, "audit_log", _ABOUT.format(subjects), values))


def _account(work: Work) -> Iterator[Found]:
    """Yield the account, and what it is in this tenant; accounts belong to none, so another tenant's is not told."""
    values = values_of(work) | {"tenant": work.tenant_id}
    with work.context.database.system_tx() as connection:
        for row in rows_of(connection, "tenant", "id = %(tenant)s AND own_domains ?| %(addresses)s::text[]", values):
            own = [one for one in row["own_domains"] if one in work.person.terms.addresses]
            yield "tenant", {"own_domains": own}
        for row in rows_of(connection, "account_token", REGISTRATION_OVER, values):
            details = {name: value for name, value in row["details"].items() if name not in HIDDEN}
            yield "account_token", row | {"details": details}
        for table, condition in _ACCOUNT:
            yield from ((table, row) for row in rows_of(connection, table, condition, values))


def _swept(work: Work) -> Iterator[Found]:
    """Yield the rows of every other table that name the person."""
    concealer = Concealer(work.person.terms)
    for table in swept_tables():
        with work.context.database.tenant_tx(work.tenant_id) as connection:
            for found in list(naming(connection, work, table)):
                keys = keys_of(table)
                condition = " AND ".join(f'"{name}" = %s' for name in keys)
                for row in rows_of(connection, table.name, condition, [found[name] for name in keys]):
                    shown = _issue(row) if table.name == "issue" else row
                    yield table.name, {name: concealer.concealed_value(value) for name, value in shown.items()}


def _payloads(work: Work) -> Iterator[Found]:
    """Yield the payloads that name the person in what no message shows, and the objects that hold any of theirs."""
    for _, ids in payloads_naming(work):
        with work.context.database.tenant_tx(work.tenant_id) as connection:
            yield from (("raw_payload", row) for row in rows_of(connection, "raw_payload", "id = ANY(%s)", (ids,)))
        work.marked.update(ids)
    with work.context.database.tenant_tx(work.tenant_id) as connection:
        for (key,) in connection.execute(
            "SELECT DISTINCT object_key FROM raw_payload WHERE id = ANY(%s)", (list(work.marked),)
        ):
            yield "object", {"object": key.rpartition("/")[2]}


def _derived(work: Work) -> Iterator[Found]:
    concealer, issues = Concealer(work.person.terms), sorted(work.progress.issues)
    with work.context.database.tenant_tx(work.tenant_id) as connection:
        begun = [row[0] for row in threads_begun(work, connection)]
        yield from (("thread", row) for row in rows_of(connection, "thread", "id = ANY(%s)", (begun,)))
        for row in rows_of(connection, "issue", "id = ANY(%s::uuid[])", (issues,)):
            yield "issue", {name: concealer.concealed_value(value) for name, value in _issue(row).items()}
        for row in rows_of(connection, "export_row", "state = 'written' AND row_key = ANY(%s)", (issues,)):
            yield "sheet_row", row
        yield from _words(work, connection)


def _words(work: Work, connection: psycopg.Connection) -> Iterator[Found]:
    """Yield the words of theirs that a fitted embedder knows and nobody else was seen to use."""
    for version, fitted in fitted_embedders(connection):
        if words := set(fitted.vocabulary) & words_to_forget(work):
            yield "embedding_model", {"version": version, "words": sorted(words)}


def _issue(row: Record) -> Record:
    """Return an issue without what may be other people's words: its summary, its example, its centroid."""
    return {name: value for name, value in row.items() if name not in ("summary", "centroid", "example_message_id")}
