"""Jobs that one process does at a stretch, beside the ledger: taken in hand for a while, by whoever comes first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg

from opsintel.db.engine import Database
from opsintel.queue import jobs


@dataclass(frozen=True, slots=True)
class JobKind:
    """A kind of job. What fails on our side is over; whoever asked may ask again."""

    name: str
    """As the rows of `job` have it."""

    lease: timedelta = timedelta(minutes=10)
    """How long one may take; after it, whoever had it in hand is taken for dead."""

    ended: str | None = None
    """What is said of one whose process ended; None: it is done again."""

    def waiting(self, database: Database) -> list[tuple[UUID, UUID]]:
        """Return (tenant, job) of those that have not ended, oldest first."""
        with database.system_tx() as connection:
            return connection.execute(
                "SELECT tenant_id, id FROM job WHERE kind = %s AND state IN ('queued', 'running')"
                " ORDER BY created_at, id LIMIT 20",
                (self.name,),
            ).fetchall()

    def take(self, connection: psycopg.Connection, job_id: UUID) -> dict[str, Any] | None:
        """Take one in hand and return what was asked for; None where another process has it, or it is over."""
        if self.ended is not None:
            connection.execute(
                "UPDATE job SET state = 'failed', error = %s, finished_at = now() WHERE id = %s AND kind = %s"
                " AND state = 'running' AND started_at < now() - %s",
                (self.ended, job_id, self.name, self.lease),
            )
        row = connection.execute(
            "UPDATE job SET state = 'running', total = 1, started_at = now() WHERE id = %s AND kind = %s"
            " AND (state = 'queued' OR (state = 'running' AND started_at < now() - %s)) RETURNING parameters",
            (job_id, self.name, self.lease),
        ).fetchone()
        return None if row is None else row[0]

    def put_off(self, connection: psycopg.Connection, job_id: UUID, error: str, pause: timedelta, most: int) -> None:
        """End one that failed on our side. `pause` and `most` are for what is tried anew."""
        del pause, most
        jobs.end(connection, job_id, error=error)
