"""Analyses that wait for a model: a day of them is announced again once it is worth trying."""

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


def due_now(connection: psycopg.Connection) -> None:
    """Have the parked analyses of the transaction's tenant tried again: something changed that they waited for."""
    connection.execute("UPDATE analysis SET parked_until = now() WHERE current AND parked_until > now()")


def resume(database: Database) -> int:
    """Announce the days whose parked analyses are due, a transaction a tenant; returns how many days."""
    with database.system_tx() as connection:
        rows: list[tuple[UUID, date]] = connection.execute(
            "SELECT DISTINCT tenant_id, partition_day FROM analysis WHERE current AND parked_until <= now() LIMIT %s",
            (_PAGE,),
        ).fetchall()
    days: dict[UUID, list[date]] = defaultdict(list)
    for tenant_id, day in rows:
        days[tenant_id].append(day)
    for tenant_id, of_tenant in days.items():
        with database.tenant_tx(tenant_id) as connection:
            connection.execute(
                "UPDATE analysis SET parked_until = now() + %s"
                " WHERE current AND parked_until <= now() AND partition_day = ANY(%s)",
                (AGAIN, of_tenant),
            )
            announce_days(connection, tenant_id, of_tenant, REASON, "analyses")
    return len(rows)
