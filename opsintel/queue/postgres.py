"""The queue in PostgreSQL, for installations without a broker: SKIP LOCKED leases, NOTIFY to wake the consumer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import LiteralString

import psycopg

from opsintel.closing import Closing
from opsintel.db.engine import Database
from opsintel.queue.contract import CHANNEL, DELIVERY_LIMIT, QUEUE_PAGE, Announcement, Delivery
from opsintel.queue.wire import encode

LEASE = timedelta(seconds=60)
"""A consumer that died gives back what it held after this long."""


_BODY: LiteralString = """
    json_build_object(
        'tenant_id', queue_message.tenant_id, 'id', queue_message.id, 'topic', topic, 'payload', payload)::text
"""


class PostgresQueue(Closing):
    """Implements `Queue` on the table queue_message. The token of a delivery is its tenant and id."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._proven = False

    def publish(self, announcements: Sequence[Announcement]) -> None:
        """Insert the announcements in one transaction; one that is already there is left alone."""
        with self._database.system_tx() as connection, connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO queue_message (tenant_id, id, topic, payload) SELECT sent.* FROM json_to_recordset(%s)"
                " AS sent (tenant_id uuid, id uuid, topic text, payload jsonb)"
                " JOIN tenant ON tenant.id = sent.tenant_id ON CONFLICT DO NOTHING",
                ("[" + ",".join(encode(announcement).decode() for announcement in announcements) + "]",),
            )
            cursor.execute("SELECT pg_notify(%s, '')", (CHANNEL,))

    def has_room(self) -> bool:
        """Tell whether less than a page waits to be handed out."""
        with self._database.system_tx() as connection:
            row = connection.execute(
                "SELECT count(*) FROM (SELECT FROM queue_message WHERE available_at <= now() LIMIT %s) AS waiting",
                (QUEUE_PAGE,),
            ).fetchone()
        return row is not None and row[0] < QUEUE_PAGE

    def receive(self, limit: int) -> list[Delivery]:
        """Lease up to `limit` announcements, the longest available first."""
        return self._lease("attempts <= %s", limit, handed_out=0)

    def receive_dead(self) -> Delivery | None:
        """Lease an announcement that was handed out more often than the limit allows."""
        return next(iter(self._lease("attempts > %s", 1, handed_out=DELIVERY_LIMIT + 1)), None)

    def _lease(self, which: str, limit: int, *, handed_out: int) -> list[Delivery]:
        # MATERIALIZED: a plan may look into a subquery again for each row, and then the limit holds for each look.
        with self._database.system_tx() as connection:
            rows = connection.execute(
                f"""
                WITH page AS MATERIALIZED (
                    SELECT tenant_id, id FROM queue_message WHERE available_at <= now() AND {which}
                    ORDER BY available_at, id LIMIT %s FOR UPDATE SKIP LOCKED)
                UPDATE queue_message SET attempts = attempts + 1, available_at = now() + %s FROM page
                WHERE queue_message.tenant_id = page.tenant_id AND queue_message.id = page.id
                RETURNING queue_message.tenant_id, queue_message.id, {_BODY}, attempts
                """,
                (DELIVERY_LIMIT, limit, LEASE),
            ).fetchall()
        return [
            Delivery((tenant_id, id_), body.encode(), attempts - handed_out - 1)
            for tenant_id, id_, body, attempts in rows
        ]

    def take(self, connection: psycopg.Connection, limit: int) -> list[Delivery]:
        """Remove a page of announcements that were never handed out, once a page has been consumed by lease."""
        if not self._proven:
            return []
        rows = connection.execute(
            f"""
            WITH page AS MATERIALIZED (
                SELECT tenant_id, id, attempts FROM queue_message WHERE available_at <= now()
                ORDER BY available_at, id LIMIT %s FOR UPDATE SKIP LOCKED)
            DELETE FROM queue_message USING page
            WHERE queue_message.tenant_id = page.tenant_id AND queue_message.id = page.id
              AND NOT EXISTS (SELECT FROM page WHERE attempts > 0)
            RETURNING queue_message.tenant_id, queue_message.id, {_BODY}
            """,
            (limit,),
        ).fetchall()
        return [Delivery((tenant_id, id_), body.encode(), 0) for tenant_id, id_, body in rows]

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Remove the announcements."""
        with self._database.system_tx() as connection:
            connection.execute(
                "DELETE FROM queue_message WHERE (tenant_id, id) IN (SELECT * FROM unnest(%s::uuid[], %s::uuid[]))",
                ([d.token[0] for d in deliveries], [d.token[1] for d in deliveries]),
            )
        self._proven = True

    def reject(self, deliveries: Sequence[Delivery]) -> None:
        """End the leases."""
        with self._database.system_tx() as connection:
            connection.execute(
                "UPDATE queue_message SET available_at = now()"
                " WHERE (tenant_id, id) IN (SELECT * FROM unnest(%s::uuid[], %s::uuid[]))",
                ([d.token[0] for d in deliveries], [d.token[1] for d in deliveries]),
            )

    def close(self) -> None:
        """Do nothing: the database is its owner's, and leases run out by themselves."""
