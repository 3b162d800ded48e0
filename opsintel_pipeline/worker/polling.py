"""Sources by the clock: read what is due, renew watches, count. One that fails waits longer, and says why."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import psycopg

from opsintel.connectors.contract import Watched
from opsintel.context import Context
from opsintel.errors import DatabaseError
from opsintel.tenants import tenant_by_id
from opsintel_pipeline.ingest import schedule
from opsintel_pipeline.ingest.census import take_census
from opsintel_pipeline.ingest.feed import run_feed
from opsintel_pipeline.ingest.sources import Source, find_source, set_state
from opsintel_pipeline.worker.stages import STAGE_FAULTS, describe

logger = logging.getLogger(__name__)

IDLE_SECONDS = 2.0
AWAY_SECONDS = 5.0


def run(context: Context, stop: threading.Event) -> None:
    """Poll and renew until `stop` is set; while the database is away, wait and try again."""
    while not stop.is_set():
        try:
            busy = poll_next(context) or renew_next(context)
        except (psycopg.Error, DatabaseError) as error:
            logger.warning("sources wait %.0f s: %s", AWAY_SECONDS, describe(error, context.settings))
            stop.wait(AWAY_SECONDS)
        else:
            if not busy:
                stop.wait(IDLE_SECONDS)


def poll_next(context: Context) -> bool:
    """Read a source that is due; False when none is. What it brought is announced as every import is."""
    taken = schedule.take_poll(context.database)
    if taken is None:
        return False
    source = find_source(context.database, *taken)

    def read() -> None:
        tenant = tenant_by_id(context.database, source.tenant_id)
        run_feed(context, tenant, source, lambda _: schedule.renew_lease(context.database, source))
        schedule.has_been_read(context.database, source)

    if not _succeeds(context, source, "read", read):
        schedule.has_failed(context.database, source)
    return True


def renew_next(context: Context) -> bool:
    """Renew the watch of a source that is due; False when none is. One that fails is tried again after the lease."""
    taken = schedule.take_renewal(context.database)
    if taken is None:
        return False
    source = find_source(context.database, *taken)

    def renew() -> None:
        connector = source.connector()
        assert isinstance(connector, Watched)
        schedule.has_been_renewed(context.database, source, connector.renew())

    _succeeds(context, source, "renewed", renew)
    return True


def count_due(context: Context) -> int:
    """Count every source whose daily time has come, fetch what is missing, and return how many were counted."""
    counted = 0
    while (taken := schedule.take_census(context.database)) is not None:
        source = find_source(context.database, *taken)

        def count(source: Source = source) -> None:
            take_census(context, tenant_by_id(context.database, source.tenant_id), source)

        counted += _succeeds(context, source, "counted", count)
    return counted


def _succeeds(context: Context, source: Source, what: str, work: Callable[[], None]) -> bool:
    """Tell whether the work went well; else the source is failing, with the reason."""
    try:
        work()
    except STAGE_FAULTS as error:
        if isinstance(error, DatabaseError):
            raise
        line = describe(error, context.settings)
        logger.warning("source %s (%s) cannot be %s: %s", source.id, source.kind, what, line)
        set_state(context.database, source, "failing", line)
        return False
    return True
