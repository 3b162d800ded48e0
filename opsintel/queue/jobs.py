"""Jobs: what a person asks for that takes longer than a request.

Whoever takes the request writes one row and wakes the worker. A backfill's progress is that of its rows in the ledger:
`start_jobs` turns it into work, in one transaction. Whatever is of another kind has a row of its own with the job's id;
who does it moves both in one transaction, by `begin` and `end`, which do nothing where nobody asked by a job.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from opsintel.db.engine import Database
from opsintel.db.listener import CHANGES
from opsintel.errors import NotFoundError
from opsintel.ids import new_id
from opsintel.queue.backfills import Backfill, days_of

REASON = "backfill"
_PAGE = 20

Report = Callable[[Mapping[str, int]], None]
"""Tells how far something is, in figures."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job as its row says."""

    id: UUID
    state: str
    total: int | None
    done: int
    failed: int
    error: str


def find_job(database: Database, tenant_id: UUID, job_id: UUID) -> Job:
    """Return a job; `NotFoundError` when the tenant has none of this id."""
    with database.tenant_tx(tenant_id) as connection:
        row = connection.execute(
            "SELECT id, state, total, done, failed, error FROM job WHERE id = %s", (job_id,)
        ).fetchone()
    if row is None:
        raise NotFoundError("There is no such job")
    return Job(*row)


def start_jobs(database: Database) -> int:
    """Enter the work of queued jobs into the ledger, a transaction each, and return how many were started."""
    with database.system_tx() as connection:
        queued = connection.execute(
            "SELECT tenant_id, id FROM job WHERE state = 'queued' AND kind = 'backfill'"
            " ORDER BY created_at, id LIMIT %s",
            (_PAGE,),
        ).fetchall()
    return sum(_start(database, tenant_id, job_id) for tenant_id, job_id in queued)


def _start(database: Database, tenant_id: UUID, job_id: UUID) -> bool:
    with database.tenant_tx(tenant_id) as connection:
        row = connection.execute(
            "SELECT parameters FROM job WHERE id = %s AND state = 'queued' FOR UPDATE SKIP LOCKED", (job_id,)
        ).fetchone()
        if row is None:
            return False
        backfill = Backfill.of(row[0])
        days = [day for day, _ in days_of(connection, backfill)]
        connection.execute(
            "INSERT INTO work (tenant_id, id, partition_day, reason, first_stage, job_id)"
            " SELECT %s, id, day, %s, %s, %s FROM unnest(%s::uuid[], %s::date[]) AS wanted (id, day)",
            (tenant_id, REASON, backfill.first_stage, job_id, [new_id() for _ in days], days),
        )
        connection.execute(
            "UPDATE job SET total = %(total)s, started_at = now(),"
            " state = CASE WHEN %(total)s > 0 THEN 'running' ELSE 'done' END,"
            " finished_at = CASE WHEN %(total)s = 0 THEN now() END WHERE id = %(id)s",
            {"total": len(days), "id": job_id},
        )
    return True


def begin(connection: psycopg.Connection, job_id: UUID) -> None:
    """Note that what has the id of a job was taken in hand."""
    connection.execute(
        "UPDATE job SET state = 'running', total = 1, started_at = coalesce(started_at, now())"
        " WHERE id = %s AND state IN ('queued', 'running')",
        (job_id,),
    )


def report(connection: psycopg.Connection, job_id: UUID, figures: Mapping[str, int]) -> None:
    """Note how far what has the id of a job is, in figures."""
    connection.execute(
        "UPDATE job SET figures = %s WHERE id = %s AND state = 'running'", (Jsonb(dict(figures)), job_id)
    )


def end(
    connection: psycopg.Connection, job_id: UUID, *, error: str = "", figures: Mapping[str, int] | None = None
) -> None:
    """Note that what has the id of a job has ended: with an error, or with what it found or did."""
    connection.execute(
        "UPDATE job SET state = CASE %(error)s WHEN '' THEN 'done' ELSE 'failed' END, error = %(error)s, total = 1,"
        " done = (%(error)s = '')::int, failed = (%(error)s <> '')::int, figures = %(figures)s, finished_at = now()"
        " WHERE id = %(id)s AND state IN ('queued', 'running')",
        {"id": job_id, "error": error, "figures": None if figures is None else Jsonb(dict(figures))},
    )


def settle(connection: psycopg.Connection) -> None:
    """Bring running jobs up to date with their work, in the ledger's transaction; those with none left have ended."""
    moved = connection.execute(
        """
        WITH progress AS (
            SELECT job.tenant_id, job.id, count(*) FILTER (WHERE work.state = 'done') AS done,
                   count(*) FILTER (WHERE work.state = 'failed') AS failed,
                   count(*) FILTER (WHERE work.state IN ('pending', 'batched')) = 0 AS is_over
            FROM job JOIN work ON work.tenant_id = job.tenant_id AND work.job_id = job.id
            WHERE job.state = 'running' GROUP BY job.tenant_id, job.id)
        UPDATE job SET done = progress.done, failed = progress.failed,
            state = CASE WHEN NOT is_over THEN state WHEN progress.failed > 0 THEN 'failed' ELSE 'done' END,
            finished_at = CASE WHEN is_over THEN now() END,
            error = CASE WHEN is_over AND progress.failed > 0
                         THEN progress.failed || ' of ' || total || ' days could not be processed' ELSE '' END
        FROM progress WHERE job.tenant_id = progress.tenant_id AND job.id = progress.id AND state = 'running'
          AND (is_over OR (job.done, job.failed) <> (progress.done, progress.failed))
        """
    ).rowcount
    if moved:
        connection.execute("SELECT pg_notify(%s, '')", (CHANGES,))


def drop_cancelled(connection: psycopg.Connection) -> None:
    """Cancel what came back to the ledger, or entered it, when its job had just been cancelled."""
    connection.execute(
        "UPDATE work SET state = 'cancelled', finished_at = now() FROM job"
        " WHERE job.state = 'cancelled' AND job.finished_at > now() - interval '1 day'"
        " AND work.tenant_id = job.tenant_id AND work.job_id = job.id AND work.state = 'pending'"
    )
