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

from opsintel.access.audit import SYSTEM, Actor
from opsintel.db.engine import Database
from opsintel.errors import InputError
from opsintel.ids import new_id
from opsintel.queue.asked_for import JobKind
from opsintel.sources.source import NEWS

Action = Literal["check", "sync", "census", "backfill", "estimate", "retry", "filter"]
ACTIONS: tuple[Action, ...] = get_args(Action)
"""check: whether it can be read; sync: read it now; census: count it and fetch what is missing; backfill: the same from
a day on; estimate: only say how much that would be; retry: what was set aside is tried again; filter: it goes by the
newest version of a filter, or by none, and what is stored is selected anew."""

KIND = "source"


@dataclass(frozen=True, slots=True)
class Errand:
    """What is asked of which source, and from which day on where that matters."""

    action: Action
    source_id: UUID
    first: date | None = None
    filter_id: UUID | None = None
    actor: Actor = SYSTEM
    """Who asked."""

    def parameters(self) -> dict[str, Any]:
        """Return what the job's row keeps."""
        first = self.first.isoformat() if self.first else None
        kept = {"action": self.action, "source_id": str(self.source_id), "from": first}
        return kept | ({"filter_id": self.filter_id and str(self.filter_id)} if self.action == "filter" else {})

    @classmethod
    def of(cls, parameters: dict[str, Any], actor: Actor = SYSTEM) -> Errand:
        """Return the errand that a job's row keeps."""
        first, chosen = parameters["from"], parameters.get("filter_id")
        return cls(
            parameters["action"],
            UUID(parameters["source_id"]),
            date.fromisoformat(first) if first else None,
            UUID(chosen) if chosen else None,
            actor,
        )

    def require_day(self) -> None:
        """Raise `InputError` where a day is missing that is needed."""
        if self.action in ("backfill", "estimate") and self.first is None:
            raise InputError("A backfill needs the day to begin at")


def ask(database: Database, tenant_id: UUID, errand: Errand) -> UUID:
    """Write an operator's job, wake whoever reads sources, and return the job's id."""
    with database.tenant_tx(tenant_id) as connection:
        return write(connection, tenant_id, errand)


def write(
    connection: psycopg.Connection,
    tenant_id: UUID,
    errand: Errand,
    person: UUID | None = None,
    service_key: UUID | None = None,
) -> UUID:
    """Write the job of whoever asks, in the caller's transaction, whose commit wakes who does it; returns its id."""
    job_id = new_id()
    connection.execute(
        "INSERT INTO job (tenant_id, id, kind, parameters, created_by, service_key_id) VALUES (%s, %s, %s, %s, %s, %s)",
        (tenant_id, job_id, KIND, Jsonb(errand.parameters()), person, service_key),
    )
    connection.execute("SELECT pg_notify(%s, '')", (NEWS,))
    return job_id


def waiting(database: Database) -> list[tuple[UUID, UUID]]:
    """Return (tenant, job) of what was asked for and has not ended, oldest first."""
    return JobKind("source").waiting(database)


def errand_of(connection: psycopg.Connection, job_id: UUID) -> Errand | None:
    """Return what a job asks for; None where it has ended meanwhile."""
    row = connection.execute(
        "SELECT parameters, created_by, service_key_id FROM job WHERE id = %s AND state IN ('queued', 'running')",
        (job_id,),
    ).fetchone()
    return None if row is None else Errand.of(row[0], _actor(row[1], row[2]))


def _actor(person: UUID | None, service_key: UUID | None) -> Actor:
    if person is not None:
        return Actor("person", str(person))
    return SYSTEM if service_key is None else Actor("service_key", str(service_key))
