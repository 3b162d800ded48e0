"""Build the roll-ups of a partition again from its rows, in one transaction."""

from __future__ import annotations

from datetime import date

import polars as pl
import psycopg

from opsintel.context import Context
from opsintel.db.listener import CHANGES
from opsintel.partitions import Partition, StageResult
from opsintel_pipeline.marts.issues import issue_days
from opsintel_pipeline.marts.messages import message_days, participant_days
from opsintel_pipeline.marts.rows import days_of, not_frozen, read_rows


def run(context: Context, partition: Partition) -> StageResult:
    """Replace the facts of a partition's days and raise the tenant's data version; returns the fact rows written."""
    with context.database.tenant_tx(partition.tenant_id) as connection:
        days = not_frozen(connection, days_of(connection, partition))
        rows = read_rows(connection, days)
        written = sum(
            _replace(connection, partition, table, facts, days)
            for table, facts in (
                ("fact_message_day", message_days(rows)),
                ("fact_participant_day", participant_days(rows)),
                ("fact_issue_day", issue_days(rows)),
            )
        )
        _update_completeness(connection, partition)
        connection.execute(
            "INSERT INTO data_version (tenant_id, version) VALUES (%s, 1) ON CONFLICT (tenant_id)"
            " DO UPDATE SET version = data_version.version + 1, updated_at = now()",
            (partition.tenant_id,),
        )
        connection.execute("SELECT pg_notify(%s, '')", (CHANGES,))
    return StageResult(written, {"messages": rows.height, "days": len(days)})


def _replace(
    connection: psycopg.Connection, partition: Partition, table: str, facts: pl.DataFrame, days: list[date]
) -> int:
    connection.execute(f"DELETE FROM {table} WHERE day = ANY(%s)", (days,))
    columns = ["tenant_id", *facts.columns]
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))})",
            [(partition.tenant_id, *row) for row in facts.iter_rows()],
        )
    return facts.height


def _update_completeness(connection: psycopg.Connection, partition: Partition) -> None:
    """Bring the figures of fact_source_day up to date; the census itself is ingest's."""
    connection.execute(
        """
        INSERT INTO fact_source_day
            (tenant_id, day, source_id, stored, normalized, analysed, left_out, exported, failed)
        SELECT %(tenant)s, %(day)s, source.id, stored.items, coalesce(made.messages, 0), coalesce(made.analysed, 0),
               coalesce(made.left_out, 0), coalesce(made.exported, 0), coalesce(failures.open, 0)
        FROM source
        JOIN (SELECT source_id, count(*) FILTER (WHERE NOT deleted) AS items FROM (
                  SELECT DISTINCT ON (source_id, native_id) source_id, deleted FROM raw_payload
                  WHERE partition_day = %(day)s ORDER BY source_id, native_id, fetched_at DESC, id DESC) AS latest
              GROUP BY source_id) AS stored ON stored.source_id = source.id
        LEFT JOIN (
            SELECT place.source_id, count(*) AS messages, count(analysis.id) AS analysed,
                   count(*) FILTER (WHERE NOT message.selected) AS left_out,
                   count(*) FILTER (WHERE EXISTS (
                       SELECT 1 FROM issue_member JOIN export_row ON export_row.row_key = issue_member.issue_id::text
                       WHERE issue_member.message_id = message.id AND issue_member.removed_at IS NULL
                         AND export_row.state = 'written')) AS exported
            FROM message_occurrence AS place
            JOIN message ON message.id = place.message_id AND message.partition_day = %(day)s
            LEFT JOIN analysis ON analysis.message_id = message.id AND analysis.current
            WHERE place.deleted_at IS NULL GROUP BY place.source_id) AS made ON made.source_id = source.id
        LEFT JOIN (SELECT source_id, count(*) AS open FROM ingest_failure
                   WHERE partition_day = %(day)s AND resolved_at IS NULL GROUP BY source_id) AS failures
               ON failures.source_id = source.id
        ON CONFLICT (tenant_id, day, source_id) DO UPDATE SET stored = excluded.stored,
            normalized = excluded.normalized, analysed = excluded.analysed, left_out = excluded.left_out,
            exported = excluded.exported, failed = excluded.failed
        """,
        {"tenant": partition.tenant_id, "day": partition.day},
    )
