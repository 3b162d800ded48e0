"""Sources that cannot be read any more are noticed: by an error within 15 minutes, by silence within two hours.

Most are read more often than that, and reading says what is wrong. Here are the others: those that are read rarely,
that rest after faults, or that no reader comes to. It runs beside the readers, so that none of them can hold it up.
"""

from __future__ import annotations

import logging
import threading
from datetime import timedelta

import psycopg

from opsintel.connectors.contract import Verdict
from opsintel.context import Context
from opsintel.coordination.contract import Key
from opsintel.errors import BusyError, DatabaseError, NotFoundError
from opsintel.sources.alerts import alert_of_source
from opsintel.sources.source import Source, find_source
from opsintel_pipeline.ingest import schedule
from opsintel_pipeline.worker.asked import kept_checks
from opsintel_pipeline.worker.stages import STAGE_FAULTS, describe

logger = logging.getLogger(__name__)

LOOK_SECONDS = 60.0
CHECKED_EVERY = timedelta(minutes=10)
"""How often a source is asked whether it could be read, while it is not."""

SILENT = timedelta(minutes=105)
"""How long nothing may come of a source that was due; looked at every ten minutes, that is seen within two hours."""

SILENCE = "Nothing was read for two hours. Check the source, and authorise it again where the check says so"


def run(context: Context, stop: threading.Event) -> None:
    """Look after all sources until `stop` is set."""
    while not stop.is_set():
        try:
            watch(context, stop)
        except (psycopg.Error, DatabaseError) as error:
            logger.warning("watching waits: %s", describe(error, context.settings))
        stop.wait(LOOK_SECONDS)


def watch(context: Context, stop: threading.Event | None = None) -> None:
    """Look once after every source that was not read for a while; several workers share them."""
    for tenant_id, source_id in schedule.unread(context.database, CHECKED_EVERY, SILENT):
        if stop is not None and stop.is_set():
            return
        # Never unlocked: the lease is how long nobody else looks.
        if context.coordinator.lock(Key(tenant_id, f"watch:{source_id}"), CHECKED_EVERY) is None:
            continue
        try:
            source = find_source(context.database, tenant_id, source_id)
        except NotFoundError:
            continue
        if source.is_remote:
            _ask(context, source, stop)
        if _is_silent(context, source):
            logger.warning("source %s (%s) is silent", source.id, source.kind)


def _ask(context: Context, source: Source, stop: threading.Event | None) -> None:
    """Check a source. One that fails a check, or does well again, is read at once, which says how it is."""
    try:
        found = [one.verdict for one in kept_checks(context, source, stop) if one.required]
    except BusyError:
        return
    except STAGE_FAULTS as error:
        if isinstance(error, DatabaseError):
            raise
        logger.info("source %s (%s) cannot be checked: %s", source.id, source.kind, describe(error, context.settings))
        schedule.is_due(context.database, source)
        return
    if Verdict.FAILED in found:
        schedule.is_due(context.database, source)
    elif Verdict.UNKNOWN not in found:
        schedule.is_well(context.database, source)


def _is_silent(context: Context, source: Source) -> bool:
    """Tell whether a source became failing as nothing was read of it, not even a page, though it was due long ago."""
    with context.database.tenant_tx(source.tenant_id) as connection:
        became = connection.execute(
            "UPDATE source SET state = 'failing', detail = %(detail)s WHERE id = %(id)s AND state = 'active'"
            " AND greatest(created_at, last_sync_at, (SELECT max(updated_at) FROM source_state"
            " WHERE source_id = source.id)) + make_interval(secs => poll_seconds) < now() - %(silent)s",
            {"detail": SILENCE, "id": source.id, "silent": SILENT},
        ).rowcount == 1  # fmt: skip
        if became:
            alert_of_source(connection, source.tenant_id, source.id, "failing")
        return became
