"""The outbox: work is announced in the transaction that makes it necessary; the relay publishes it afterwards.

A row stays until the ledger has its work (opsintel/queue/consume.py). The relay takes a row for `CLAIM` when it
publishes it and for `CONFIRMED` once the queue confirmed it; what is still there after that is published again, so a
killed relay and a broker that lost its disk lose nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from opsintel import tracing
from opsintel.db.engine import Database
from opsintel.errors import UnavailableError
from opsintel.ids import new_id
from opsintel.partitions import STAGE_NAMES, StageName
from opsintel.queue import quarantine
from opsintel.queue.contract import CHANNEL, PARTITION_DIRTY, QUEUE_PAGE, Announcement, Queue
from opsintel.queue.wire import MAX_BODY, VERSION, Origin, RefusedError, encode

CLAIM = timedelta(seconds=15)
"""Longer than the relay waits for a confirm: a relay that died gives back what it took after this long."""

CONFIRMED = timedelta(seconds=60)
"""What the queue confirmed this long ago and the ledger still lacks is published again."""

READ_AHEAD = 4
"""Rows read for each one in a page, at most: so it is full although most tenants have little waiting."""

_TAKE: LiteralString = """
    WITH RECURSIVE first_of (tenant_id, due_at) AS (
        (SELECT tenant_id, due_at FROM outbox ORDER BY tenant_id, due_at LIMIT 1)
        UNION ALL
        SELECT following.tenant_id, following.due_at FROM first_of CROSS JOIN LATERAL (
            SELECT tenant_id, due_at FROM outbox WHERE outbox.tenant_id > first_of.tenant_id
            ORDER BY tenant_id, due_at LIMIT 1) AS following
    ), waiting AS (
        SELECT tenant_id FROM first_of WHERE due_at <= now() ORDER BY due_at, tenant_id LIMIT %(page)s
    ), share AS (
        SELECT least(%(page)s, ceil(%(page)s * %(ahead)s / greatest(count(*), 1)))::int AS size FROM waiting
    ), taken AS (
        SELECT tenant_id, id, row_number() OVER (PARTITION BY tenant_id ORDER BY due_at, id) AS place
        FROM waiting CROSS JOIN LATERAL (
            SELECT id, due_at FROM outbox WHERE outbox.tenant_id = waiting.tenant_id AND due_at <= now()
            ORDER BY due_at, id LIMIT (SELECT size FROM share) FOR UPDATE SKIP LOCKED) AS of_tenant
        ORDER BY place, due_at, id LIMIT %(page)s
    )
    UPDATE outbox SET due_at = now() + %(claim)s FROM taken
    WHERE outbox.tenant_id = taken.tenant_id AND outbox.id = taken.id
    RETURNING outbox.tenant_id, outbox.id, topic, payload
"""
"""Round-robin over the tenants that have rows due: each tenant's first, each one's second, and so on. The index
ix_outbox_due is entered once for each tenant, and read no further than a page needs."""


def dirty_day(day: date, reason: str, first_stage: StageName, trace_id: str = "") -> dict[str, Any]:
    """Return what an outbox row says of a dirty day; without a trace it is that of the caller's work, or a new one."""
    return {
        "version": VERSION,
        "reason": reason,
        "first_stage": first_stage,
        "trace_id": trace_id or tracing.current().trace_id or tracing.new_trace_id(),
        "day": day.isoformat(),
    }


def announce_days(
    connection: psycopg.Connection,
    tenant_id: UUID,
    days: Iterable[date],
    reason: str,
    first_stage: StageName = STAGE_NAMES[0],
) -> None:
    """Write one outbox row for each dirty day, in the caller's transaction of that tenant; its commit wakes the relay.

    Day, reason (one line), the stage that its work begins at and the trace it belongs to are the payload.
    """
    trace_id = tracing.current().trace_id or tracing.new_trace_id()
    rows = [
        (tenant_id, new_id(), PARTITION_DIRTY, Jsonb(dirty_day(day, reason, first_stage, trace_id)))
        for day in sorted(set(days))
    ]
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO outbox (tenant_id, id, topic, payload) VALUES (%s, %s, %s, %s)", rows)
        cursor.execute("SELECT pg_notify(%s, '')", (CHANNEL,))


def relay_once(database: Database, queue: Queue) -> int:
    """Publish a page of waiting outbox rows, tenants by turns, and return how many; none while the queue is full.

    A crash anywhere publishes rows again, and the ledger drops the doubles by id. Raises `UnavailableError` when the
    queue did not confirm: the rows wait in the outbox.
    """
    if not queue.has_room():
        return 0
    with database.system_tx() as connection:
        rows = connection.execute(_TAKE, {"page": QUEUE_PAGE, "ahead": READ_AHEAD, "claim": CLAIM}).fetchall()
    announcements = _without_too_large(database, [Announcement(*row) for row in rows])
    if announcements:
        try:
            queue.publish(announcements)
        except UnavailableError:
            _set_due(database, announcements, "due_at = now()", ())
            raise
        _set_due(database, announcements, "published_at = now(), due_at = now() + %s", (CONFIRMED,))
    return len(rows)


def _without_too_large(database: Database, announcements: Sequence[Announcement]) -> list[Announcement]:
    """Return what may be published; a broker would refuse the rest for ever, so it is quarantined here."""
    bodies = [encode(announcement) for announcement in announcements]
    refused = [
        (RefusedError("too_large", f"{len(body):,} bytes, more than {MAX_BODY:,}", Origin(a.tenant_id, a.id)), body)
        for a, body in zip(announcements, bodies, strict=True)
        if len(body) > MAX_BODY
    ]
    if refused:
        with database.system_tx() as connection:
            quarantine.store(connection, refused)
    return [a for a, body in zip(announcements, bodies, strict=True) if len(body) <= MAX_BODY]


def _set_due(
    database: Database, announcements: Sequence[Announcement], change: LiteralString, values: tuple[timedelta, ...]
) -> None:
    with database.system_tx() as connection:
        connection.execute(
            f"UPDATE outbox SET {change} WHERE (tenant_id, id) IN (SELECT * FROM unnest(%s::uuid[], %s::uuid[]))",
            (*values, [a.tenant_id for a in announcements], [a.id for a in announcements]),
        )


def publish_again(database: Database) -> None:
    """Have everything published at once that the ledger lacks: the queue may have lost what it confirmed."""
    with database.system_tx() as connection:
        connection.execute("UPDATE outbox SET due_at = now() WHERE due_at > now()")


def remove(connection: psycopg.Connection, origins: Sequence[Origin]) -> None:
    """Remove outbox rows whose announcements are durable elsewhere, in the caller's transaction."""
    rows = [{"tenant_id": str(origin.tenant_id), "id": str(origin.id)} for origin in origins]
    connection.execute(
        "DELETE FROM outbox USING json_to_recordset(%s) AS gone (tenant_id uuid, id uuid)"
        " WHERE outbox.tenant_id = gone.tenant_id AND outbox.id = gone.id",
        (json.dumps(rows),),
    )
