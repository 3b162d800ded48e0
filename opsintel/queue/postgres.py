"""The queue in PostgreSQL, for installations without a broker: SKIP LOCKED leases, NOTIFY to wake the consumer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from psycopg.types.json import Jsonb

from opsintel.db.engine import Database
from opsintel.queue.contract import Announcement

LEASE = timedelta(seconds=60)
"""A consumer that died gives back what it held after this long."""


class PostgresQueue:
    """Implements `Queue` on the table queue_message."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def publish(self, announcements: Sequence[Announcement]) -> None:
        """Insert the announcements in one transaction; one that is already there is left alone."""
        with self._database.system_tx() as connection, connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO queue_message (tenant_id, id, topic, payload) VALUES (%s, %s, %s, %s)"
                " ON CONFLICT DO NOTHING",
                [(a.tenant_id, a.id, a.topic, Jsonb(a.payload)) for a in announcements],
            )

    def receive(self, limit: int) -> list[Announcement]:
        """Lease up to `limit` announcements, the longest available first."""
        with self._database.system_tx() as connection:
            rows = connection.execute(
                """
                UPDATE queue_message SET attempts = attempts + 1, available_at = now() + %s
                WHERE (tenant_id, id) IN (
                    SELECT tenant_id, id FROM queue_message WHERE available_at <= now()
                    ORDER BY available_at, id LIMIT %s FOR UPDATE SKIP LOCKED)
                RETURNING tenant_id, id, topic, payload
                """,
                (LEASE, limit),
            ).fetchall()
        return [Announcement(*row) for row in rows]

    def acknowledge(self, announcements: Sequence[Announcement]) -> None:
        """Remove the announcements."""
        with self._database.system_tx() as connection:
            connection.execute(
                "DELETE FROM queue_message WHERE (tenant_id, id) IN (SELECT * FROM unnest(%s::uuid[], %s::uuid[]))",
                ([a.tenant_id for a in announcements], [a.id for a in announcements]),
            )
