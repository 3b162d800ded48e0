"""The consumer: from the queue into the ledger, committed before it is acknowledged."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from uuid import UUID

import psycopg

from opsintel.db.engine import Database
from opsintel.partitions import STAGE_NAMES
from opsintel.queue import outbox, quarantine
from opsintel.queue.contract import QUEUE_PAGE, Announcement, Delivery, Queue, TransactionalQueue
from opsintel.queue.wire import PROBE, Origin, RefusedError, decode

DEAD_PAGE = 100
"""Dead letters that one round takes, at most, so that they hold up nothing."""

ROW_FAULTS = (psycopg.DataError, psycopg.IntegrityError)
"""What a single announcement can provoke in the database; anything else is the database's own fault."""


def consume_once(database: Database, queue: Queue) -> int:
    """Move a page of deliveries into the ledger and return how many; a double changes nothing.

    What cannot be read, or names a tenant that is not there, is quarantined. What the database refuses goes back to the
    queue, and to quarantine after the limit.
    """
    if isinstance(queue, TransactionalQueue) and (taken := _take(database, queue)):
        return taken
    deliveries = queue.receive(QUEUE_PAGE)
    if deliveries:
        try:
            with database.system_tx() as connection:
                _enter(connection, deliveries)
        except ROW_FAULTS:
            _one_by_one(database, queue, deliveries)
        else:
            queue.acknowledge(deliveries)
    return len(deliveries) + _consume_dead(database, queue)


def _take(database: Database, queue: TransactionalQueue) -> int:
    """Move a page into the ledger by one transaction; none when there is anything wrong with it."""
    try:
        with database.system_tx() as connection:
            deliveries = queue.take(connection, QUEUE_PAGE)
            if deliveries:
                _enter(connection, deliveries)
    except ROW_FAULTS:
        return 0
    return len(deliveries)


def _one_by_one(database: Database, queue: Queue, deliveries: Sequence[Delivery]) -> None:
    """Let the page not suffer from the one that cannot be entered."""
    for delivery in deliveries:
        try:
            with database.system_tx() as connection:
                _enter(connection, [delivery])
        except ROW_FAULTS:
            queue.reject([delivery])
        else:
            queue.acknowledge([delivery])


def _consume_dead(database: Database, queue: Queue) -> int:
    """Give each dead letter one last try, alone, before it is quarantined: it may have died with its neighbours."""
    for count in range(DEAD_PAGE):
        delivery = queue.receive_dead()
        if delivery is None:
            return count
        reason = "Its consumers died" if delivery.attempts else _last_try(database, delivery)
        if reason is not None:
            with database.system_tx() as connection:
                quarantine.store(connection, [(_poison(delivery, reason), delivery.body)])
        queue.acknowledge([delivery])
    return DEAD_PAGE


def _last_try(database: Database, delivery: Delivery) -> str | None:
    """Return why the delivery cannot be entered into the ledger; None when it was."""
    try:
        with database.system_tx() as connection:
            _enter(connection, [delivery])
    except ROW_FAULTS as error:
        return f"The ledger refuses it: {type(error).__name__} {error.sqlstate or ''}".rstrip()
    return None


def _poison(delivery: Delivery, reason: str) -> RefusedError:
    try:
        announcement = decode(delivery.body)
    except RefusedError as error:
        return error
    return RefusedError("poison", reason, Origin(announcement.tenant_id, announcement.id))


def _enter(connection: psycopg.Connection, deliveries: Sequence[Delivery]) -> None:
    """Enter what can be read into the ledger and quarantine the rest."""
    readable, refused = _read([d for d in deliveries if d.body != PROBE])
    known = _known_tenants(connection, {announcement.tenant_id for announcement, _ in readable})
    entered = [announcement for announcement, _ in readable if announcement.tenant_id in known]
    refused += [
        (RefusedError("unknown_tenant", "There is no such tenant", Origin(a.tenant_id, a.id)), body)
        for a, body in readable
        if a.tenant_id not in known
    ]
    _insert(connection, entered)
    outbox.remove(connection, [Origin(a.tenant_id, a.id) for a in entered])
    if refused:
        quarantine.store(connection, refused)


def _read(
    deliveries: Sequence[Delivery],
) -> tuple[list[tuple[Announcement, bytes]], list[tuple[RefusedError, bytes]]]:
    readable, refused = [], []
    for delivery in deliveries:
        try:
            readable.append((decode(delivery.body), delivery.body))
        except RefusedError as error:
            refused.append((error, delivery.body))
    return readable, refused


def _known_tenants(connection: psycopg.Connection, wanted: set[UUID]) -> set[UUID]:
    rows = connection.execute("SELECT id FROM tenant WHERE id = ANY(%s) FOR KEY SHARE", (sorted(wanted),)).fetchall()
    return {row[0] for row in rows}


def _insert(connection: psycopg.Connection, announcements: Sequence[Announcement]) -> None:
    rows = [
        {
            "tenant_id": str(a.tenant_id),
            "id": str(a.id),
            "day": date.fromisoformat(a.payload["day"]).isoformat(),
            "reason": a.payload["reason"],
            "first_stage": a.payload.get("first_stage", STAGE_NAMES[0]),
            "trace_id": a.payload.get("trace_id") or None,
        }
        for a in announcements
    ]
    connection.execute(
        "INSERT INTO work (tenant_id, id, partition_day, reason, first_stage, trace_id)"
        " SELECT * FROM json_to_recordset(%s)"
        " AS entered (tenant_id uuid, id uuid, day date, reason text, first_stage text, trace_id text)"
        " ON CONFLICT DO NOTHING",
        (json.dumps(rows),),
    )
