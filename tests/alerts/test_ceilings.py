"""Ceilings: a letter once most is spent and once a call is refused, once a month each; the month's end ends both."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from opsintel.clock import month_after, today
from opsintel.context import Context
from opsintel.ids import new_id
from opsintel.llm.alerts import note_reached
from opsintel.llm.budget import CeilingError, Work, reserve, settle
from opsintel.llm.call import Answer
from opsintel.llm.ceilings import remove_budget, set_budget
from opsintel.llm.chain import Link
from opsintel.tenants import Tenant
from tests.alerts.conftest import a_key, a_source, alerts, letters, pass_time, stands, tell
from tests.peers.smtp import SmtpPeer
from tests.seeding import insert

ANSWER = Answer("", is_cut=False, tokens_in=1, tokens_out=1, tokens_cached=0, latency_ms=1)
WARNED, EXHAUSTED = "budget.warning", "budget.exhausted"


@pytest.fixture
def link(context: Context, tenant: Tenant) -> Link:
    return a_key(context, tenant)


def ceiling(context: Context, tenant: Tenant, usd: int = 10, **more: Any) -> UUID:
    of = (more.pop("scope", "month"), more.pop("subject", None))
    with context.database.tenant_tx(tenant.id) as connection:
        return set_budget(connection, tenant.id, *of, Decimal(usd), **more)


def spend(context: Context, tenant: Tenant, link: Link, usd: str, work: Work | None = None) -> None:
    """Make a call of a cost; one that a ceiling refuses is noted as the product does."""
    amount, asked = Decimal(usd), work or Work("analyse")
    try:
        with context.database.tenant_tx(tenant.id) as connection:
            reserved = reserve(connection, tenant.id, link, asked, new_id().bytes, amount)
            settle(connection, reserved, ANSWER, amount)
    except CeilingError as error:
        with context.database.tenant_tx(tenant.id) as connection:
            note_reached(connection, tenant.id, error)


def test_most_of_it_and_all_of_it_are_an_alert_each_once_a_month(
    context: Context, tenant: Tenant, link: Link, smtp: SmtpPeer
) -> None:
    ceiling(context, tenant)
    spend(context, tenant, link, "7.9")
    assert stands(context, tenant) == []
    for usd in ("0.2", "0.2", "5", "5", "0.1"):
        spend(context, tenant, link, usd)
    assert stands(context, tenant) == [(WARNED, True), (EXHAUSTED, True)]
    tell(context)
    found = letters(smtp)
    assert set(found) == {"owner@acme.example", "admin@acme.example"}
    assert "Ceiling of the month: What may be spent on models for this month is used up" in found["owner@acme.example"]
    assert "Most of what may be spent" in found["owner@acme.example"]


def test_the_share_is_that_of_the_ceiling(context: Context, tenant: Tenant, link: Link) -> None:
    ceiling(context, tenant, degrade_from=0.5)
    spend(context, tenant, link, "4.9")
    assert stands(context, tenant) == []
    spend(context, tenant, link, "0.1")
    assert stands(context, tenant) == [(WARNED, True)]


def test_what_is_set_aside_warns_of_nothing_until_it_is_spent(context: Context, tenant: Tenant, link: Link) -> None:
    ceiling(context, tenant)
    with context.database.tenant_tx(tenant.id) as connection:
        reserved = reserve(connection, tenant.id, link, Work("analyse"), b"dear", Decimal(9))
        settle(connection, reserved, ANSWER, Decimal(1))
    assert stands(context, tenant) == []


@pytest.mark.parametrize("act", ["raised", "removed"])
def test_a_ceiling_that_is_raised_or_removed_resolves_them(
    act: str, context: Context, tenant: Tenant, link: Link
) -> None:
    budget_id = ceiling(context, tenant)
    for usd in ("9", "5"):
        spend(context, tenant, link, usd)
    if act == "raised":
        ceiling(context, tenant, 12)
    else:
        with context.database.tenant_tx(tenant.id) as connection:
            remove_budget(connection, tenant.id, budget_id)
    assert stands(context, tenant) == [(WARNED, False), (EXHAUSTED, False)]
    spend(context, tenant, link, "1")
    again = [(WARNED, True)] if act == "raised" else []  # ten of twelve is most of it once more
    assert stands(context, tenant)[2:] == again


def test_the_end_of_the_month_resolves_them_and_the_next_month_has_its_own(
    context: Context, tenant: Tenant, link: Link, smtp: SmtpPeer
) -> None:
    ceiling(context, tenant)
    for usd in ("9", "5"):
        spend(context, tenant, link, usd)
    with context.database.tenant_tx(tenant.id) as connection:
        ends = connection.execute("SELECT DISTINCT ends_at FROM alert").fetchall()
        assert ends == [(month_after(today()),)]
        connection.execute("UPDATE alert SET ends_at = now(), tell_at = now() - interval '1 day'")
    tell(context)
    assert stands(context, tenant) == [(WARNED, False), (EXHAUSTED, False)]
    assert letters(smtp) == {}
    with context.database.tenant_tx(tenant.id) as connection:
        connection.execute("UPDATE budget_period SET month = month - 40")
    for usd in ("9", "5"):
        spend(context, tenant, link, usd)
    assert stands(context, tenant)[2:] == [(WARNED, True), (EXHAUSTED, True)]


def test_one_whose_month_is_over_holds_up_no_other(context: Context, tenant: Tenant, link: Link) -> None:
    ceiling(context, tenant)
    spend(context, tenant, link, "9")
    with context.database.tenant_tx(tenant.id) as connection:
        connection.execute("UPDATE alert SET ends_at = now(); UPDATE budget_period SET month = month - 40")
    spend(context, tenant, link, "9")
    assert stands(context, tenant) == [(WARNED, False), (WARNED, True)]


def test_a_ceiling_of_a_source_is_an_alert_of_that_source(context: Context, tenant: Tenant, link: Link) -> None:
    source_id = a_source(context, tenant)
    ceiling(context, tenant, scope="source", subject=source_id)
    spend(context, tenant, link, "9", Work("analyse", source_id=source_id))
    assert [(row["kind"], row["source_id"]) for row in alerts(context, tenant)] == [(WARNED, source_id)]


def test_a_ceiling_of_a_backfill_is_told_once_it_is_reached_and_has_no_month(
    context: Context, tenant: Tenant, link: Link
) -> None:
    job_id = new_id()
    with context.database.tenant_tx(tenant.id) as connection:
        insert(
            connection, "job", tenant_id=tenant.id, id=job_id, kind="backfill", parameters="{}",
        )  # fmt: skip
    ceiling(context, tenant, scope="backfill", subject=job_id)
    for usd in ("9", "5"):
        spend(context, tenant, link, usd, Work("analyse", job_id=job_id))
    pass_time(context, tenant, "30 days")
    tell(context)
    assert stands(context, tenant) == [(EXHAUSTED, True)]
    pass_time(context, tenant, "2 days")
    tell(context)
    assert stands(context, tenant) == [(EXHAUSTED, False)]


def test_a_new_ceiling_counts_what_was_spent_before(context: Context, tenant: Tenant, link: Link) -> None:
    source_id, job_id = a_source(context, tenant), new_id()
    with context.database.tenant_tx(tenant.id) as connection:
        insert(connection, "job", tenant_id=tenant.id, id=job_id, kind="backfill", parameters="{}")
        reserve(connection, tenant.id, link, Work("analyse", job_id=job_id), new_id().bytes, Decimal(2))
    for usd, work in (("9", Work("analyse")), ("3", Work("analyse", source_id=source_id))):
        spend(context, tenant, link, usd, work)
    budgets = [ceiling(context, tenant, scope=scope, subject=subject)
               for scope, subject in (("month", None), ("source", source_id), ("backfill", job_id))]  # fmt: skip
    with context.database.tenant_tx(tenant.id) as connection:
        counted = {
            row[0]: row[1:]
            for row in connection.execute("SELECT budget_id, spent_usd, reserved_usd FROM budget_period")
        }
    assert [counted[budget] for budget in budgets] == [(12, 2), (3, 0), (0, 2)]


def test_two_processes_at_once_open_one(context: Context, tenant: Tenant, link: Link) -> None:
    ceiling(context, tenant, 1000)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: spend(context, tenant, link, "850"), range(8)))
    assert stands(context, tenant) == [(WARNED, True), (EXHAUSTED, True)]
