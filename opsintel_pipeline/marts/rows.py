"""The rows beneath the roll-ups of a partition, read once for all facts."""

from __future__ import annotations

import polars as pl
import psycopg

from opsintel.partitions import Partition

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


def read_rows(connection: psycopg.Connection, partition: Partition) -> pl.DataFrame:
    """Return one row for each live message on the days of a partition, by the columns of `SCHEMA`.

    Customers only: `participant_id` is null for the tenant's own people. A message seen in several sources counts for
    the first.
    """
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
        WHERE message.deleted_at IS NULL AND message.partition_day = %s
        ORDER BY message.id
        """,
        (partition.day,),
    ).fetchall()
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")
