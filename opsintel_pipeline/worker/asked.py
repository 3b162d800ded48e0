"""What people ask of sources: checked, read, counted or filled, each once, by one process."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from psycopg.types.json import Jsonb

from opsintel.connectors.contract import Check
from opsintel.context import Context
from opsintel.coordination.contract import Key, Lock
from opsintel.errors import BusyError, ConflictError, DatabaseError, NotFoundError
from opsintel.queue import jobs
from opsintel.sources import errands
from opsintel.sources.errands import Errand
from opsintel.sources.source import Source, find_source, record_fault
from opsintel.tenants import tenant_by_id
from opsintel_pipeline.ingest import schedule
from opsintel_pipeline.ingest.backfill import estimate
from opsintel_pipeline.ingest.census import take_census
from opsintel_pipeline.ingest.feed import run_feed
from opsintel_pipeline.ingest.mend import release_quarantined
from opsintel_pipeline.ingest.refilter import set_filter
from opsintel_pipeline.ingest.retry import database_time
from opsintel_pipeline.worker.stages import STAGE_FAULTS, describe

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=5)


def do_next(context: Context, stop: threading.Event) -> bool:
    """Do what was asked for first and nobody else does; False where there is nothing."""
    for tenant_id, job_id in errands.waiting(context.database):
        lock = context.coordinator.lock(Key(tenant_id, f"job:{job_id}"), LEASE)
        if lock is None:
            continue
        try:
            if _do(context, tenant_id, job_id, lock, stop):
                return True
        finally:
            context.coordinator.unlock(lock)
    return False


def _do(context: Context, tenant_id: UUID, job_id: UUID, lock: Lock, stop: threading.Event) -> bool:
    """Tell whether an errand was run to its end; one whose source is being read, or is to wait, stays as it is."""
    with context.database.tenant_tx(tenant_id) as connection:
        errand = errands.errand_of(connection, job_id)
        if errand is None:
            return False
        jobs.begin(connection, job_id)

    def report(figures: Mapping[str, int]) -> None:
        context.coordinator.renew(lock)
        with context.database.tenant_tx(tenant_id) as connection:
            jobs.report(connection, job_id, figures)

    error, figures = "", None
    source = None
    try:
        source = find_source(context.database, tenant_id, errand.source_id)
        figures = perform(context, source, errand, report, stop)
    except BusyError as busy:
        logger.info("job %s waits: %s", job_id, busy.line())
        return False
    except (*STAGE_FAULTS, NotFoundError) as fault:
        if isinstance(fault, DatabaseError):
            raise
        if stop.is_set():
            return False
        error = describe(fault, context.settings)
        if source is not None and errand.action not in ("check", "filter") and not isinstance(fault, ConflictError):
            record_fault(context.database, source, fault, error)
    if figures is None and not error:
        return False
    with context.database.tenant_tx(tenant_id) as connection:
        jobs.end(connection, job_id, error=error, figures=figures)
    return True


def perform(
    context: Context,
    source: Source,
    errand: Errand,
    report: jobs.Report,
    stop: threading.Event,
) -> dict[str, int] | None:
    """Do what is asked of a source and return its figures; None where another process reads it just now."""
    tenant = tenant_by_id(context.database, source.tenant_id)
    if errand.action == "check":
        return check(context, source, stop)
    if errand.action == "filter":
        return set_filter(context, source, errand.filter_id, errand.actor, report, stop)
    if errand.action == "retry":
        return {"released": release_quarantined(context, source)}
    if errand.action == "estimate":
        assert errand.first is not None
        return estimate(context, source, errand.first, report, stop)
    if errand.action == "sync":
        if not schedule.take_one(context.database, source):
            _require_readable(context, source)
            return None
        return _sync(context, source, report, stop)
    fetched = 0

    def progress(items: int) -> None:
        nonlocal fetched
        fetched += items
        report({"fetched": fetched})

    brought = take_census(context, tenant, source, errand.first, stop, progress, is_backfill=True)
    return {"added": brought.added, "changed": brought.changed, "failures": brought.failures}


def check(context: Context, source: Source, stop: threading.Event | None = None) -> dict[str, int]:
    """Check a source, keep what was found with it, and return how many checks had which verdict."""
    counts = {verdict: 0 for verdict in ("passed", "warning", "failed", "unknown")}
    for one in kept_checks(context, source, stop):
        counts[one.verdict.value] += 1
    return counts


def kept_checks(context: Context, source: Source, stop: threading.Event | None = None) -> Sequence[Check]:
    """Check a source, keep what was found with it, and return it."""
    found = source.unfiltered().connector(context, stop).check()
    listed = [
        {
            "name": one.name, "verdict": one.verdict.value, "required": one.required, "detail": one.detail,
            "remedy": one.remedy,
        }
        for one in found
    ]  # fmt: skip
    with context.database.tenant_tx(source.tenant_id) as connection:
        connection.execute(
            "UPDATE source SET checks = %s, checked_at = now() WHERE id = %s", (Jsonb(listed), source.id)
        )
    return found


def _require_readable(context: Context, source: Source) -> None:
    """Raise `ConflictError` where a source is left alone: then it is not read by another process either."""
    with context.database.tenant_tx(source.tenant_id) as connection:
        row = connection.execute("SELECT state FROM source WHERE id = %s", (source.id,)).fetchone()
    if row is not None and row[0] in ("paused", "disabled"):
        raise ConflictError(f"The source is {row[0]}", remedy="Resume it, or authorise it again")


def _sync(context: Context, source: Source, report: jobs.Report, stop: threading.Event) -> dict[str, int]:
    tenant = tenant_by_id(context.database, source.tenant_id)
    began, done = database_time(context), 0

    def progress(items: int) -> None:
        nonlocal done
        done += items
        schedule.renew_lease(context.database, source)
        report({"read": done})

    try:
        result = run_feed(context, tenant, source, progress, stop)
    except BusyError as busy:
        schedule.is_held_up(context.database, source, busy.seconds)
        raise
    except STAGE_FAULTS:
        schedule.has_failed(context.database, source)
        raise
    schedule.has_been_read(context.database, source, began)
    return {"read": done, "added": result.added, "changed": result.changed, "failures": result.failures}
