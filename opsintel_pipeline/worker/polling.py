"""Sources by the clock: read what is due, renew watches, count. One that fails waits longer, and says why."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from functools import partial
from uuid import UUID

import psycopg

from opsintel.connectors.contract import Watched
from opsintel.context import Context
from opsintel.db.listener import Listener
from opsintel.errors import BusyError, DatabaseError
from opsintel.sources.source import NEWS, Source, find_source, record_fault
from opsintel.tenants import Tenant, tenant_by_id
from opsintel_pipeline.ingest import mend, schedule
from opsintel_pipeline.ingest.census import first_day_of, take_census
from opsintel_pipeline.ingest.feed import run_feed
from opsintel_pipeline.ingest.retry import database_time
from opsintel_pipeline.worker import asked
from opsintel_pipeline.worker.stages import STAGE_FAULTS, describe

logger = logging.getLogger(__name__)

READERS = 4
"""Sources that one process reads at once: a provider that makes one wait holds up no other."""

IDLE_SECONDS = 2.0
LOOK_SECONDS = 0.25
AWAY_SECONDS = 5.0

NEVER = threading.Event()
"""Of whoever reads to the end."""


def run(context: Context, stop: threading.Event) -> None:
    """Read, renew and count until `stop` is set, several sources at once."""
    more = threading.Event()
    with ThreadPoolExecutor(READERS, "reader") as readers:
        running = [readers.submit(_run_one, context, stop, more, listens=number == 0) for number in range(READERS)]
        wait(running, return_when=FIRST_EXCEPTION)
        stop.set()
        for reader in running:
            reader.result()


def _run_one(context: Context, stop: threading.Event, more: threading.Event, *, listens: bool) -> None:
    """Work until `stop` is set. One reader hears of news; where there is work for another, it wakes the others."""
    with context.database.listener(NEWS) as listener:
        while not stop.is_set():
            try:
                busy = do_next(context, stop)
            except (psycopg.Error, DatabaseError) as error:
                logger.warning("sources wait %.0f s: %s", AWAY_SECONDS, describe(error, context.settings))
                stop.wait(AWAY_SECONDS)
                continue
            if busy:
                more.set()
            elif listens:
                _idle(listener, stop)
            elif more.wait(IDLE_SECONDS):
                more.clear()


def do_next(context: Context, stop: threading.Event = NEVER) -> bool:
    """Do what is due, the most urgent first; False when nothing is."""
    return (
        read_pushes(context, stop)
        or asked.do_next(context, stop)
        or poll_next(context, stop)
        or renew_next(context, stop)
        or retry_next(context, stop)
        or count_next(context, stop)
    )


def poll_next(context: Context, stop: threading.Event = NEVER) -> bool:
    """Read a source that is due; False when none is. What it brought is announced as every import is."""
    taken = schedule.take_poll(context.database)
    if taken is None:
        return False
    source = find_source(context.database, *taken)
    began = database_time(context)

    def read() -> None:
        read_source(context, source, stop)
        schedule.has_been_read(context.database, source, began)

    if not attempt(context, source, "read", read, stop):
        schedule.has_failed(context.database, source)
    return True


def read_source(context: Context, source: Source, stop: threading.Event) -> dict[str, int]:
    """Read a source that is leased to the caller to its end, and return figures of what it brought."""
    tenant = tenant_by_id(context.database, source.tenant_id)
    result = run_feed(context, tenant, source, lambda _: schedule.renew_lease(context.database, source), stop)
    return {"added": result.added, "changed": result.changed, "failures": result.failures}


def renew_next(context: Context, stop: threading.Event = NEVER) -> bool:
    """Renew the watch of a source that is due; False when none is. One that fails is tried again after the lease."""
    taken = schedule.take_renewal(context.database)
    if taken is None:
        return False
    source = find_source(context.database, *taken)

    def renew() -> None:
        connector = source.unfiltered().connector(context, stop)
        assert isinstance(connector, Watched)
        schedule.has_been_renewed(context.database, source, connector.renew())

    attempt(context, source, "renewed", renew, stop)
    return True


def read_pushes(context: Context, stop: threading.Event = NEVER) -> bool:
    """Read what the pushes of a source named; False where none wait."""
    return _mend(context, "read", mend.pushed_sources(context.database)[:1], mend.read_pushed, stop)


def retry_next(context: Context, stop: threading.Event = NEVER) -> bool:
    """Read the items of a source again that failed and are due; False where none are."""
    return _mend(context, "asked again", mend.failed_sources(context.database)[:1], mend.retry_failed, stop)


def count_next(context: Context, stop: threading.Event = NEVER) -> bool:
    """Count a source at a provider whose time has come; False when none is due."""
    taken = schedule.take_census(context.database)
    if taken is None:
        return False
    source = find_source(context.database, *taken)
    attempt(context, source, "counted", partial(_count, context, source, stop), stop)
    return True


def count_due(context: Context) -> int:
    """Count every source whose daily time has come, fetch what is missing, and return how many were counted."""
    counted = 0
    while (taken := schedule.take_census(context.database)) is not None:
        source = find_source(context.database, *taken)
        counted += attempt(context, source, "counted", partial(_count, context, source, NEVER), NEVER)
    return counted


def attempt(context: Context, source: Source, what: str, work: Callable[[], object], stop: threading.Event) -> bool:
    """Tell whether the work went well, or only has to wait; else the source is failing or disabled, with the reason."""
    try:
        work()
    except BusyError as error:
        logger.info("source %s (%s) waits: %s", source.id, source.kind, error.line())
        schedule.is_held_up(context.database, source, error.seconds)
    except STAGE_FAULTS as error:
        if isinstance(error, DatabaseError):
            raise
        if stop.is_set():
            schedule.is_let_go(context.database, source)
            return True
        line = describe(error, context.settings)
        logger.warning("source %s (%s) cannot be %s: %s", source.id, source.kind, what, line)
        record_fault(context.database, source, error, line)
        return False
    return True


def _count(context: Context, source: Source, stop: threading.Event) -> None:
    tenant = tenant_by_id(context.database, source.tenant_id)
    take_census(context, tenant, source, first_day_of(context, tenant, source), stop)


def _mend(
    context: Context,
    what: str,
    waiting: list[tuple[UUID, UUID]],
    work: Callable[[Context, Tenant, Source, threading.Event], object],
    stop: threading.Event,
) -> bool:
    for taken in waiting:
        source = find_source(context.database, *taken)
        tenant = tenant_by_id(context.database, source.tenant_id)
        attempt(context, source, what, lambda: work(context, tenant, source, stop), stop)  # noqa: B023 — called at once
    return bool(waiting)


def _idle(listener: Listener, stop: threading.Event) -> None:
    """Wait until the database notifies, `stop` is set, or it is time to look all the same."""
    until = time.monotonic() + IDLE_SECONDS
    while not stop.is_set() and time.monotonic() < until:
        if listener.wait(LOOK_SECONDS):
            return
        if not listener.listens:
            stop.wait(LOOK_SECONDS)
