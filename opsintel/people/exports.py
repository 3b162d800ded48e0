"""Exports of what is stored of a person, as their rows say: asked for, taken in hand, fetched, removed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from opsintel.context import Context
from opsintel.db.engine import Database
from opsintel.queue import jobs

KEPT = timedelta(days=7)
"""How long the file of an export can be fetched; then it is removed."""


@dataclass(frozen=True, slots=True)
class PersonExport:
    """An export that was taken in hand."""

    tenant_id: UUID
    id: UUID
    wanted: dict[str, Any]


def waiting_exports(database: Database) -> list[tuple[UUID, UUID]]:
    """Return (tenant, id) of what waits, or was left by a process that died, oldest first."""
    return _listed(
        database,
        "SELECT tenant_id, id FROM person_export WHERE state IN ('queued', 'running')"
        " AND coalesce(lease_until, '-infinity') < now() ORDER BY requested_at, id LIMIT 20",
    )


def expired_exports(database: Database) -> list[tuple[UUID, UUID]]:
    """Return (tenant, id) of exports whose time is over, oldest first."""
    return _listed(
        database,
        "SELECT tenant_id, id FROM person_export WHERE state = 'done' AND expires_at <= now()"
        " ORDER BY requested_at, id LIMIT 20",
    )


def take_export(database: Database, tenant_id: UUID, export_id: UUID, lease: timedelta) -> PersonExport | None:
    """Take an export in hand for a while and return it; None when it is done, or another process has it."""
    with database.tenant_tx(tenant_id) as connection:
        row = connection.execute(
            "UPDATE person_export SET state = 'running', lease_until = now() + %s, attempts = attempts + 1"
            " WHERE id = %s AND state IN ('queued', 'running') AND coalesce(lease_until, '-infinity') < now()"
            " RETURNING tenant_id, id, wanted",
            (lease, export_id),
        ).fetchone()
        if row:
            jobs.begin(connection, export_id)
    return PersonExport(*row) if row else None


def finish_export(
    connection: psycopg.Connection,
    export_id: UUID,
    counts: dict[str, int],
    file: tuple[str, UUID, int, bytes],
) -> bool:
    """Note where the file is (key, secret, size, hash) and forget who was meant; False where it was given up."""
    key, secret_id, size, digest = file
    done = connection.execute(
        "UPDATE person_export SET state = 'done', wanted = NULL, counts = %s, object_key = %s, secret_id = %s,"
        " size = %s, sha256 = %s, error = '', finished_at = now(), expires_at = now() + %s"
        " WHERE id = %s AND state = 'running'",
        (Jsonb(counts), key, secret_id, size, digest, KEPT, export_id),
    )
    jobs.end(connection, export_id, figures=counts)
    return done.rowcount == 1


def put_off_export(connection: psycopg.Connection, export_id: UUID, error: str, pause: timedelta, most: int) -> None:
    """Note why an export stopped; it is tried again after a pause, so many times at most."""
    row = connection.execute(
        "UPDATE person_export SET error = %(error)s, lease_until = now() + %(pause)s,"
        " state = CASE WHEN attempts >= %(most)s THEN 'failed' ELSE 'queued' END,"
        " wanted = CASE WHEN attempts < %(most)s THEN wanted END,"
        " finished_at = CASE WHEN attempts >= %(most)s THEN now() END"
        " WHERE id = %(id)s AND state = 'running' RETURNING state",
        {"error": error, "pause": pause, "most": most, "id": export_id},
    ).fetchone()
    if row == ("failed",):
        jobs.end(connection, export_id, error=error)


def give_up_export(connection: psycopg.Connection, export_id: UUID, error: str) -> None:
    """Note that an export cannot be made as it was asked for."""
    connection.execute(
        "UPDATE person_export SET error = %s, state = 'failed', wanted = NULL, finished_at = now()"
        " WHERE id = %s AND state IN ('queued', 'running')",
        (error, export_id),
    )
    jobs.end(connection, export_id, error=error)


def remove_file(context: Context, tenant_id: UUID, export_id: UUID) -> None:
    """Remove the file of an export from the object store, and its key with it; killed anywhere it goes on."""
    with context.database.tenant_tx(tenant_id) as connection:
        row = connection.execute(
            "SELECT object_key, secret_id FROM person_export WHERE id = %s", (export_id,)
        ).fetchone()
    if row is None:
        return
    if row[0] is not None:
        context.objects.delete([row[0]])
    with context.database.tenant_tx(tenant_id) as connection:
        connection.execute(
            "UPDATE person_export SET state = 'expired', object_key = NULL, secret_id = NULL WHERE id = %s",
            (export_id,),
        )
        connection.execute("DELETE FROM secret WHERE id = %s", (row[1],))


def _listed(database: Database, statement: str) -> list[tuple[UUID, UUID]]:
    with database.system_tx() as connection:
        return [(row[0], row[1]) for row in connection.execute(statement.encode()).fetchall()]
