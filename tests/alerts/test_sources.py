"""Sources that cannot be read: an alert in the transaction that says so, until they can, or somebody sees to it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from opsintel.access.audit import SYSTEM
from opsintel.alerts.kinds import KINDS
from opsintel.alerts.store import acknowledge
from opsintel.context import Context
from opsintel.errors import CredentialError, RetriableError
from opsintel.sources.control import Change, change_source, remove_source
from opsintel.sources.source import Source, find_source, record_fault, set_state
from opsintel.tenants import Tenant
from opsintel_pipeline.worker import watching
from tests.alerts.conftest import a_source, alerts, letters, pass_time, staffed, stands, tell
from tests.peers.smtp import SmtpPeer

UNHEALTHY = "source.unhealthy"
BUSY = RetriableError("The provider is away, says support@acme.example")
REFUSED = CredentialError("The token was withdrawn")


@pytest.fixture
def source(context: Context, tenant: Tenant) -> Source:
    return find_source(context.database, tenant.id, a_source(context, tenant))


def fail(context: Context, source: Source, error: Exception = BUSY) -> None:
    record_fault(context.database, source, error, str(error))


def test_one_that_fails_has_an_alert_at_once_and_a_letter_once_it_lasts(
    context: Context, tenant: Tenant, source: Source, smtp: SmtpPeer
) -> None:
    for _ in range(3):
        fail(context, source)
    assert [(row["kind"], row["is_open"], row["source_id"]) for row in alerts(context, tenant)] == [
        (UNHEALTHY, True, source.id)
    ]
    tell(context)
    assert letters(smtp) == {}
    pass_time(context, tenant, "16 minutes")
    tell(context)
    found = letters(smtp)
    assert set(found) == {"owner@acme.example", "admin@acme.example"}
    for text in found.values():
        assert "Source support acme example: It cannot be read" in text
        assert "support@acme.example" not in text


def test_what_has_passed_by_then_is_told_to_nobody(
    context: Context, tenant: Tenant, source: Source, smtp: SmtpPeer
) -> None:
    fail(context, source)
    set_state(context.database, source, "active")
    assert stands(context, tenant) == [(UNHEALTHY, False)]
    pass_time(context, tenant, "16 minutes")
    tell(context)
    assert letters(smtp) == {}


def test_one_whose_credential_is_refused_is_told_at_once(
    context: Context, tenant: Tenant, source: Source, smtp: SmtpPeer
) -> None:
    fail(context, source)
    fail(context, source, REFUSED)
    tell(context)
    assert len(alerts(context, tenant)) == 1
    assert "authorise it again" in letters(smtp)["owner@acme.example"]


def test_one_that_comes_and_goes_is_one_alert_and_one_letter_in_a_while(
    context: Context, tenant: Tenant, source: Source, smtp: SmtpPeer
) -> None:
    told = 0
    for _ in range(24):  # twelve hours
        fail(context, source)
        pass_time(context, tenant, "20 minutes")
        tell(context)
        told += len(letters(smtp)) // 2
        set_state(context.database, source, "active")
        pass_time(context, tenant, "10 minutes")
    assert told == 2
    assert len(alerts(context, tenant)) <= 2


def test_one_that_came_back_and_lasts_is_told_again_once_the_quiet_is_over(
    context: Context, tenant: Tenant, source: Source, smtp: SmtpPeer
) -> None:
    fail(context, source)
    pass_time(context, tenant, "16 minutes")
    tell(context)
    assert len(letters(smtp)) == 2
    set_state(context.database, source, "active")
    fail(context, source)
    pass_time(context, tenant, "5 hours")
    tell(context)
    assert letters(smtp) == {}
    pass_time(context, tenant, "2 hours")
    tell(context)
    assert len(letters(smtp)) == 2
    assert stands(context, tenant) == [(UNHEALTHY, True)]


def test_one_that_somebody_took_note_of_is_told_again_where_it_comes_back(
    context: Context, tenant: Tenant, source: Source, smtp: SmtpPeer
) -> None:
    fail(context, source)
    with context.database.tenant_tx(tenant.id) as connection:
        acknowledge(connection, tenant.id, alerts(context, tenant)[0]["id"], list(KINDS), SYSTEM)
    set_state(context.database, source, "active")
    fail(context, source)
    pass_time(context, tenant, "7 hours")
    tell(context)
    assert len(letters(smtp)) == 2


def test_what_only_a_person_can_mend_is_told_to_who_was_told_that_it_may_pass(
    context: Context, tenant: Tenant, source: Source, smtp: SmtpPeer
) -> None:
    fail(context, source)
    pass_time(context, tenant, "16 minutes")
    tell(context)
    assert "is tried again" in letters(smtp)["owner@acme.example"]
    pass_time(context, tenant, "16 minutes")
    fail(context, source, REFUSED)
    tell(context)
    assert "authorise it again" in letters(smtp)["owner@acme.example"]
    pass_time(context, tenant, "16 minutes")
    fail(context, source, REFUSED)
    tell(context)
    assert letters(smtp) == {}


def test_silence_is_an_alert(context: Context, tenant: Tenant, source: Source) -> None:
    with context.database.tenant_tx(tenant.id) as connection:
        connection.execute("UPDATE source SET poll_seconds = 60, created_at = now() - interval '3 hours'")
    watching.watch(context)
    assert stands(context, tenant) == [(UNHEALTHY, True)]


@pytest.mark.parametrize("act", ["paused", "resumed", "removed"])
def test_what_a_person_does_resolves_it_and_what_comes_then_is_another(
    act: str, context: Context, tenant: Tenant, source: Source
) -> None:
    fail(context, source)
    if act == "removed":
        remove_source(context, tenant.id, source.id, SYSTEM)
    else:
        change_source(context, tenant.id, source.id, Change(paused=act == "paused"), SYSTEM)
    assert stands(context, tenant) == [(UNHEALTHY, False)]
    if act == "resumed":
        fail(context, source)
        assert stands(context, tenant) == [(UNHEALTHY, False), (UNHEALTHY, True)]


def test_one_that_is_paused_or_removed_has_none(context: Context, tenant: Tenant, source: Source) -> None:
    change_source(context, tenant.id, source.id, Change(paused=True), SYSTEM)
    fail(context, source)
    assert stands(context, tenant) == []


def test_two_processes_at_once_open_one(context: Context, tenant: Tenant, source: Source) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: fail(context, source), range(8)))
    assert stands(context, tenant) == [(UNHEALTHY, True)]


def test_each_tenant_has_its_own(context: Context, tenant: Tenant, source: Source, smtp: SmtpPeer) -> None:
    other = staffed(context.database, "other")
    fail(context, source, REFUSED)
    tell(context)
    assert set(letters(smtp)) == {"owner@acme.example", "admin@acme.example"}
    assert stands(context, other) == []
