"""What a person asks of a source that takes a while: to be checked, read, counted, or filled from a day on.

Each is a job of the kind `source`; whoever reads sources takes it under a lock of the installation.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, get_args
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from opsintel.db.engine import Database
from opsintel.errors import InputError
from opsintel.ids import new_id
from opsintel.sources.source import NEWS

Action = Literal["check", "sync", "census", "backfill", "estimate", "retry"]
ACTIONS: tuple[Action, ...] = get_args(Action)
"""check: whether it can be read; sync: read it now; census: count it and fetch what is missing; backfill: the same from
a day on; estimate: only say how much that would be; retry: what was set aside is tried again."""

KIND = "source"


@dataclass(frozen=True, slots=True)
class Errand:
    """What is asked of which source, and from which day on where that matters."""

    action: Action
    source_id: UUID
    first: date | None = None

    def parameters(self) -> dict[str, Any]:
        """Return what the job's row keeps."""
        first = self.first.isoformat() if self.first else None
        return {"action": self.action, "source_id": str(self.source_id), "from": first}

    @classmethod
    def of(cls, parameters: dict[str, Any]) -> Errand:
        """Return the errand that a job's row keeps."""
        first = parameters["from"]
        return cls(parameters["action"], UUID(parameters["source_id"]), date.fromisoformat(first) if first else None)

    def require_day(self) -> None:
        """Raise `InputError` where a day is missing that is needed."""
        if self.action in ("backfill", "estimate") and self.first is None:
            raise InputError("A backfill needs the day to begin at")


def ask(database: Database, tenant_id: UUID, errand: Errand) -> UUID:
    """Write an operator's job, wake whoever reads sources, and return the job's id."""
    job_id = new_id()
    with database.tenant_tx(tenant_id) as connection:
        connection.execute(
            "INSERT INTO job (tenant_id, id, kind, parameters) VALUES (%s, %s, %s, %s)",
            (tenant_id, job_id, KIND, Jsonb(errand.parameters())),
        )
        connection.execute("SELECT pg_notify(%s, '')", (NEWS,))
    return job_id


def waiting(database: Database) -> list[tuple[UUID, UUID]]:
    """Return (tenant, job) of what was asked for and has not ended, oldest first."""
    with database.system_tx() as connection:
        return connection.execute(
            "SELECT tenant_id, id FROM job WHERE kind = 'source' AND state IN ('queued', 'running')"
            " ORDER BY created_at, id LIMIT 20"
        ).fetchall()


def errand_of(connection: psycopg.Connection, job_id: UUID) -> Errand | None:
    """Return what a job asks for; None where it has ended meanwhile."""
    row = connection.execute(
        "SELECT parameters FROM job WHERE id = %s AND state IN ('queued', 'running')", (job_id,)
    ).fetchone()
    return None if row is None else Errand.of(row[0])
