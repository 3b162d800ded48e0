"""Tries of keys that people ask for: jobs, as a model may take a minute to answer."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import psycopg

from opsintel.db.engine import Database
from opsintel.queue import jobs

KIND = "model_key"
LEASE = timedelta(minutes=10)
"""How long a try may take; after it, whoever had it in hand is taken for dead."""


def parameters_of(key_id: UUID) -> dict[str, str]:
    """Return what the job's row keeps."""
    return {"model_key_id": str(key_id)}


def waiting(database: Database) -> list[tuple[UUID, UUID]]:
    """Return (tenant, job) of the tries that have not ended, oldest first."""
    with database.system_tx() as connection:
        return connection.execute(
            "SELECT tenant_id, id FROM job WHERE kind = 'model_key' AND state IN ('queued', 'running')"
            " ORDER BY created_at, id LIMIT 20"
        ).fetchall()


def take(connection: psycopg.Connection, job_id: UUID) -> UUID | None:
    """Take a try in hand and return the key's id; None where another process has it, or it is over."""
    row = connection.execute(
        "UPDATE job SET state = 'running', total = 1, started_at = now() WHERE id = %s AND kind = 'model_key'"
        " AND (state = 'queued' OR (state = 'running' AND started_at < now() - %s)) RETURNING parameters",
        (job_id, LEASE),
    ).fetchone()
    return None if row is None else UUID(row[0]["model_key_id"])


def put_off(connection: psycopg.Connection, job_id: UUID, error: str, pause: timedelta, most: int) -> None:
    """End a try that failed on our side; whoever asked may ask again. `pause` and `most` are for what is tried anew."""
    del pause, most
    jobs.end(connection, job_id, error=error)
