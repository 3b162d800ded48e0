"""Ceilings: money is set aside before a call and settled after it, so that the ceiling holds whatever happens between.

What is spent and what is set aside of a budget stand in one row a month. A call is made only where one statement added
its estimate to that row within the ceiling; PostgreSQL's lock on the row decides between processes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

import psycopg

from opsintel.clock import month_after, today
from opsintel.errors import ConflictError
from opsintel.ids import new_id
from opsintel.llm.alerts import alert_of_ceiling
from opsintel.llm.call import Answer
from opsintel.llm.chain import Link
from opsintel.llm.platform import SCOPE
from opsintel.llm.usage import count

Degrade = Literal["park", "cheaper", "sample"]
DEGRADE_FROM = 0.8

_ALWAYS = "DATE '1970-01-01'"
"""Stands for the month in the budget of a backfill, which lasts as long as that does."""

MONTH = (
    f"CASE WHEN budget.scope = 'backfill' THEN {_ALWAYS} ELSE date_trunc('month', now() AT TIME ZONE 'UTC')::date END"
)
"""The period of a budget that counts now."""

_COUNTED = "source_id, job_id, of_platform, date_trunc('month', created_at AT TIME ZONE 'UTC')::date, reserved_usd"
_WARNS = (
    "budget.scope <> 'backfill' AND spent_usd + %(cost)s > 0"
    f" AND spent_usd + %(cost)s >= limit_usd * coalesce(nullif(degrade_from, 0), {DEGRADE_FROM})"
)
_APPLIES = (
    "(budget.scope = 'month' OR (budget.scope = 'source' AND budget.subject_id = %(source)s)"
    " OR (budget.scope = 'backfill' AND budget.subject_id = %(job)s)"
    f" OR (budget.scope = '{SCOPE}' AND %(of_platform)s))"
)


class CeilingError(ConflictError):
    """The next call would pass a ceiling."""

    code = "ceiling_reached"

    def __init__(self, budget_id: UUID, month: date) -> None:
        super().__init__("The ceiling for calls of models is reached", remedy="Raise it, or wait for the month")
        self.budget_id = budget_id
        self.month = month


@dataclass(frozen=True, slots=True)
class Work:
    """What a call is for: which budgets it counts for, and what the ledger keeps of it."""

    purpose: str
    messages: int = 0
    source_id: UUID | None = None
    job_id: UUID | None = None
    day: date | None = None


def common(values: Iterable[UUID | None]) -> UUID | None:
    """Return the source or job that a call is for: the one that all its messages have, None where they differ."""
    distinct = set(values)
    return distinct.pop() if len(distinct) == 1 else None


@dataclass(frozen=True, slots=True)
class Standing:
    """How a tenant's budgets stand for some work: what is done now, before the ceiling."""

    degrade: Degrade | None = None
    share: float = 1.0
    """Share of messages that are analysed, where it is `sample`."""


@dataclass(frozen=True, slots=True)
class Reserved:
    """A call that was set aside; `adopted`: by a process that ended before it knew how the call did."""

    id: UUID
    usd: Decimal | None
    adopted: bool = False


def standing_of(connection: psycopg.Connection, work: Work) -> Standing:
    """Return what budgets say about some work now; the strictest wins: park, then sample, then cheaper."""
    rows = connection.execute(
        f"SELECT degrade, sample_share FROM budget JOIN budget_period AS period ON period.budget_id = budget.id"
        f" AND period.month = {MONTH} WHERE {_APPLIES} AND spent_usd + reserved_usd >= limit_usd * degrade_from",
        _subjects(work, of_platform=False),
    ).fetchall()
    for degrade in ("park", "sample", "cheaper"):
        shares = [share for each, share in rows if each == degrade]
        if shares:
            return Standing(degrade, min(shares) if degrade == "sample" else 1.0)
    return Standing()


def reserve(
    connection: psycopg.Connection, tenant_id: UUID, link: Link, work: Work, call_key: bytes, usd: Decimal | None
) -> Reserved:
    """Set a call aside in the caller's transaction of the tenant; raises `CeilingError` where it would pass a ceiling.

    A call of the same key that nobody settled is taken over with what it set aside. `usd` None (unknown price) is
    counted for no ceiling in USD: a tenant who needs one gives the model a price.
    """
    held = connection.execute(
        "SELECT id, reserved_usd FROM model_call WHERE call_key = %s AND state = 'reserved' LIMIT 1",
        (call_key,),
    ).fetchone()
    if held is not None:
        return Reserved(held[0], held[1], adopted=True)
    if usd is not None:
        _set_aside(connection, tenant_id, _subjects(work, of_platform=link.of_platform), usd)
    reserved = Reserved(new_id(), usd)
    connection.execute(
        "INSERT INTO model_call (tenant_id, id, call_key, purpose, key_id, of_platform, provider, model, source_id,"
        " job_id, partition_day, messages, state, reserved_usd)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 'reserved', %s)",
        (tenant_id, reserved.id, call_key, work.purpose, link.key_id, link.of_platform, link.provider, link.model,
         work.source_id, work.job_id, work.day, work.messages, usd),
    )  # fmt: skip
    return reserved


def settle(connection: psycopg.Connection, reserved: Reserved, answer: Answer, cost: Decimal | None) -> None:
    """Note what a call cost, in the caller's transaction; once, whoever comes first."""
    row = connection.execute(
        "UPDATE model_call SET state = 'settled', cost_usd = %s, tokens_in = %s, tokens_out = %s, tokens_cached = %s,"
        f" latency_ms = %s, settled_at = now() WHERE id = %s AND state = 'reserved' RETURNING {_COUNTED}",
        (cost, answer.tokens_in, answer.tokens_out, answer.tokens_cached, answer.latency_ms, reserved.id),
    ).fetchone()
    if row is not None:
        _move(connection, row, cost)
        count(connection, reserved.id)


def paid_before(
    connection: psycopg.Connection, reserved: Reserved, call_key: bytes
) -> tuple[UUID, Decimal | None] | None:
    """Return the settled call of the same key with its cost, None where there is none, in the caller's transaction.

    What was set aside for the second is given back, and its row goes: no second call was made.
    """
    row: tuple[UUID, Decimal | None] | None = connection.execute(
        "SELECT id, cost_usd FROM model_call WHERE call_key = %s AND state = 'settled'"
        " ORDER BY created_at DESC LIMIT 1",
        (call_key,),
    ).fetchone()
    if row is not None:
        counted = connection.execute(
            f"DELETE FROM model_call WHERE id = %s AND state = 'reserved' RETURNING {_COUNTED}", (reserved.id,)
        ).fetchone()
        if counted is not None:
            _move(connection, counted, None)
    return row


def found_after_all(connection: psycopg.Connection, call_key: bytes) -> None:
    """Take back, in the caller's transaction, that nobody knows how the newest call of a key did: its answer came."""
    row = connection.execute(
        "DELETE FROM model_call WHERE id = (SELECT id FROM model_call WHERE call_key = %s AND state = 'unknown'"
        f" ORDER BY created_at DESC LIMIT 1) RETURNING cost_usd, {_COUNTED}",
        (call_key,),
    ).fetchone()
    if row is not None:
        cost, *counted, _ = row
        _move(connection, (*counted, None), -(cost or Decimal(0)))


def release(connection: psycopg.Connection, reserved: Reserved, fault: str, *, may_be_paid: bool) -> None:
    """Note that a call gave no answer, in the caller's transaction.

    Where it `may_be_paid`, what was set aside counts as spent.
    """
    cost = reserved.usd if may_be_paid else None
    row = connection.execute(
        "UPDATE model_call SET state = %s, cost_usd = %s, fault = %s, settled_at = now()"
        f" WHERE id = %s AND state = 'reserved' RETURNING {_COUNTED}",
        ("unknown" if may_be_paid else "failed", cost, fault, reserved.id),
    ).fetchone()
    if row is not None:
        _move(connection, row, cost)
        count(connection, reserved.id)


def next_month() -> datetime:
    """Return when the next month begins, from when ceilings of a month are fresh."""
    return month_after(today())


def _subjects(work: Work, *, of_platform: bool) -> dict[str, UUID | bool | None]:
    return {"source": work.source_id, "job": work.job_id, "of_platform": of_platform}


def _set_aside(
    connection: psycopg.Connection, tenant_id: UUID, subjects: dict[str, UUID | bool | None], usd: Decimal
) -> None:
    budgets: Sequence[tuple[UUID, date, Decimal]] = connection.execute(
        f"SELECT id, {MONTH}, limit_usd FROM budget WHERE {_APPLIES} ORDER BY id", subjects
    ).fetchall()
    for budget_id, month, limit in budgets:
        connection.execute(
            "INSERT INTO budget_period (tenant_id, budget_id, month) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            (tenant_id, budget_id, month),
        )
        row = connection.execute(
            "UPDATE budget_period SET reserved_usd = reserved_usd + %(usd)s WHERE budget_id = %(budget)s"
            " AND month = %(month)s AND spent_usd + reserved_usd + %(usd)s <= %(limit)s RETURNING budget_id",
            {"usd": usd, "budget": budget_id, "month": month, "limit": limit},
        ).fetchone()
        if row is None:
            raise CeilingError(budget_id, month)


def _move(connection: psycopg.Connection, counted: tuple[Any, ...], cost: Decimal | None) -> None:
    """Take what a call set aside out of its budgets and put what it cost in; who passes a share is warned, once."""
    source_id, job_id, of_platform, month, reserved = counted
    if reserved is None and cost is None:
        return
    warned = connection.execute(
        "UPDATE budget_period AS period SET reserved_usd = greatest(0, reserved_usd - %(reserved)s),"
        f" spent_usd = spent_usd + %(cost)s, warned_at = CASE WHEN warned_at IS NULL AND {_WARNS} THEN now()"
        " ELSE warned_at END FROM budget WHERE period.budget_id = budget.id"
        f" AND {_APPLIES} AND period.month = CASE WHEN budget.scope = 'backfill' THEN {_ALWAYS} ELSE %(month)s END"
        " RETURNING warned_at = now(), period.tenant_id, budget.id, budget.scope, budget.subject_id",
        {
            "source": source_id,
            "job": job_id,
            "of_platform": of_platform,
            "month": month,
            "reserved": reserved or 0,
            "cost": cost or 0,
        },
    ).fetchall()
    for tenant_id, *ceiling in (row[1:] for row in warned if row[0]):
        alert_of_ceiling(connection, tenant_id, "budget.warning", tuple(ceiling), month_after(month))
