"""The outbox: work is announced in the transaction that makes it necessary; the relay publishes it afterwards."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from opsintel.db.engine import Database
from opsintel.ids import new_id
from opsintel.queue.contract import PARTITION_DIRTY, Announcement, Queue

RELAY_PAGE = 500


def announce_days(connection: psycopg.Connection, tenant_id: UUID, days: Iterable[date], reason: str) -> None:
    """Write one outbox row for each dirty day, in the caller's transaction of that tenant."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO outbox (tenant_id, id, topic, payload) VALUES (%s, %s, %s, %s)",
            [
                (tenant_id, new_id(), PARTITION_DIRTY, Jsonb({"day": day.isoformat(), "reason": reason}))
                for day in sorted(set(days))
            ],
        )


def relay_once(database: Database, queue: Queue) -> int:
    """Publish a page of waiting outbox rows and return how many.

    The rows are marked only after the queue confirmed them: a crash in between publishes them again, and the ledger
    drops the doubles by id.
    """
    with database.system_tx() as connection:
        rows = connection.execute(
            "SELECT tenant_id, id, topic, payload FROM outbox WHERE published_at IS NULL ORDER BY id LIMIT %s",
            (RELAY_PAGE,),
        ).fetchall()
    announcements = [Announcement(*row) for row in rows]
    if announcements:
        queue.publish(announcements)
        with database.system_tx() as connection:
            connection.execute(
                "UPDATE outbox SET published_at = now() WHERE (tenant_id, id) IN"
                " (SELECT * FROM unnest(%s::uuid[], %s::uuid[]))",
                ([a.tenant_id for a in announcements], [a.id for a in announcements]),
            )
    return len(announcements)


def forget_published(database: Database, *, days: int = 7) -> int:
    """Remove outbox rows published more than `days` days ago and return how many."""
    with database.system_tx() as connection:
        return connection.execute(
            "DELETE FROM outbox WHERE published_at < now() - make_interval(days => %s)", (days,)
        ).rowcount
