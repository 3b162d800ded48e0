"""Erasures as their rows say: asked for, taken in hand, looked up."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from opsintel.access.audit import Actor, Entry, Subject, record
from opsintel.db.engine import Database
from opsintel.errors import NotFoundError
from opsintel.ids import new_id
from opsintel.queue import jobs

PERSON, TENANT = "person", "tenant"


@dataclass(frozen=True, slots=True)
class Erasure:
    """An erasure as its row says."""

    tenant_id: UUID
    id: UUID
    kind: str
    dry_run: bool
    dry_run_id: UUID | None
    state: str
    actor: Actor
    wanted: dict[str, Any] | None
    progress: dict[str, Any]
    counts: dict[str, int]
    receipt: dict[str, Any] | None
    receipt_hash: bytes | None
    error: str
    requested_at: datetime
    finished_at: datetime | None
    attempts: int = 0


_COLUMNS = (
    "tenant_id, id, kind, dry_run, dry_run_id, state, actor_kind, actor_id, wanted, progress, counts, receipt,"
    " receipt_hash, error, requested_at, finished_at, attempts"
)


def request_erasure(
    database: Database, tenant_id: UUID, kind: str, wanted: dict[str, Any], actor: Actor, erasure_id: UUID | None = None
) -> UUID:
    """Write the row of an erasure, record who asked for it, and return its id.

    That an operator asked for a tenant's is recorded with the installation: the tenant's own mappings go.
    """
    made = erasure_id or new_id()
    entry = Entry(tenant_id, actor, f"{kind}.erasure_requested", Subject("erasure", str(made)))
    with database.tenant_tx(tenant_id) as connection:
        connection.execute(
            "INSERT INTO erasure (tenant_id, id, kind, actor_kind, actor_id, wanted) VALUES (%s, %s, %s, %s, %s, %s)"
            " ON CONFLICT DO NOTHING",
            (tenant_id, made, kind, actor.kind, actor.id, Jsonb(wanted)),
        )
        if kind != TENANT or actor.kind != "operator":
            record(connection, entry)
            return made
    with database.system_tx() as connection:
        record(connection, replace(entry, tenant_id=None))
    return made


def open_erasure(database: Database, tenant_id: UUID, kind: str) -> UUID | None:
    """Return the erasure of a kind that is under way, or waits, in a tenant; None when none is."""
    with database.tenant_tx(tenant_id) as connection:
        row = connection.execute(
            "SELECT id FROM erasure WHERE kind = %s AND NOT dry_run AND state IN ('queued', 'running')"
            " ORDER BY requested_at LIMIT 1",
            (kind,),
        ).fetchone()
    return row[0] if row else None


def find_erasure(database: Database, tenant_id: UUID, erasure_id: UUID) -> Erasure:
    """Return an erasure; `NotFoundError` when the tenant has none of this id."""
    with database.tenant_tx(tenant_id) as connection:
        row = connection.execute(f"SELECT {_COLUMNS} FROM erasure WHERE id = %s", (erasure_id,)).fetchone()
    if row is None:
        raise NotFoundError("There is no such erasure")
    return _erasure(row)


def take_erasure(database: Database, tenant_id: UUID, erasure_id: UUID, lease: timedelta) -> Erasure | None:
    """Take an erasure in hand for a while and return it; None when it is done, or another process has it."""
    with database.tenant_tx(tenant_id) as connection:
        row = connection.execute(
            "UPDATE erasure SET state = 'running', lease_until = now() + %s, attempts = attempts + 1"
            " WHERE id = %s AND state IN ('queued', 'running') AND coalesce(lease_until, '-infinity') < now()"
            f" RETURNING {_COLUMNS}",
            (lease, erasure_id),
        ).fetchone()
        if row:
            jobs.begin(connection, erasure_id)
    return _erasure(row) if row else None


def free_erasure(database: Database, tenant_id: UUID, erasure_id: UUID) -> None:
    """Let an erasure be taken in hand at once: the process that had it is of an installation that was lost."""
    with database.tenant_tx(tenant_id) as connection:
        connection.execute(
            "UPDATE erasure SET state = 'queued', lease_until = NULL WHERE id = %s AND state <> 'done'", (erasure_id,)
        )


def waiting_erasures(database: Database) -> list[tuple[UUID, UUID]]:
    """Return (tenant, id) of what waits, or was left by a process that died, oldest first."""
    with database.system_tx() as connection:
        rows = connection.execute(
            "SELECT tenant_id, id FROM erasure WHERE state IN ('queued', 'running')"
            " AND coalesce(lease_until, '-infinity') < now() ORDER BY requested_at, id LIMIT 20"
        ).fetchall()
    return [(row[0], row[1]) for row in rows]


def put_off(connection: psycopg.Connection, erasure_id: UUID, error: str, pause: timedelta, most: int) -> None:
    """Note why an erasure stopped; it is tried again after a pause, so many times at most."""
    row = connection.execute(
        "UPDATE erasure SET error = %s, lease_until = now() + %s,"
        " state = CASE WHEN attempts >= %s THEN 'failed' ELSE 'queued' END WHERE id = %s AND state = 'running'"
        " RETURNING state",
        (error, pause, most, erasure_id),
    ).fetchone()
    if row == ("failed",):
        jobs.end(connection, erasure_id, error=error)


def give_up(connection: psycopg.Connection, erasure_id: UUID, error: str) -> None:
    """Note that an erasure cannot be done as it was asked for."""
    connection.execute(
        "UPDATE erasure SET error = %s, state = 'failed', wanted = NULL, finished_at = now() WHERE id = %s",
        (error, erasure_id),
    )
    jobs.end(connection, erasure_id, error=error)


def _erasure(row: tuple[Any, ...]) -> Erasure:
    tenant_id, erasure_id, kind, dry_run, dry_run_id, state, actor_kind, actor_id, *rest = row
    return Erasure(tenant_id, erasure_id, kind, dry_run, dry_run_id, state, Actor(actor_kind, actor_id), *rest)
