"""Analyses and vectors that wait for a model: their days are announced again once it is worth trying."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from uuid import UUID

import psycopg

from opsintel.db.engine import Database
from opsintel.queue.outbox import announce_days

REASON = "parked analyses"
AGAIN = timedelta(minutes=10)
"""When a day that was announced is announced again, should its run never come to it."""

_PAGE = 200
_IS_DUE = (
    "current AND parked_until <= now()"
    " AND (announced_at IS NULL OR announced_at < parked_until OR announced_at < now() - %(again)s)"
)

VECTORS_REASON = "parked vectors"
_DAYS_WITHOUT_VECTORS = """
    WITH missing AS (
        SELECT partition_day, issue_checked_at FROM message
        WHERE deleted_at IS NULL AND automatic IS NULL AND NOT is_bot AND selected AND NOT EXISTS (
            SELECT FROM embedding WHERE embedding.message_id = message.id AND model_version = %(version)s))
    (SELECT partition_day FROM missing ORDER BY partition_day DESC LIMIT 1)
    UNION (SELECT DISTINCT partition_day FROM missing WHERE issue_checked_at IS NULL LIMIT %(page)s)
"""
"""One day has all vectors made; messages that no day step has looked at need that of their own day."""


def due_now(connection: psycopg.Connection) -> None:
    """Have what is parked of the transaction's tenant tried again: something changed that it waited for. What waits in
    a batch is left to that."""
    connection.execute(
        "UPDATE analysis SET parked_until = now() WHERE current AND parked_until > now() AND NOT EXISTS ("
        "SELECT FROM model_batch_message AS place JOIN model_batch_question AS question ON question.id = question_id"
        " WHERE place.message_id = analysis.message_id AND question.state IN ('waiting', 'sent'))"
    )
    connection.execute("UPDATE embedding_model SET retry_at = now() WHERE retry_at > now()")
    connection.execute("UPDATE model_batch SET next_at = now() WHERE state <> 'closed' AND next_at > now()")


def resume(database: Database) -> int:
    """Announce the days whose parked analyses or vectors are due, a transaction a tenant; returns how many days."""
    return _resume_analyses(database) + _resume_vectors(database)


def _resume_vectors(database: Database) -> int:
    with database.system_tx() as connection:
        rows: list[tuple[UUID, str]] = connection.execute(
            "SELECT tenant_id, version FROM embedding_model WHERE retry_at <= now() LIMIT %s", (_PAGE,)
        ).fetchall()
    announced = 0
    for tenant_id, version in rows:
        with database.tenant_tx(tenant_id) as connection:
            days = [row[0] for row in connection.execute(_DAYS_WITHOUT_VECTORS, {"version": version, "page": _PAGE})]
            connection.execute(
                "UPDATE embedding_model SET retry_at = CASE WHEN %s THEN now() + %s END WHERE version = %s",
                (bool(days), AGAIN, version),
            )
            announce_days(connection, tenant_id, days, VECTORS_REASON, "issues")
        announced += len(days)
    return announced


def _resume_analyses(database: Database) -> int:
    with database.system_tx() as connection:
        rows: list[tuple[UUID, date]] = connection.execute(
            f"SELECT DISTINCT tenant_id, partition_day FROM analysis WHERE {_IS_DUE} LIMIT %(page)s",
            {"again": AGAIN, "page": _PAGE},
        ).fetchall()
    days: dict[UUID, list[date]] = defaultdict(list)
    for tenant_id, day in rows:
        days[tenant_id].append(day)
    for tenant_id, of_tenant in days.items():
        with database.tenant_tx(tenant_id) as connection:
            connection.execute(
                f"UPDATE analysis SET announced_at = now() WHERE {_IS_DUE} AND partition_day = ANY(%(days)s)",
                {"again": AGAIN, "days": of_tenant},
            )
            announce_days(connection, tenant_id, of_tenant, REASON, "analyses")
    return len(rows)
