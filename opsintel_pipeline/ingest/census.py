"""Census: what the provider holds, against what is stored; what is missing is fetched.

A whole source is counted once after its first read; a partition then only compares figures, and counts again where
they differ. Of a large source at a provider the latest days are counted daily, and all of it once a week.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import LiteralString
from uuid import UUID

from opsintel.clock import now
from opsintel.connectors.contract import Window
from opsintel.context import Context
from opsintel.errors import BusyError, FatalError, RetriableError
from opsintel.partitions import Partition, StageResult, partition_day
from opsintel.sources.source import Source, find_source, record_fault
from opsintel.tenants import Tenant, tenant_by_id
from opsintel_pipeline.ingest.feed import FeedResult, store_items

RECENT_DAYS = 31
LARGE = 20_000
"""Items, beyond which a source at a provider is not counted whole every day."""

_LATEST: LiteralString = """
    SELECT DISTINCT ON (source_id, native_id) source_id, native_id, partition_day, occurred_at, deleted
    FROM raw_payload WHERE {where} ORDER BY source_id, native_id, fetched_at DESC, id DESC
"""


@dataclass(frozen=True, slots=True)
class _Item:
    day: date
    occurred_at: datetime | None
    lives: bool

    def is_within(self, start: datetime | None) -> bool:
        """Tell whether a census from there on would name it."""
        return start is None or (self.occurred_at is not None and self.occurred_at >= start)


def take_census(
    context: Context,
    tenant: Tenant,
    source: Source,
    first: date | None = None,
    stop: threading.Event | None = None,
    progress: Callable[[int], None] | None = None,
    *,
    is_backfill: bool = False,
) -> FeedResult:
    """Count a source by day, from a day on or all of it, and record the counts; returns what was fetched on the way.

    Fetched is what is missing here, and what is here and not there: it may be gone, and then leaves a tombstone.
    What is older than the tenant keeps is not counted; nor is what the provider leaves out by the source's filter.
    A count of all has the source lack nothing that its filter selects; one from a day on, where a person asked for it.
    """
    known = _known_items(context, source, first)
    counts: Counter[date] = Counter()
    missing = []
    moment = now()
    connector = source.connector(context, stop)
    start = None if first is None else datetime.combine(first, time.min, tzinfo=UTC)
    for native_id, occurred_at in connector.census(Window(start)):
        held = known.pop(native_id, None)
        if not tenant.keeps(occurred_at, moment):
            continue
        if held is None or not held.lives:
            missing.append(native_id)
        day = partition_day(occurred_at, moment, tenant.window_days) if held is None else held.day
        counts[day] += 1
    gone = {native_id for native_id, held in known.items() if held.lives and held.is_within(start)}
    brought = FeedResult()
    if missing or (gone and source.is_remote):
        whole = source.unfiltered()
        wholly = whole.connector(context, stop) if connector.selection else connector
        if gone and connector.selection:  # what is there and not selected is no reason to fetch it
            gone -= {native_id for native_id, _ in wholly.census(Window(start))}
        wanted = [*missing, *(sorted(gone) if source.is_remote else ())]
        store_items(context, tenant, whole, "census", wholly.fetch(wanted), brought, progress, stop)
    _record(context, source, counts, first)
    if first is None or is_backfill:
        _lacks_nothing(context, source)
    return brought


def _lacks_nothing(context: Context, source: Source) -> None:
    """Note that all was fetched that the filter selects, unless there is another filter by now."""
    with context.database.tenant_tx(source.tenant_id) as connection:
        connection.execute(
            "UPDATE source SET needs_backfill = false WHERE id = %s AND needs_backfill"
            " AND filtered_at IS NOT DISTINCT FROM %s",
            (source.id, source.filtered_at),
        )


def first_day_of(context: Context, tenant: Tenant, source: Source) -> date | None:
    """Return the day from which a source is counted today; None for all of it.

    A large one is counted whole once a week, on a day of its own, and its latest days on all others.
    """
    if not source.is_remote:
        return None
    with context.database.tenant_tx(source.tenant_id) as connection:
        row = connection.execute(
            "SELECT count(*) FROM (SELECT FROM raw_payload WHERE source_id = %s LIMIT %s) AS first_ones",
            (source.id, LARGE + 1),
        ).fetchone()
    today = now().date()
    if row is None or row[0] <= LARGE or today.toordinal() % 7 == source.id.int % 7:
        return None
    return today - timedelta(days=min(RECENT_DAYS, tenant.window_days - 1))


def _record(context: Context, source: Source, counts: Counter[date], first: date | None) -> None:
    with context.database.tenant_tx(source.tenant_id) as connection, connection.cursor() as cursor:
        cursor.execute(
            "UPDATE fact_source_day SET census = 0, counted_at = now()"
            " WHERE source_id = %(source)s AND day >= %(first)s",
            {"source": source.id, "first": first or date.min},
        )
        cursor.executemany(
            "INSERT INTO fact_source_day (tenant_id, day, source_id, census, counted_at) VALUES (%s, %s, %s, %s, now())"
            " ON CONFLICT (tenant_id, day, source_id) DO UPDATE SET census = excluded.census, counted_at = now()",
            [
                (source.tenant_id, day, source.id, count)
                for day, count in sorted(counts.items())
                if first is None or day >= first
            ],
        )


def run(context: Context, partition: Partition) -> StageResult:
    """Compare census and store of one day; where they differ, count the source again and fetch what is missing.

    Returns the number of items stored for the day.
    """
    uncounted = 0
    for source_id, census, stored in _day_figures(context, partition):
        source = find_source(context.database, partition.tenant_id, source_id)
        if census is None and source.is_remote:
            uncounted += 1  # the daily census counts it: a page that was read a moment ago is no reason to
        elif census is None or stored < census:
            uncounted += not _repair(context, partition, source)
    figures = _day_figures(context, partition)
    with context.database.tenant_tx(partition.tenant_id) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO fact_source_day (tenant_id, day, source_id, stored) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT (tenant_id, day, source_id) DO UPDATE SET stored = excluded.stored",
            [(partition.tenant_id, partition.day, source_id, stored) for source_id, _, stored in figures],
        )
    stored_in_all = sum(stored for _, _, stored in figures)
    return StageResult(
        stored_in_all,
        {
            "census": sum(census or 0 for _, census, _ in figures),
            "sources": len(figures),
            "sources_not_counted": uncounted,
        },
    )


def _repair(context: Context, partition: Partition, source: Source) -> bool:
    tenant = tenant_by_id(context.database, partition.tenant_id)
    try:
        take_census(context, tenant, source, first_day_of(context, tenant, source))
    except BusyError:
        return False
    except (FatalError, RetriableError) as error:
        record_fault(context.database, source, error, error.line())
        return False
    return True


def _known_items(context: Context, source: Source, first: date | None) -> dict[str, _Item]:
    where = "source_id = %(source)s AND partition_day >= %(first)s"
    with context.database.tenant_tx(source.tenant_id) as connection:
        rows = connection.execute(
            _LATEST.format(where=where).encode(), {"source": source.id, "first": first or date.min}
        ).fetchall()
    return {native_id: _Item(day, occurred_at, not deleted) for _, native_id, day, occurred_at, deleted in rows}


def _day_figures(context: Context, partition: Partition) -> list[tuple[UUID, int | None, int]]:
    latest = _LATEST.format(where="partition_day = %(day)s")
    with context.database.tenant_tx(partition.tenant_id) as connection:
        return connection.execute(
            f"""
            SELECT source_id, max(census), coalesce(max(stored), 0) FROM (
                SELECT source_id, census, NULL::bigint AS stored FROM fact_source_day WHERE day = %(day)s
                UNION ALL
                SELECT source_id, NULL, count(*) FILTER (WHERE NOT deleted) FROM ({latest}) AS latest
                GROUP BY source_id) AS figures
            GROUP BY source_id ORDER BY source_id
            """.encode(),
            {"day": partition.day},
        ).fetchall()
