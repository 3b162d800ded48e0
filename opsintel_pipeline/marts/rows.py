"""The rows beneath the roll-ups of a partition, read once for all facts."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import polars as pl
import psycopg

from opsintel.partitions import Partition
from opsintel.retention import FROZEN_UNTIL

SCHEMA: dict[str, pl.DataType] = {
    "message_id": pl.String(),
    "day": pl.Date(),
    "source_id": pl.String(),
    "kind": pl.String(),
    "severity": pl.Int16(),
    "is_actionable": pl.Boolean(),
    "sentiment": pl.Int16(),
    "analysed": pl.Boolean(),
    "participant_id": pl.String(),
    "organization_id": pl.String(),
    "issue_id": pl.String(),
}


def days_of(connection: psycopg.Connection, partition: Partition) -> list[date]:
    """Return the UTC days of a partition's messages, its own day always among them: the archive has many."""
    rows = connection.execute(
        "SELECT DISTINCT (sorted_at AT TIME ZONE 'UTC')::date FROM message WHERE partition_day = %s", (partition.day,)
    ).fetchall()
    return sorted({partition.day, *(row[0] for row in rows)})


def not_frozen(connection: psycopg.Connection, days: list[date]) -> list[date]:
    """Return the days without those whose counts are kept for longer than their messages, and are no more of them."""
    row = connection.execute(FROZEN_UNTIL).fetchone()
    return days if row is None else [day for day in days if day > row[0]]


def read_rows(connection: psycopg.Connection, days: list[date]) -> pl.DataFrame:
    """Return one row for each live message on the days that is selected, by the columns of `SCHEMA`.

    Customers only: `participant_id` is null for the tenant's own people. A message seen in several sources counts for
    the first.
    """
    if not days:
        return pl.DataFrame(schema=SCHEMA)
    rows = connection.execute(
        """
        SELECT message.id::text, (message.sorted_at AT TIME ZONE 'UTC')::date, first_place.source_id::text,
               coalesce(analysis.kind, ''), coalesce(analysis.severity, 0), coalesce(analysis.is_actionable, false),
               coalesce(analysis.sentiment, 0), analysis.id IS NOT NULL,
               participant.id::text, participant.organization_id::text, issue_member.issue_id::text
        FROM message
        JOIN LATERAL (SELECT source_id FROM message_occurrence
                      WHERE message_occurrence.message_id = message.id AND deleted_at IS NULL
                      ORDER BY seen_at, source_id, native_id LIMIT 1) AS first_place ON true
        LEFT JOIN analysis ON analysis.message_id = message.id AND analysis.current
        LEFT JOIN participant ON participant.id = message.author_id AND NOT participant.is_own
        LEFT JOIN issue_member ON issue_member.message_id = message.id AND issue_member.removed_at IS NULL
        WHERE message.deleted_at IS NULL AND message.selected
          AND message.sorted_at >= %(first)s AND message.sorted_at < %(end)s
          AND (message.sorted_at AT TIME ZONE 'UTC')::date = ANY(%(days)s)
        ORDER BY message.id
        """,
        {"days": days, "first": _midnight(days[0]), "end": _midnight(days[-1] + timedelta(days=1))},
    ).fetchall()
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=UTC)
