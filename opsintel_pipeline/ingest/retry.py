"""What did not get through, in reading or in the stages, and how it is tried again."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from opsintel.context import Context
from opsintel.queue.outbox import announce_days
from opsintel.sources.source import Source

_FAILED_DAYS = """
SELECT partition_day, error, first_stage FROM (
    SELECT DISTINCT ON (partition_day) partition_day, error, state, first_stage FROM work
    WHERE state <> 'cancelled' AND last_stage IS NULL
    ORDER BY partition_day, finished_at DESC NULLS FIRST) AS latest
WHERE state = 'failed' ORDER BY partition_day
"""


def failed_days(context: Context, tenant_id: UUID) -> dict[date, str]:
    """Return the days whose latest work was given up, each with the reason."""
    with context.database.tenant_tx(tenant_id) as connection:
        return {day: error for day, error, _ in connection.execute(_FAILED_DAYS)}


def retry_failed_days(context: Context, tenant_id: UUID) -> None:
    """Announce the days that were given up anew, from where they failed: what stood in their way may be gone."""
    with context.database.tenant_tx(tenant_id) as connection:
        for day, _, stage in connection.execute(_FAILED_DAYS).fetchall():
            announce_days(connection, tenant_id, [day], "retry", stage)


def failures_since(context: Context, source: Source, since: datetime) -> list[tuple[str, str]]:
    """Return (what, reason) of the items of a source that failed since then, in any stage, oldest first."""
    with context.database.tenant_tx(source.tenant_id) as connection:
        return connection.execute(
            "SELECT key, reason FROM ingest_failure WHERE source_id = %s AND last_at >= %s AND resolved_at IS NULL"
            " ORDER BY last_at, id",
            (source.id, since),
        ).fetchall()


def first_failure_of_all(context: Context, source: Source, *, processed: bool) -> str:
    """Return the first failure of a source in which everything failed, '' where anything came through.

    Came through has what is a message; before the stages were run (`processed`) it is what was read.
    """
    came_through = "message_occurrence" if processed else "raw_payload"
    with context.database.tenant_tx(source.tenant_id) as connection:
        row = connection.execute(
            "SELECT key || ': ' || reason FROM ingest_failure WHERE source_id = %(id)s AND resolved_at IS NULL"
            f" AND NOT EXISTS (SELECT 1 FROM {came_through} WHERE source_id = %(id)s) ORDER BY first_at, id LIMIT 1",
            {"id": source.id},
        ).fetchone()
    return str(row[0]) if row else ""


def database_time(context: Context) -> datetime:
    """Return the moment by the database's clock, which stamps failures."""
    with context.database.system_tx() as connection:
        row = connection.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    moment = row[0]
    assert isinstance(moment, datetime)
    return moment
