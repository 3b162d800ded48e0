"""Census: what the provider holds, against what is stored; what is missing is fetched.

A whole source is counted once after a read; a partition then only compares figures, and counts again where they differ.
"""

from __future__ import annotations

from collections import Counter
from datetime import date
from uuid import UUID

from opsintel.clock import now
from opsintel.connectors.contract import Window
from opsintel.context import Context
from opsintel.errors import FatalError, RetriableError
from opsintel.partitions import Partition, StageResult, partition_day
from opsintel.tenants import Tenant, tenant_by_id
from opsintel_pipeline.ingest.feed import FeedResult, store_items
from opsintel_pipeline.ingest.sources import Source, find_source, set_state


def take_census(context: Context, tenant: Tenant, source: Source) -> FeedResult:
    """Count a source by day, fetch what is missing, and record the counts; returns what the fetch brought.

    What is older than the tenant keeps is not counted.
    """
    known = _known_days(context, source)
    counts: Counter[date] = Counter()
    missing = []
    moment = now()
    connector = source.connector()
    for native_id, occurred_at in connector.census(Window()):
        day = known.get(native_id)
        if not tenant.keeps(occurred_at, moment):
            continue
        if day is None:
            missing.append(native_id)
            day = partition_day(occurred_at, moment, tenant.window_days)
        counts[day] += 1
    brought = FeedResult()
    if missing:
        store_items(context, tenant, source, "census", connector.fetch(missing), brought)
    with context.database.tenant_tx(tenant.id) as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE fact_source_day SET census = 0, counted_at = now() WHERE source_id = %s", (source.id,))
        cursor.executemany(
            "INSERT INTO fact_source_day (tenant_id, day, source_id, census, counted_at) VALUES (%s, %s, %s, %s, now())"
            " ON CONFLICT (tenant_id, day, source_id) DO UPDATE SET census = excluded.census, counted_at = now()",
            [(tenant.id, day, source.id, count) for day, count in sorted(counts.items())],
        )
    return brought


def run(context: Context, partition: Partition) -> StageResult:
    """Compare census and store of one day; where they differ, count the source again and fetch what is missing.

    Returns the number of items stored for the day.
    """
    uncounted = 0
    for source_id, census, stored in _day_figures(context, partition):
        if census is None or stored < census:
            uncounted += not _repair(context, partition, find_source(context.database, partition.tenant_id, source_id))
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
    try:
        take_census(context, tenant_by_id(context.database, partition.tenant_id), source)
    except (FatalError, RetriableError) as error:
        set_state(context.database, source, "failing", error.line())
        return False
    return True


def _known_days(context: Context, source: Source) -> dict[str, date]:
    with context.database.tenant_tx(source.tenant_id) as connection:
        return dict(
            connection.execute(
                "SELECT DISTINCT native_id, partition_day FROM raw_payload WHERE source_id = %s", (source.id,)
            ).fetchall()
        )


def _day_figures(context: Context, partition: Partition) -> list[tuple[UUID, int | None, int]]:
    with context.database.tenant_tx(partition.tenant_id) as connection:
        return connection.execute(
            """
            SELECT source_id, max(census), coalesce(max(stored), 0) FROM (
                SELECT source_id, census, NULL::bigint AS stored FROM fact_source_day WHERE day = %(day)s
                UNION ALL
                SELECT source_id, NULL, count(DISTINCT native_id) FROM raw_payload WHERE partition_day = %(day)s
                GROUP BY source_id) AS figures
            GROUP BY source_id ORDER BY source_id
            """,
            {"day": partition.day},
        ).fetchall()
