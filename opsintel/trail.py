"""Where a trace has been: from the page that was accepted to the rows that were exported because of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from opsintel.db.engine import Database
from opsintel.tenants import Tenant, all_tenants

_WORK = """
    SELECT work.tenant_id, work.partition_day::text AS day, work.reason, work.state, work.error, work.batch_id::text,
           batch.run_id, work.created_at, work.started_at, work.finished_at
    FROM work LEFT JOIN batch ON batch.id = work.batch_id WHERE work.trace_id = %s ORDER BY work.created_at, work.id
"""
_WAITING = (
    "SELECT tenant_id, payload ->> 'day' AS day, created_at, published_at FROM outbox WHERE payload ->> 'trace_id' = %s"
)
_MESSAGES = """
    SELECT source.kind AS source, raw.native_id, raw.partition_day::text AS day, raw.fetched_at, raw.normalized_at,
           occurrence.message_id::text, analysis.created_at AS analysed_at, issue.number AS issue,
           export_row.state AS export_state, export_row.exported_at, export_row.trace_id AS exported_by
    FROM raw_payload AS raw JOIN source ON source.id = raw.source_id
    LEFT JOIN message_occurrence AS occurrence
        ON occurrence.source_id = raw.source_id AND occurrence.native_id = raw.native_id
    LEFT JOIN analysis ON analysis.message_id = occurrence.message_id AND analysis.current
    LEFT JOIN issue_member ON issue_member.message_id = occurrence.message_id AND issue_member.removed_at IS NULL
    LEFT JOIN issue ON issue.id = issue_member.issue_id
    LEFT JOIN export_row ON export_row.row_key = issue.id::text
    WHERE raw.partition_day = ANY(%s::date[]) AND raw.trace_id = %s ORDER BY raw.partition_day, raw.native_id LIMIT %s
"""


@dataclass(frozen=True)
class Trail:
    """What is known of a trace in one tenant; ids, days and times, never content."""

    tenant: str
    announced: list[dict[str, Any]] = field(default_factory=list)
    work: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)


def trail_of(database: Database, trace_id: str, limit: int = 1000) -> list[Trail]:
    """Return where a trace has been, by tenant, with at most `limit` messages of each; empty when it is unknown."""
    with database.system_tx() as connection:
        work = _rows(connection.execute(_WORK, (trace_id,)))
        waiting = _rows(connection.execute(_WAITING, (trace_id,)))
    tenants = {tenant.id: tenant for tenant in all_tenants(database)}
    found = [tenants[id_] for id_ in dict.fromkeys(row["tenant_id"] for row in work + waiting) if id_ in tenants]
    return [_trail(database, tenant, trace_id, work, waiting, limit) for tenant in found]


def _trail(
    database: Database,
    tenant: Tenant,
    trace_id: str,
    work: Sequence[dict[str, Any]],
    waiting: Sequence[dict[str, Any]],
    limit: int,
) -> Trail:
    announced, entered = _of(tenant.id, waiting), _of(tenant.id, work)
    days = sorted({row["day"] for row in announced + entered})
    with database.tenant_tx(tenant.id) as connection:
        messages = _rows(connection.execute(_MESSAGES, (days, trace_id, limit)))
    return Trail(tenant.slug, announced, entered, messages)


def _of(tenant_id: UUID, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in row.items() if name != "tenant_id"}
        for row in rows
        if row["tenant_id"] == tenant_id
    ]


def _rows(cursor: Any) -> list[dict[str, Any]]:
    names = [column.name for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
