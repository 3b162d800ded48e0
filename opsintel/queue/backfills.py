"""Backfills: days of a tenant that are to be run again, and the job that stands for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, LiteralString, cast
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from opsintel.db.engine import Database
from opsintel.db.listener import CHANGES
from opsintel.errors import InputError
from opsintel.ids import new_id
from opsintel.partitions import STAGE_NAMES, StageName
from opsintel.queue.contract import CHANNEL

LONGEST_DAYS = 3660
"""Days of a backfill, at most: ten years."""

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


@dataclass(frozen=True, slots=True)
class Backfill:
    """Days to run again, both ends included: all that they hold or what came from some sources, from a stage on."""

    first: date
    last: date
    first_stage: StageName = STAGE_NAMES[0]
    sources: tuple[UUID, ...] = ()
    anew: bool = False
    """Whether messages that have an analysis get another; else only those that wait for one do."""

    ceiling_usd: Decimal | None = None
    """What its calls of models may cost, never passed; None: what the tenant's other ceilings leave."""

    batch: bool = False
    """Whether its calls of models may wait up to a day, at the price of a provider's batch interface."""

    def parameters(self) -> dict[str, Any]:
        """Return what the job's row keeps."""
        return {
            "from": self.first.isoformat(),
            "to": self.last.isoformat(),
            "first_stage": self.first_stage,
            "sources": sorted(map(str, self.sources)),
            "anew": self.anew,
            "ceiling_usd": None if self.ceiling_usd is None else float(self.ceiling_usd),
            "batch": self.batch,
        }

    @classmethod
    def of(cls, parameters: dict[str, Any]) -> Backfill:
        """Return the backfill that a job's row keeps."""
        first, last = (date.fromisoformat(parameters[name]) for name in ("from", "to"))
        sources = tuple(map(UUID, parameters["sources"]))
        ceiling = parameters.get("ceiling_usd")
        return cls(
            first,
            last,
            parameters["first_stage"],
            sources,
            parameters.get("anew", False),
            None if ceiling is None else Decimal(str(ceiling)),
            parameters.get("batch", False),
        )

    def fault(self, today: date) -> tuple[str, str] | None:
        """Return (field, reason) where the span cannot be used, whatever is stored."""
        if self.first > self.last:
            return "from", "It lies after `to`"
        if (self.last - self.first).days >= LONGEST_DAYS:
            return "from", f"A backfill has at most {LONGEST_DAYS:,} days"
        if self.last > today + timedelta(days=1):
            return "to", "It lies in the future"
        if self.anew and STAGE_NAMES.index(self.first_stage) > STAGE_NAMES.index("analyses"):
            return "first_stage", "Analyses are made anew from the stage `analyses` or an earlier one on"
        return None


def no_day_between(bounds: tuple[date | None, date | None]) -> str:
    """Return why a span that holds nothing cannot be used; `bounds` are the days that do."""
    first, last = bounds
    return "There are no messages yet" if first is None else f"No day of it holds anything; {first} to {last} do"


def estimate(database: Database, tenant_id: UUID, backfill: Backfill) -> dict[date, int]:
    """Return the days that a backfill would run, each with its messages; `InputError` where there are none."""
    with database.tenant_tx(tenant_id) as connection:
        days = dict(days_of(connection, backfill))
        bounds = connection.execute(BOUNDS).fetchone()
    if not days:
        assert bounds is not None
        raise InputError(no_day_between(cast(tuple[date | None, date | None], bounds)), remedy="Choose other days")
    return days


def days_of(connection: psycopg.Connection, backfill: Backfill) -> Sequence[tuple[date, int]]:
    """Return the days of a backfill that hold something of the transaction's tenant, each with its messages."""
    with psycopg.RawCursor(connection) as cursor:
        cursor.execute(DAYS, (backfill.first, backfill.last, list(backfill.sources)))
        return cast(Sequence[tuple[date, int]], cursor.fetchall())


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks for a backfill; neither: the operator. The same key of the same asker starts one job."""

    person: UUID | None = None
    service_key: UUID | None = None
    idempotency_key: str | None = None


def write(
    connection: psycopg.Connection, tenant_id: UUID, backfill: Backfill, asker: Asker | None = None
) -> UUID | None:
    """Write the job of a backfill in the caller's transaction, whose commit wakes the worker, and return its id.

    None where the asker has used the key before.
    """
    asker = asker or Asker()
    row = connection.execute(
        "INSERT INTO job (tenant_id, id, kind, parameters, created_by, service_key_id, idempotency_key)"
        " VALUES (%s, %s, 'backfill', %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING id",
        (tenant_id, new_id(), Jsonb(backfill.parameters()), asker.person, asker.service_key, asker.idempotency_key),
    ).fetchone()
    connection.execute("SELECT pg_notify(%s, ''), pg_notify(%s, '')", (CHANNEL, CHANGES))
    return None if row is None else row[0]
