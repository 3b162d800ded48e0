"""Queue in PostgreSQL: messages a second from accepted to their effect, each exactly once.

Peers: a bare loop as pgmq does it (read a page under SKIP LOCKED with a lease, do the effect once by its key, delete
the page), and one as procrastinate does it (a message at a time, each in its transaction). All on the same server,
tables with the same columns and indexes, the same effect: a row in a ledger.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import LiteralString
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from bench.measure import by_size, in_turns, timed
from bench.report import Bound, Report, compared, grown
from bench.workplace import Installed, Workplace
from opsintel.clock import today
from opsintel.ids import new_id
from opsintel.queue.consume import consume_once
from opsintel.queue.contract import PARTITION_DIRTY, QUEUE_PAGE, Announcement
from opsintel.queue.postgres import PostgresQueue
from opsintel.queue.wire import VERSION
from opsintel.tenants import create_tenant

SIZES = (200, 2_000, 20_000)
MAIN = 2_000
SINGLY = 200
ROUNDS = 7
OURS, PAGES, ONE = "ours", "bare SKIP LOCKED loop, pages of 500", "bare SKIP LOCKED loop, one at a time"

_BARE: LiteralString = """
    CREATE TABLE bare_queue (LIKE queue_message INCLUDING ALL);
    CREATE TABLE bare_effect (LIKE work INCLUDING ALL);
"""
_LEASE: LiteralString = """
    UPDATE bare_queue SET attempts = attempts + 1, available_at = now() + interval '60 s'
    WHERE (tenant_id, id) IN (
        SELECT tenant_id, id FROM bare_queue WHERE available_at <= now()
        ORDER BY available_at, id LIMIT %s FOR UPDATE SKIP LOCKED)
    RETURNING tenant_id, id, payload
"""


def run(workplace: Workplace) -> Report:
    """Measure messages a second of all three, and how our cost grows with the backlog."""
    with workplace.installation() as installed, psycopg.connect(installed.admin_url) as connection:
        connection.execute(_BARE)
        connection.commit()
        tenant = create_tenant(installed.context.database, "queue", "Queue").id
        contenders = {
            OURS: lambda: MAIN / timed(lambda: ours(installed, _announcements(tenant, MAIN))),
            PAGES: lambda: MAIN / timed(lambda: in_pages(connection, _announcements(tenant, MAIN))),
            ONE: lambda: SINGLY / timed(lambda: one_at_a_time(connection, _announcements(tenant, SINGLY))),
        }
        in_turns(contenders, 1)
        values = in_turns(contenders, ROUNDS)
        costs = by_size(
            lambda size: timed(lambda: ours(installed, _announcements(tenant, size))) / size * 1e6, SIZES, 3
        )
    return Report(
        [
            compared(f"{MAIN:,} messages", "messages/s", values, ours=OURS, peer=PAGES, bound=Bound(1, 2)),
            compared(f"{MAIN:,} and {SINGLY} messages", "messages/s", values, ours=OURS, peer=ONE),
        ],
        [grown("a message by length of the backlog", "µs", costs, Bound(0.1, at_most=True))],
    )


def ours(installed: Installed, announcements: Sequence[Announcement]) -> None:
    """Publish, receive, enter into the ledger, acknowledge."""
    queue = PostgresQueue(installed.context.database)
    for start in range(0, len(announcements), QUEUE_PAGE):
        queue.publish(announcements[start : start + QUEUE_PAGE])
    while consume_once(installed.context.database, queue):
        pass


def in_pages(connection: psycopg.Connection, announcements: Sequence[Announcement]) -> None:
    """Do the same with a bare loop over pages: send, read with a lease, effect, delete; a transaction each."""
    for start in range(0, len(announcements), QUEUE_PAGE):
        _send(connection, announcements[start : start + QUEUE_PAGE])
    while rows := connection.execute(_LEASE, (QUEUE_PAGE,)).fetchall():
        connection.commit()
        _effect(connection, rows)
        connection.commit()
        connection.execute(
            "DELETE FROM bare_queue WHERE (tenant_id, id) IN (SELECT * FROM unnest(%s::uuid[], %s::uuid[]))",
            ([row[0] for row in rows], [row[1] for row in rows]),
        )
        connection.commit()


def one_at_a_time(connection: psycopg.Connection, announcements: Sequence[Announcement]) -> None:
    """Do the same a message at a time: effect and deletion in one transaction, so that no lease is needed."""
    for announcement in announcements:
        _send(connection, [announcement])
    while rows := connection.execute(
        "DELETE FROM bare_queue WHERE (tenant_id, id) = (SELECT tenant_id, id FROM bare_queue"
        " WHERE available_at <= now() ORDER BY available_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)"
        " RETURNING tenant_id, id, payload"
    ).fetchall():
        _effect(connection, rows)
        connection.commit()


def _send(connection: psycopg.Connection, announcements: Sequence[Announcement]) -> None:
    connection.execute(
        "INSERT INTO bare_queue (tenant_id, id, topic, payload)"
        " SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::jsonb[])",
        (
            [a.tenant_id for a in announcements],
            [a.id for a in announcements],
            [a.topic for a in announcements],
            [Jsonb(a.payload) for a in announcements],
        ),
    )
    connection.commit()


def _effect(connection: psycopg.Connection, rows: Sequence[tuple[object, ...]]) -> None:
    connection.execute(
        "INSERT INTO bare_effect (tenant_id, id, partition_day)"
        " SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::date[]) ON CONFLICT DO NOTHING",
        ([row[0] for row in rows], [row[1] for row in rows], [row[2]["day"] for row in rows]),  # type: ignore[index]
    )


def _announcements(tenant: UUID, count: int) -> list[Announcement]:
    payload = {"version": VERSION, "day": today().isoformat(), "reason": "import"}
    return [Announcement(tenant, new_id(), PARTITION_DIRTY, payload) for _ in range(count)]
