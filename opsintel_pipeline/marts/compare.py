"""Roll-ups against the rows beneath them: days that differ without a run under way are built again."""

from __future__ import annotations

from datetime import date
from typing import LiteralString

from opsintel.context import Context
from opsintel.queue.outbox import announce_days
from opsintel.tenants import Tenant, all_tenants
from opsintel_pipeline.marts.rows import not_frozen

_STALE: LiteralString = """
    WITH rows AS (
        SELECT (sorted_at AT TIME ZONE 'UTC')::date AS day, count(*) AS messages,
               count(*) FILTER (WHERE analysis.is_actionable) AS actionable,
               sum(coalesce(analysis.severity, 0)) AS severities, sum(coalesce(analysis.sentiment, 0)) AS sentiments,
               count(issue_member.id) AS members
        FROM message
        LEFT JOIN analysis ON analysis.message_id = message.id AND analysis.current
        LEFT JOIN issue_member ON issue_member.message_id = message.id AND issue_member.removed_at IS NULL
        WHERE message.deleted_at IS NULL AND message.selected AND EXISTS (
            SELECT FROM message_occurrence AS place WHERE place.message_id = message.id AND place.deleted_at IS NULL)
        GROUP BY 1
    ), facts AS (
        SELECT day, sum(messages) AS messages, coalesce(sum(messages) FILTER (WHERE is_actionable), 0) AS actionable,
               sum(severity * messages) AS severities, sum(sentiment_sum) AS sentiments
        FROM fact_message_day GROUP BY day
    ), issues AS (
        SELECT day, sum(messages) AS members FROM fact_issue_day GROUP BY day
    )
    SELECT day FROM rows FULL JOIN facts USING (day) FULL JOIN issues USING (day)
    WHERE (rows.messages, rows.actionable, rows.severities, rows.sentiments, coalesce(rows.members, 0))
          IS DISTINCT FROM
          (facts.messages, facts.actionable, facts.severities, facts.sentiments, coalesce(issues.members, 0))
      AND NOT EXISTS (SELECT FROM work WHERE state IN ('pending', 'batched'))
    ORDER BY day
"""
"""A tenant with work under way is left alone: its roll-ups are about to be built."""


def stale_days(context: Context, tenant: Tenant) -> list[date]:
    """Return the days whose roll-ups are not those of their rows, ascending; those that are kept longer left out."""
    with context.database.tenant_tx(tenant.id) as connection:
        return not_frozen(connection, [row[0] for row in connection.execute(_STALE)])


def repair(context: Context) -> dict[str, int]:
    """Announce the days of all tenants whose roll-ups differ, from the marts on; return how many, by tenant's slug."""
    repaired = {}
    for tenant in all_tenants(context.database):
        if days := stale_days(context, tenant):
            with context.database.tenant_tx(tenant.id) as connection:
                announce_days(connection, tenant.id, days, "roll-ups differ", "marts")
            repaired[tenant.slug] = len(days)
    return repaired
