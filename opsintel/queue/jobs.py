"""Jobs: what a person asks for that takes longer than a request.

Whoever takes the request writes one row and wakes the worker. A backfill's progress is that of its rows in the ledger:
`start_jobs` turns it into work, in one transaction. Whatever is of another kind has a row of its own with the job's id;
who does it moves both in one transaction, by `begin` and `end`, which do nothing where nobody asked by a job.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, LiteralString, cast
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from opsintel.db.engine import Database
from opsintel.db.listener import CHANGES
from opsintel.errors import InputError, NotFoundError
from opsintel.ids import new_id
from opsintel.partitions import STAGE_NAMES, StageName
from opsintel.queue.contract import CHANNEL

LONGEST_DAYS = 3660
"""Days of a backfill, at most: ten years."""

REASON = "backfill"
_PAGE = 20

DAYS: LiteralString = """
    SELECT day, sum(messages)::bigint FROM (
        SELECT partition_day AS day, 0 AS messages FROM raw_payload
        WHERE partition_day BETWEEN $1 AND $2 AND (cardinality($3::uuid[]) = 0 OR source_id = ANY($3))
        GROUP BY partition_day
        UNION ALL
        SELECT partition_day, count(*) FROM message
        WHERE partition_day BETWEEN $1 AND $2 AND (cardinality($3::uuid[]) = 0 OR EXISTS (
            SELECT FROM message_occurrence AS place
            WHERE place.message_id = message.id AND place.source_id = ANY($3)))
        GROUP BY partition_day) AS held
    GROUP BY day ORDER BY day
"""
"""The days of a span that hold something, each with its messages. $1 first day, $2 last day, $3 sources (none: all)."""

BOUNDS: LiteralString = """
    SELECT min(first), max(last) FROM (
        SELECT min(partition_day) AS first, max(partition_day) AS last FROM raw_payload
        UNION ALL SELECT min(partition_day), max(partition_day) FROM message) AS held
"""
"""The first and the last day that hold something; null where there is none."""


Report = Callable[[Mapping[str, int]], None]
"""Tells how far something is, in figures."""


@dataclass(frozen=True, slots=True)
class Backfill:
    """Days to run again, both ends included: all that they hold or what came from some sources, from a stage on."""

    first: date
    last: date
    first_stage: StageName = STAGE_NAMES[0]
    sources: tuple[UUID, ...] = ()

    def parameters(self) -> dict[str, Any]:
        """Return what the job's row keeps."""
        return {
            "from": self.first.isoformat(),
            "to": self.last.isoformat(),
            "first_stage": self.first_stage,
            "sources": sorted(map(str, self.sources)),
        }

    @classmethod
    def of(cls, parameters: dict[str, Any]) -> Backfill:
        """Return the backfill that a job's row keeps."""
        first, last = (date.fromisoformat(parameters[name]) for name in ("from", "to"))
        return cls(first, last, parameters["first_stage"], tuple(map(UUID, parameters["sources"])))

    def fault(self, today: date) -> tuple[str, str] | None:
        """Return (field, reason) where the span cannot be used, whatever is stored."""
        if self.first > self.last:
            return "from", "It lies after `to`"
        if (self.last - self.first).days >= LONGEST_DAYS:
            return "from", f"A backfill has at most {LONGEST_DAYS:,} days"
        if self.last > today + timedelta(days=1):
            return "to", "It lies in the future"
        return None


@dataclass(frozen=True, slots=True)
class Job:
    """A job as its row says."""

    id: UUID
    state: str
    total: int | None
    done: int
    failed: int
    error: str


def no_day_between(bounds: tuple[date | None, date | None]) -> str:
    """Return why a span that holds nothing cannot be used; `bounds` are the days that do."""
    first, last = bounds
    return "There are no messages yet" if first is None else f"No day of it holds anything; {first} to {last} do"


def estimate(database: Database, tenant_id: UUID, backfill: Backfill) -> dict[date, int]:
    """Return the days that a backfill would run, each with its messages; `InputError` where there are none."""
    with database.tenant_tx(tenant_id) as connection:
        days = dict(_days(connection, backfill))
        bounds = connection.execute(BOUNDS).fetchone()
    if not days:
        assert bounds is not None
        raise InputError(no_day_between(cast(tuple[date | None, date | None], bounds)), remedy="Choose other days")
    return days


def create_backfill(database: Database, tenant_id: UUID, backfill: Backfill) -> UUID:
    """Write the job of an operator's backfill, wake the worker, and return the job's id."""
    with database.tenant_tx(tenant_id) as connection:
        return write_backfill(connection, tenant_id, backfill)


def write_backfill(connection: psycopg.Connection, tenant_id: UUID, backfill: Backfill) -> UUID:
    """Write the job of an operator's backfill in the caller's transaction, whose commit wakes the worker; its id."""
    job_id = new_id()
    connection.execute(
        "INSERT INTO job (tenant_id, id, kind, parameters) VALUES (%s, %s, 'backfill', %s)",
        (tenant_id, job_id, Jsonb(backfill.parameters())),
    )
    connection.execute("SELECT pg_notify(%s, '')", (CHANNEL,))
    return job_id


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
        days = [day for day, _ in _days(connection, backfill)]
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


def _days(connection: psycopg.Connection, backfill: Backfill) -> Sequence[tuple[date, int]]:
    with psycopg.RawCursor(connection) as cursor:
        cursor.execute(DAYS, (backfill.first, backfill.last, list(backfill.sources)))
        return cast(Sequence[tuple[date, int]], cursor.fetchall())


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
