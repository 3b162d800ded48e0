"""Keys of the installation: chosen by the tenant, held under the operator's ceiling, given way to a tenant's own."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

import pytest
from pydantic import SecretStr

from opsintel.access.audit import SYSTEM
from opsintel.context import Context
from opsintel.crypto.secrets import Secret
from opsintel.errors import InputError, NotFoundError
from opsintel.llm.ceilings import remove_budget
from opsintel.llm.chain import append_to_chain, chain_of, set_price
from opsintel.llm.keys import add_key, key_named, rotate_key
from opsintel.llm.platform import Platform, platform_of, require_offered
from opsintel.llm.provider import provider_of
from opsintel.tenants import Tenant
from opsintel_pipeline.analyze.run import run
from tests.analyze.conftest import analyses, connect_model, partition, write
from tests.peers.model_server import BASES, KEY, ModelServer

VALUE = "sk-of-the-installation"


def offer(context: Context, monkeypatch: pytest.MonkeyPatch, ceiling: str = "10", **keys: str) -> None:
    """Have the process that asks offer keys."""
    offered = Platform({name: Secret(value.encode()) for name, value in keys.items()}, Decimal(ceiling))
    monkeypatch.setattr(context.asker, "_platform", offered)


def choose(context: Context, tenant: Tenant, model: ModelServer, name: str = "gpt-4o-mini") -> UUID:
    """Have the tenant choose the installation's key, at the address of our server."""
    with context.database.tenant_tx(tenant.id) as connection:
        wanted = ("platform", "openai", model.address + BASES["openai"])
        key_id = add_key(connection, context.keyring, tenant.id, wanted, None, SYSTEM, of_platform=True)
        append_to_chain(connection, tenant.id, "analyse", key_id, name)
    return key_id


def providers(context: Context, tenant: Tenant) -> list[str]:
    return [one["provider"] for one in analyses(context, tenant)]


class TestAKeyOfTheInstallation:
    def test_serves_the_tenant_that_chose_it(self, context, tenant, model, monkeypatch):
        offer(context, monkeypatch, openai=KEY)
        choose(context, tenant, model)
        write(context, tenant, ["The export to CSV fails with error 17."])
        run(context, partition(tenant))
        assert providers(context, tenant) == ["openai"]
        with context.database.tenant_tx(tenant.id) as connection:
            assert connection.execute("SELECT of_platform, cost_usd > 0 FROM model_call").fetchall() == [(True, True)]
            assert connection.execute("SELECT count(*) FROM secret").fetchone() == (0,), "a table holds no such key"

    def test_is_asked_nothing_for_who_did_not_choose_it(self, context, tenant, model, monkeypatch):
        offer(context, monkeypatch, openai=KEY)
        write(context, tenant, ["The export to CSV fails with error 17."])
        run(context, partition(tenant))
        assert (providers(context, tenant), model.prompts) == (["built-in"], [])

    def test_gives_way_to_the_tenants_own(self, context, tenant, model, monkeypatch):
        offer(context, monkeypatch, openai=VALUE)
        choose(context, tenant, model)
        own = connect_model(context, tenant, model)
        with context.database.tenant_tx(tenant.id) as connection:
            assert [link.key_id for link in chain_of(connection, "analyse")] == [own]

    def test_stays_beside_an_own_key_to_another_provider(self, context, tenant, model):
        platform, own = choose(context, tenant, model), connect_model(context, tenant, model, "anthropic")
        with context.database.tenant_tx(tenant.id) as connection:
            assert [link.key_id for link in chain_of(connection, "analyse")] == [platform, own]

    def test_that_is_offered_no_more_has_work_wait(self, context, tenant, model, monkeypatch):
        offer(context, monkeypatch, anthropic=KEY)
        choose(context, tenant, model)
        write(context, tenant, ["The export to CSV fails with error 17."])
        run(context, partition(tenant))
        assert [(one["status"], one["reason"]) for one in analyses(context, tenant)] == [("parked", "not_offered")]
        assert model.prompts == []

    def test_is_not_the_tenants_to_rotate(self, context, tenant, model):
        key_id = choose(context, tenant, model)
        with context.database.tenant_tx(tenant.id) as connection:
            key = key_named(connection, str(key_id))
            with pytest.raises(InputError, match="installation's"):
                rotate_key(connection, context.keyring, tenant.id, key, Secret(b"sk-mine"), SYSTEM)


class TestTheOperatorsCeiling:
    def test_parks_what_would_pass_it(self, context, tenant, model, monkeypatch):
        offer(context, monkeypatch, "0.0001", openai=KEY)
        choose(context, tenant, model)
        write(context, tenant, ["The export to CSV fails with error 17."])
        run(context, partition(tenant))
        assert [(one["status"], one["reason"]) for one in analyses(context, tenant)] == [("parked", "ceiling")]
        assert model.prompts == []
        with context.database.tenant_tx(tenant.id) as connection:
            ((line,),) = connection.execute("SELECT line FROM alert WHERE kind = 'budget.exhausted'").fetchall()
        assert "installation's key" in line

    def test_counts_no_call_by_the_tenants_own_key(self, context, tenant, model, monkeypatch):
        offer(context, monkeypatch, "0.0001", openai=KEY)
        platform = choose(context, tenant, model, "gpt-4o")
        connect_model(context, tenant, model)
        write(context, tenant, ["The export to CSV fails with error 17."])
        run(context, partition(tenant))
        assert [one["status"] for one in analyses(context, tenant)] == ["done"]
        assert platform is not None

    def test_counts_what_is_spent_and_is_not_the_tenants_to_remove(self, context, tenant, model, monkeypatch):
        offer(context, monkeypatch, "10", openai=KEY)
        choose(context, tenant, model)
        write(context, tenant, ["The export to CSV fails with error 17."])
        run(context, partition(tenant))
        with context.database.tenant_tx(tenant.id) as connection:
            ((budget, scope, limit, spent, reserved),) = connection.execute(
                "SELECT budget.id, scope, limit_usd, spent_usd, reserved_usd FROM budget"
                " JOIN budget_period ON budget_id = budget.id"
            ).fetchall()
            assert (scope, limit, reserved) == ("platform", 10, 0)
            assert spent == connection.execute("SELECT sum(cost_usd) FROM model_call").fetchone()[0] > 0
            with pytest.raises(NotFoundError):
                remove_budget(connection, tenant.id, budget)

    def test_holds_by_the_list_whatever_price_the_tenant_gives(self, context, tenant, model):
        key_id = choose(context, tenant, model)
        with context.database.tenant_tx(tenant.id) as connection:
            set_price(connection, key_id, "gpt-4o-mini", Decimal(0), Decimal(0))
            (link,) = chain_of(connection, "analyse")
        assert link.price is not None
        assert link.price.input > 0


class TestWhatIsOffered:
    def test_is_what_the_settings_hold(self, settings):
        given = settings.model_copy(update={"gemini_api_key": SecretStr(VALUE), "platform_ceiling_usd": 2.5})
        offered = platform_of(given)
        assert (sorted(offered.keys), offered.ceiling_usd) == (["gemini"], Decimal("2.5"))

    def test_names_what_there_is_instead(self, settings):
        given = settings.model_copy(update={"gemini_api_key": SecretStr(VALUE)})
        require_offered(given, provider_of("gemini"), "gemini-2.5-flash")
        with pytest.raises(InputError, match="no key to OpenAI, only to gemini"):
            require_offered(given, provider_of("openai"), "gpt-4o-mini")

    def test_is_no_model_that_no_ceiling_would_hold(self, settings):
        given = settings.model_copy(update={"openai_api_key": SecretStr(VALUE)})
        with pytest.raises(InputError, match="unknown"):
            require_offered(given, provider_of("openai"), "a-model-of-tomorrow")
