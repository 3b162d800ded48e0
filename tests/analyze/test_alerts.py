"""Keys that wait for a person: an alert and a letter, until the key is given another value; then anew."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest

from opsintel.access.audit import SYSTEM
from opsintel.clock import today
from opsintel.context import Context
from opsintel.crypto.secrets import Secret
from opsintel.llm.alerts import note_reached
from opsintel.llm.budget import CeilingError
from opsintel.llm.keys import Health, found_ill, found_well, key_named, remove_key, rotate_key
from opsintel.llm.platform import hold
from opsintel.tenants import Tenant
from opsintel_pipeline.analyze.run import run
from tests.alerts.conftest import alerts, letters, pass_time, stands, tell, with_mail
from tests.analyze.conftest import connect_model, partition, write
from tests.peers.model_server import KEY, ModelServer
from tests.peers.smtp import running_smtp
from tests.seeding import seed_user

INVALID = "key.invalid"


def rotate(context: Context, tenant: Tenant, value: bytes) -> None:
    with context.database.tenant_tx(tenant.id) as connection:
        rotate_key(connection, context.keyring, tenant.id, key_named(connection, "openai"), Secret(value), SYSTEM)


def ask_again(context: Context, tenant: Tenant) -> None:
    """Run the day with no key at rest, and no key before a rotation."""
    with context.database.tenant_tx(tenant.id) as connection:
        connection.execute("UPDATE model_key SET retry_at = NULL, previous_until = NULL")
        connection.execute("UPDATE analysis SET parked_until = now() WHERE current AND parked_until IS NOT NULL")
    run(context, partition(tenant))


def ill(context: Context, tenant: Tenant, health: Health) -> None:
    with context.database.tenant_tx(tenant.id) as connection:
        found_ill(connection, key_named(connection, "openai").id, health, "why", None)


def test_a_key_that_is_refused_is_told_once_until_it_is_rotated_and_then_anew(
    context: Context, tenant: Tenant, model: ModelServer
) -> None:
    for role in ("owner", "analyst"):
        seed_user(context.database, f"{role}-of-keys@acme.example", role, tenant.id, role)  # type: ignore[arg-type]
    connect_model(context, tenant, model)
    write(context, tenant, ["The export fails since the update, please help."])
    model.keys = {"another"}
    with running_smtp() as smtp:
        mailing = Context(context.database, context.objects, with_mail(context.settings, smtp))
        for _ in range(2):
            ask_again(context, tenant)
            tell(mailing)
        assert stands(context, tenant) == [(INVALID, True)]
        found = letters(smtp)
        assert set(found) == {"owner-of-keys@acme.example"}
        assert "Model key openai: The provider refuses the key" in found["owner-of-keys@acme.example"]
        assert KEY not in str(found) + str(alerts(context, tenant))
        rotate(context, tenant, b"withdrawn-too")
        assert stands(context, tenant) == [(INVALID, False)]
        pass_time(context, tenant, "6 minutes")
        ask_again(context, tenant)
        tell(mailing)
        assert stands(context, tenant) == [(INVALID, False), (INVALID, True)]
        assert set(letters(smtp)) == {"owner-of-keys@acme.example"}
        rotate(context, tenant, KEY.encode())
        model.keys = {KEY}
        ask_again(context, tenant)
        assert stands(context, tenant) == [(INVALID, False)] * 2
    with context.database.system_tx() as connection:
        connection.execute("DELETE FROM app_user WHERE email LIKE '%%-of-keys@acme.example'")


@pytest.mark.parametrize("health", ["revoked", "quota", "model_missing"])
def test_what_waits_for_a_person_is_an_alert_at_once(
    health: Health, context: Context, tenant: Tenant, model: ModelServer
) -> None:
    key_id = connect_model(context, tenant, model)
    ill(context, tenant, health)
    assert stands(context, tenant) == [(INVALID, True)]
    with context.database.tenant_tx(tenant.id) as connection:
        found_well(connection, key_id)
    assert stands(context, tenant) == [(INVALID, False)]


@pytest.mark.parametrize("health", ["unreachable", "rate_limited"])
def test_what_may_pass_is_an_alert_once_it_has_lasted(
    health: Health, context: Context, tenant: Tenant, model: ModelServer
) -> None:
    key_id = connect_model(context, tenant, model)
    ill(context, tenant, health)
    passed(context, tenant, "59 minutes")
    ill(context, tenant, health)
    assert stands(context, tenant) == []
    with context.database.tenant_tx(tenant.id) as connection:
        found_well(connection, key_id)
    passed(context, tenant, "2 hours")
    ill(context, tenant, health)
    assert stands(context, tenant) == []  # it was well in between
    passed(context, tenant, "61 minutes")
    ill(context, tenant, health)
    assert stands(context, tenant) == [(INVALID, True)]
    ill(context, tenant, "revoked")
    assert [row["line"].partition(":")[0] for row in alerts(context, tenant)] == ["The provider refuses the key"]


def test_a_key_that_is_removed_has_none(context: Context, tenant: Tenant, model: ModelServer) -> None:
    connect_model(context, tenant, model)
    ill(context, tenant, "revoked")
    with context.database.tenant_tx(tenant.id) as connection:
        remove_key(connection, tenant.id, key_named(connection, "openai"), SYSTEM)
    assert stands(context, tenant) == [(INVALID, False)]


def test_two_processes_at_once_open_one(context: Context, tenant: Tenant, model: ModelServer) -> None:
    connect_model(context, tenant, model)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: ill(context, tenant, "revoked"), range(8)))
    assert stands(context, tenant) == [(INVALID, True)]


def test_of_a_key_of_the_installation_the_operator_is_told(
    context: Context, tenant: Tenant, model: ModelServer
) -> None:
    connect_model(context, tenant, model)
    with context.database.tenant_tx(tenant.id) as connection:
        connection.execute("UPDATE model_key SET of_platform = true, secret_id = NULL")
    ill(context, tenant, "revoked")
    assert ["tell its operator" in row["line"] for row in alerts(context, tenant)] == [True]


def test_a_ceiling_of_the_installation_that_is_raised_resolves_its_alert(context: Context, tenant: Tenant) -> None:
    with context.database.tenant_tx(tenant.id) as connection:
        hold(connection, tenant.id, Decimal(1))
        ((budget_id,),) = connection.execute("SELECT id FROM budget").fetchall()
        note_reached(connection, tenant.id, CeilingError(budget_id, today().replace(day=1)))
    for usd, is_open in ((1, True), (2, False)):
        with context.database.tenant_tx(tenant.id) as connection:
            hold(connection, tenant.id, Decimal(usd))
        assert stands(context, tenant) == [("budget.exhausted", is_open)]


def passed(context: Context, tenant: Tenant, interval: str) -> None:
    """Have the key's first fault lie so long ago."""
    by: dict[str, Any] = {"by": interval}
    with context.database.tenant_tx(tenant.id) as connection:
        connection.execute("UPDATE model_key SET ill_since = ill_since - %(by)s::interval", by)
