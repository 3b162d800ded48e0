"""What of keys and ceilings rests until somebody sees to it, as alerts: opened in the transaction that finds it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal
from uuid import UUID

import psycopg

from opsintel.alerts.store import Condition, open_alert
from opsintel.clock import month_after, now

if TYPE_CHECKING:
    from opsintel.llm.budget import CeilingError

OF_A_BACKFILL = timedelta(days=31)
"""How long an alert about a backfill's ceiling stands: its analyses wait on, but who left it so long means it."""

LASTED = timedelta(hours=1)
"""What may pass by itself is an alert once it lasted so long: keys are tried again at least every hour."""

_AT_ONCE: Mapping[str, str] = MappingProxyType(
    {
        "revoked": "The provider refuses the key: give it another value (opsintel key rotate), or remove it",
        "quota": "The provider's account has nothing left for this key: top it up there, or raise its limit",
        "model_missing": "The provider has no such model for this key: choose another (opsintel key chain)",
    }
)
_LASTING: Mapping[str, str] = MappingProxyType(
    {
        "rate_limited": "The provider has taken no call for an hour, too many came: have its limit raised, or add"
        " another key",
        "unreachable": "The provider has given no answer for an hour: see its status page, and the key's address",
    }
)
_BY_OPERATOR = "The installation's key gives no answers any more: tell its operator, or bring a key of your own"
"""Of a key whose value the tenant does not have."""

_OF: Mapping[str, str] = MappingProxyType(
    {
        "month": "this month",
        "platform": "this month by the installation's key",
        "source": "this source this month",
        "backfill": "this re-run or backfill",
    }
)
"""What a ceiling is of, by its scope."""


def alert_of_key(
    connection: psycopg.Connection, tenant_id: UUID, key_id: UUID, health: str, *, of_platform: bool, has_lasted: bool
) -> None:
    """Open an alert where a key waits for a person: at once, or once it `has_lasted` where the fault may pass."""
    line = _AT_ONCE.get(health) or (_LASTING.get(health) if has_lasted else None)
    if line is not None:
        line = _BY_OPERATOR if of_platform and health in ("revoked", "quota") else line
        waits = health in _AT_ONCE
        open_alert(connection, tenant_id, Condition("key.invalid", key_id, line, waits_for_person=waits))


def note_reached(connection: psycopg.Connection, tenant_id: UUID, error: CeilingError) -> None:
    """Note in the caller's transaction that a ceiling refused a call; the first that it refuses opens an alert."""
    connection.execute(  # it may be the month's first: what that had set aside is undone
        "INSERT INTO budget_period (tenant_id, budget_id, month) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
        (tenant_id, error.budget_id, error.month),
    )
    row = connection.execute(
        "UPDATE budget_period SET reached_at = now() FROM budget WHERE budget.id = budget_id AND budget_id = %s"
        " AND month = %s AND reached_at IS NULL RETURNING budget_id, scope, subject_id",
        (error.budget_id, error.month),
    ).fetchone()
    if row is not None:
        alert_of_ceiling(connection, tenant_id, "budget.exhausted", row, month_after(error.month))


def alert_of_ceiling(
    connection: psycopg.Connection,
    tenant_id: UUID,
    kind: Literal["budget.warning", "budget.exhausted"],
    ceiling: tuple[UUID, str, UUID | None],
    ends_at: datetime,
) -> None:
    """Open an alert about a ceiling (id, scope, source or job): till the month ends, or `OF_A_BACKFILL`."""
    budget_id, scope, subject_id = ceiling
    of = _OF[scope]
    if kind == "budget.exhausted":
        line = f"What may be spent on models for {of} is used up: analyses wait until the ceiling is raised"
        line += "" if scope == "backfill" else ", or the month ends"
        line += ", or you bring a key of your own" if scope == "platform" else ""
    else:
        line = f"Most of what may be spent on models for {of} is used up: raise the ceiling if that is too early"
    open_alert(
        connection,
        tenant_id,
        Condition(
            kind,
            budget_id,
            line,
            source_id=subject_id if scope == "source" else None,
            ends_at=now() + OF_A_BACKFILL if scope == "backfill" else ends_at,
        ),
    )
