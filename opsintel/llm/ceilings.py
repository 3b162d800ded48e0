"""Ceilings as people set and remove them; budget.py has calls held by them."""

from __future__ import annotations

from decimal import Decimal
from typing import get_args
from uuid import UUID

import psycopg

from opsintel.access.audit import SYSTEM, Actor, Entry, Subject, record
from opsintel.alerts.store import resolve_alerts
from opsintel.errors import InputError, NotFoundError
from opsintel.ids import new_id
from opsintel.llm.budget import DEGRADE_FROM, MONTH, Degrade
from opsintel.llm.parked import due_now
from opsintel.llm.platform import SCOPE

MOST_USD = Decimal(1_000_000_000)
SAMPLE_SHARE = 0.2
_SUBJECTS = {"source": "source", "backfill": "job"}
"""Tables of what a ceiling can be of, beside the tenant's month."""


def set_budget(
    connection: psycopg.Connection,
    tenant_id: UUID,
    scope: str,
    subject_id: UUID | None,
    limit_usd: Decimal,
    degrade: str = "park",
    *,
    degrade_from: float = DEGRADE_FROM,
    sample_share: float = SAMPLE_SHARE,
    actor: Actor = SYSTEM,
) -> UUID:
    """Set a ceiling in the caller's transaction and return its id; what is spent already counts.

    `scope` is month, source or backfill; of the last two `subject_id` is the source or job. `degrade_from` is the share
    of the ceiling from which `degrade` is done, `sample_share` that of the messages which are analysed then, where it
    is `sample`. What was parked is tried again. Raises `InputError` for what is none.
    """
    _require_ceiling(limit_usd, degrade, degrade_from, sample_share)
    table = _SUBJECTS.get(scope)
    if table and connection.execute(f"SELECT FROM {table} WHERE id = %s", (subject_id,)).rowcount != 1:
        raise InputError(f"There is no such {table}")
    row = connection.execute(
        "INSERT INTO budget (tenant_id, id, scope, subject_id, limit_usd, degrade, degrade_from, sample_share)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (tenant_id, scope, subject_id) DO UPDATE SET"
        " limit_usd = excluded.limit_usd, degrade = excluded.degrade, degrade_from = excluded.degrade_from,"
        " sample_share = excluded.sample_share RETURNING id",
        (tenant_id, new_id(), scope, subject_id, limit_usd, degrade, degrade_from, sample_share),
    ).fetchone()
    assert row is not None
    budget_id: UUID = row[0]
    _count_before(connection, tenant_id, budget_id)
    connection.execute(
        "UPDATE budget_period SET reached_at = NULL, warned_at = NULL WHERE budget_id = %s", (budget_id,)
    )
    resolve_alerts(connection, budget_id, by_person=True)
    due_now(connection)
    details = {"scope": scope, "limit_usd": f"{limit_usd:f}", "degrade": degrade}
    record(connection, Entry(tenant_id, actor, "budget.set", Subject("budget", str(budget_id)), details))
    return budget_id


def remove_budget(connection: psycopg.Connection, tenant_id: UUID, budget_id: UUID, actor: Actor = SYSTEM) -> None:
    """Take a ceiling away, in the caller's transaction; what it parked is tried again.

    `NotFoundError` for none, or the operator's.
    """
    if not connection.execute("DELETE FROM budget WHERE id = %s AND scope <> %s", (budget_id, SCOPE)).rowcount:
        raise NotFoundError("There is no such ceiling of the tenant")
    resolve_alerts(connection, budget_id, by_person=True)
    due_now(connection)
    record(connection, Entry(tenant_id, actor, "budget.removed", Subject("budget", str(budget_id))))


def _count_before(connection: psycopg.Connection, tenant_id: UUID, budget_id: UUID) -> None:
    """Count for a new ceiling what its calls have cost already, and what is set aside for those under way."""
    connection.execute(
        "INSERT INTO budget_period (tenant_id, budget_id, month, spent_usd, reserved_usd)"
        f" SELECT %(tenant)s, budget.id, {MONTH}, coalesce(sum(call.cost_usd), 0),"
        " coalesce(sum(call.reserved_usd) FILTER (WHERE call.state = 'reserved'), 0)"
        " FROM budget LEFT JOIN model_call AS call ON CASE budget.scope WHEN 'backfill' THEN call.job_id ="
        " budget.subject_id ELSE call.created_at >= date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'"
        " AND (budget.scope = 'month' OR call.source_id = budget.subject_id) END"
        " WHERE budget.id = %(budget)s GROUP BY budget.id, budget.scope ON CONFLICT DO NOTHING",
        {"tenant": tenant_id, "budget": budget_id},
    )


def _require_ceiling(limit_usd: Decimal, degrade: str, *shares: float) -> None:
    if degrade not in get_args(Degrade):
        raise InputError(f"{degrade!r} is nothing that can be done", remedy=f"Use {', '.join(get_args(Degrade))}")
    if not limit_usd.is_finite() or not 0 <= limit_usd <= MOST_USD:
        raise InputError(f"A ceiling is an amount in USD from 0 to {MOST_USD:,}")
    if not all(0 <= share <= 1 for share in shares):
        raise InputError("A share is a number from 0 to 1", remedy="80 % is 0.8")
