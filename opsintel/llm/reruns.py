"""Days that are run again as somebody asks: the job, the marks of analyses and the ceiling, all or nothing."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import psycopg

from opsintel.access.audit import SYSTEM, Actor
from opsintel.llm.ceilings import set_budget
from opsintel.queue import backfills
from opsintel.queue.backfills import Asker, Backfill


@dataclass(frozen=True, slots=True)
class Started:
    """A job that was written, and how many analyses it makes anew."""

    job_id: UUID
    marked: int


def start(
    connection: psycopg.Connection,
    tenant_id: UUID,
    backfill: Backfill,
    asker: Asker | None = None,
    actor: Actor = SYSTEM,
) -> Started | None:
    """Start a backfill in the caller's transaction; None where the asker has used the key before.

    Raises `InputError` for a ceiling that cannot be one.
    """
    job_id = backfills.write(connection, tenant_id, backfill, asker)
    if job_id is None:
        return None
    marked = 0
    if backfill.anew:
        marked = mark(connection, backfill.first, backfill.last, job_id, backfill.sources)
    if backfill.ceiling_usd is not None:
        set_budget(connection, tenant_id, "backfill", job_id, backfill.ceiling_usd, actor=actor)
    return Started(job_id, marked)


def mark(
    connection: psycopg.Connection,
    first: date,
    last: date,
    job_id: UUID | None = None,
    sources: Collection[UUID] = (),
) -> int:
    """Have the analyses of these days made anew by the next run of each, in the caller's transaction; how many.

    They count for the ceiling of the job, where it has one. `sources`: only of messages that came from these; none: of
    all.
    """
    return connection.execute(
        "UPDATE analysis SET stale = true, parked_until = CASE status WHEN 'parked' THEN now() END, job_id = %(job)s"
        " WHERE current AND partition_day BETWEEN %(first)s AND %(last)s AND (cardinality(%(sources)s::uuid[]) = 0"
        " OR EXISTS (SELECT FROM message_occurrence AS place WHERE place.message_id = analysis.message_id"
        " AND place.source_id = ANY(%(sources)s)))",
        {"job": job_id, "first": first, "last": last, "sources": list(sources)},
    ).rowcount
