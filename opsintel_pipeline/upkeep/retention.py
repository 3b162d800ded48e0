"""Retention: what is older than a tenant keeps is deleted, and what is finished long ago; nothing else.

In pages, a short transaction each, so that nobody waits; a run that was killed goes on with the next. A month of facts
that no tenant keeps any more is dropped whole.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial
from typing import LiteralString
from uuid import UUID

import psycopg

from opsintel.context import Context
from opsintel.db.engine import Connection, Database
from opsintel.queue.outbox import announce_days
from opsintel.tenants import Tenant, all_tenants

log = logging.getLogger(__name__)

PAGE = 1000

COUNTS = ("fact_message_day", "fact_participant_day", "fact_issue_day")
"""Counts that a tenant may keep for longer than its messages."""

CENSUS = "fact_source_day"
FACTS = (*COUNTS, CENSUS)
"""Tables that lie in months."""

FINISHED = timedelta(days=30)
"""How long what is over is kept: work, batches, replayed quarantine, sessions and links."""

_FINISHED: dict[str, LiteralString] = {
    "job": "SELECT job.tenant_id, job.id FROM job JOIN tenant ON tenant.id = job.tenant_id"
    " WHERE state IN ('done', 'failed', 'cancelled')"
    " AND finished_at < now() - make_interval(days => tenant.job_days) LIMIT %(page)s",
    "person_export": "SELECT export.tenant_id, export.id FROM person_export AS export"
    " JOIN tenant ON tenant.id = export.tenant_id WHERE state IN ('failed', 'expired')"
    " AND finished_at < now() - make_interval(days => tenant.job_days) LIMIT %(page)s",
    "alert": "SELECT alert.tenant_id, alert.id FROM alert JOIN tenant ON tenant.id = alert.tenant_id"
    " WHERE resolved_at < now() - make_interval(days => tenant.job_days) LIMIT %(page)s",
    "work": "SELECT tenant_id, id FROM work WHERE state IN ('done', 'failed', 'cancelled')"
    " AND finished_at < now() - %(age)s LIMIT %(page)s",
    "batch": "SELECT id FROM batch WHERE state <> 'open' AND finished_at < now() - %(age)s"
    " AND NOT EXISTS (SELECT FROM work WHERE batch_id = batch.id) LIMIT %(page)s",
    "push_receipt": "SELECT tenant_id, id FROM push_receipt WHERE handled_at < now() - %(age)s LIMIT %(page)s",
    "quarantine": "SELECT id FROM quarantine WHERE replayed_at < now() - %(age)s LIMIT %(page)s",
    "refresh_token": "SELECT id FROM refresh_token WHERE expires_at < now() - %(age)s LIMIT %(page)s",
    "account_token": "SELECT id FROM account_token WHERE expires_at < now() - %(age)s LIMIT %(page)s",
}
"""What is finished, by table; jobs and work before the batches that they name."""

_OLD = "now() - make_interval(days => %(days)s)"


def run(context: Context) -> dict[str, int]:
    """Delete what is past its time in all tenants and return the rows deleted by table.

    The roll-ups of the days that lost messages are announced to be built again, unless counts are kept for longer.
    """
    deleted = {"message": 0, "raw_payload": 0, "ingest_failure": 0, "payload_content": 0, "fact": 0}
    for tenant in all_tenants(context.database):
        if tenant.payload_days is not None:
            deleted["payload_content"] += _let_go_of_payloads(context.database, tenant.id, tenant.payload_days)
        if tenant.retention_days is not None:
            while messages := _delete_messages(context.database, tenant):
                deleted["message"] += messages
            if tenant.fact_days is not None:
                days = max(tenant.fact_days, tenant.retention_days)
                deleted["fact"] += sum(_delete_facts(context.database, tenant.id, table, days) for table in COUNTS)
            for table in ("raw_payload", "ingest_failure"):
                deleted[table] += _delete_old(context.database, tenant.id, table, tenant.retention_days)
            _forget_census(context.database, tenant.id, tenant.retention_days)
    deleted["months of facts"] = _drop_months(context.database)
    _make_months(context.database)
    return deleted | {table: _delete_finished(context.database, table) for table in _FINISHED}


def _delete_messages(database: Database, tenant: Tenant) -> int:
    """Delete a page of old messages with what hangs on them, and the threads that they leave empty."""
    with database.tenant_tx(tenant.id) as connection:
        old = connection.execute(
            "SELECT id, thread_id, (sorted_at AT TIME ZONE 'UTC')::date FROM message"
            f" WHERE sorted_at < {_OLD} ORDER BY sorted_at, id LIMIT %(page)s",
            {"days": tenant.retention_days, "page": PAGE},
        ).fetchall()
        ids = [row[0] for row in old]
        connection.execute("UPDATE issue SET example_message_id = NULL WHERE example_message_id = ANY(%s)", (ids,))
        connection.execute("DELETE FROM message WHERE id = ANY(%s)", (ids,))
        connection.execute(
            "DELETE FROM thread WHERE id = ANY(%s)"
            " AND NOT EXISTS (SELECT FROM message WHERE message.thread_id = thread.id)",
            (list({row[1] for row in old}),),
        )
        if tenant.fact_days is None:
            announce_days(connection, tenant.id, {row[2] for row in old}, "retention", "marts")
    return len(ids)


def _let_go_of_payloads(database: Database, tenant_id: UUID, days: int) -> int:
    """Let go of what providers sent; that it was read stays known. Objects that nobody holds are collected."""
    statement = (
        "UPDATE raw_payload SET object_key = NULL, object_offset = 0 WHERE id IN (SELECT id FROM raw_payload"
        " WHERE object_key IS NOT NULL AND normalized_at IS NOT NULL"
        f" AND coalesce(occurred_at, fetched_at) < {_OLD} LIMIT %(page)s)"
    )
    return _in_pages(partial(database.tenant_tx, tenant_id), statement, {"days": days})


def _delete_facts(database: Database, tenant_id: UUID, table: str, days: int) -> int:
    with database.tenant_tx(tenant_id) as connection:
        statement = f"DELETE FROM {table} WHERE day < (now() AT TIME ZONE 'UTC')::date - %s"
        return connection.execute(statement.encode(), (days,)).rowcount


def _delete_old(database: Database, tenant_id: UUID, table: str, days: int) -> int:
    """Delete what was read so long ago; a payload goes once no message that is kept was made of it."""
    is_old = {
        "raw_payload": f"coalesce(occurred_at, fetched_at) < {_OLD} AND NOT EXISTS ("
        "SELECT FROM message_occurrence AS place WHERE place.raw_payload_id = raw_payload.id)",
        "ingest_failure": f"last_at < {_OLD}",
    }[table]
    statement = f"DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE {is_old} LIMIT %(page)s)"
    return _in_pages(partial(database.tenant_tx, tenant_id), statement, {"days": days})


def _in_pages(
    transaction: Callable[[], AbstractContextManager[Connection]], statement: str, parameters: dict[str, object]
) -> int:
    """Execute a statement, a transaction for each page, until a page is not full; returns the rows."""
    deleted = 0
    while True:
        with transaction() as connection:
            count = connection.execute(statement.encode(), {**parameters, "page": PAGE}).rowcount
        deleted += count
        if count < PAGE:
            return deleted


def _forget_census(database: Database, tenant_id: UUID, days: int) -> None:
    """Forget how complete the days were of which nothing is left: else they would be fetched again."""
    with database.tenant_tx(tenant_id) as connection:
        connection.execute(
            f"DELETE FROM fact_source_day AS fact WHERE day < ({_OLD})::date AND NOT EXISTS ("
            " SELECT FROM raw_payload WHERE raw_payload.partition_day = fact.day"
            " AND raw_payload.source_id = fact.source_id)",
            {"days": days},
        )


def _drop_months(database: Database) -> int:
    """Drop the months of facts that end before what any tenant keeps, suspended ones included; return how many.

    Counts may be kept for longer than messages. Of how complete the sources were, the months stay from the oldest day
    on of which something is left.
    """
    with database.system_tx() as connection:
        tenants = connection.execute(
            "SELECT id, CASE WHEN retention_days IS NOT NULL THEN greatest(retention_days, fact_days) END,"
            " current_date FROM tenant"
        ).fetchall()
    if not tenants or any(days is None for _, days, _ in tenants):
        return 0
    oldest = min(day - timedelta(days=days) for _, days, day in tenants)
    counted = [oldest]
    for tenant_id, _, _ in tenants:
        with database.tenant_tx(tenant_id) as connection:
            row = connection.execute("SELECT min(day) FROM fact_source_day").fetchone()
            counted += [row[0]] if row and row[0] else []
    return sum(
        _alter_partitions(database, "SELECT facts_forget(%s, %s)", table, min(counted) if table == CENSUS else oldest)
        for table in FACTS
    )


def _make_months(database: Database) -> None:
    _alter_partitions(database, "SELECT facts_ahead()")


def _alter_partitions(database: Database, statement: LiteralString, *parameters: object) -> int:
    """Return how many partitions a function changed: none while somebody holds the table for long."""
    try:
        with database.system_tx() as connection:
            row = connection.execute(statement, parameters).fetchone()
    except psycopg.errors.LockNotAvailable:
        log.warning("partitions of facts are left to the next night: their table is in use")
        return 0
    assert row is not None
    return int(row[0])


def _delete_finished(database: Database, table: str) -> int:
    key = "tenant_id, id" if table in ("alert", "job", "person_export", "push_receipt", "work") else "id"
    statement = f"DELETE FROM {table} WHERE ({key}) IN ({_FINISHED[table]})"
    return _in_pages(database.system_tx, statement, {"age": FINISHED})
