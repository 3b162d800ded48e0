"""Keys of a tenant's models: tried as they are used, rotated with two alive, in an order, at a price."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from opsintel.access.audit import SYSTEM
from opsintel.context import Context
from opsintel.crypto.secrets import Secret
from opsintel.errors import AddressError, ConflictError, InputError
from opsintel.llm.budget import Work, reserve
from opsintel.llm.ceilings import set_budget
from opsintel.llm.chain import append_to_chain, chain_of, reorder_chain, set_price
from opsintel.llm.keys import add_key, address_of, key_named, keys_of, remove_key, rotate_key
from opsintel.llm.probe import probe, probe_key
from opsintel.llm.provider import provider_of
from opsintel.tenants import Tenant
from opsintel_pipeline.analyze.run import run
from tests.analyze.conftest import analyses, connect_model, partition, write
from tests.peers.model_server import KEY, ModelServer

TEXTS = [f"The export of report {number} fails since the update, please help." for number in range(12)]


class TestAKey:
    def test_is_stored_sealed(self, context: Context, tenant: Tenant, model: ModelServer) -> None:
        connect_model(context, tenant, model)
        with context.database.tenant_tx(tenant.id) as connection:
            (sealed,) = connection.execute("SELECT sealed FROM secret").fetchone() or (b"",)
            (shown,) = keys_of(connection)
        assert sealed
        assert KEY.encode() not in sealed
        assert KEY not in repr(shown)

    def test_is_tried_with_its_model_in_the_form_it_is_used_in(
        self, context: Context, tenant: Tenant, model: ModelServer
    ) -> None:
        connect_model(context, tenant, model)
        model.ways = {"tool"}
        with context.database.tenant_tx(tenant.id) as connection:
            (link,) = chain_of(connection, "analyse")
        probed = probe(context, tenant.id, link)
        assert (probed.health, probed.way, probed.model) == ("valid", "tool", "gpt-4o-mini")
        model.keys = {"another"}
        probed = probe(context, tenant.id, link)
        assert probed.health == "revoked"
        assert "opsintel key rotate" in probed.detail
        with context.database.tenant_tx(tenant.id) as connection:
            assert [key.health for key in keys_of(connection)] == ["revoked"]

    @pytest.mark.parametrize("provider", ["openai", "gemini", "ollama", "vllm"])
    def test_of_a_chain_for_vectors_is_tried_by_a_vector(
        self, provider: str, context: Context, tenant: Tenant, model: ModelServer
    ) -> None:
        key_id = connect_model(context, tenant, model, provider, purpose="embed")
        (probed,) = probe_key(context, tenant.id, key_id)
        assert (probed.health, probed.way, len(model.embedded), model.prompts) == ("valid", "vectors", 1, [])

    def test_of_a_chain_for_vectors_that_is_refused_is_revoked(
        self, context: Context, tenant: Tenant, model: ModelServer
    ) -> None:
        key_id = connect_model(context, tenant, model, purpose="embed")
        model.keys = {"another"}
        (probed,) = probe_key(context, tenant.id, key_id)
        assert (probed.health, probed.model) == ("revoked", "text-embedding-3-small")

    def test_of_a_provider_without_vectors_is_in_no_chain_for_them(
        self, context: Context, tenant: Tenant, model: ModelServer
    ) -> None:
        key_id = connect_model(context, tenant, model, "anthropic")
        with context.database.tenant_tx(tenant.id) as connection:
            with pytest.raises(InputError, match="Anthropic has no models for vectors"):
                append_to_chain(connection, tenant.id, "embed", key_id, "claude-haiku-4-5")
            with pytest.raises(InputError, match="Anthropic has no models for vectors"):
                reorder_chain(connection, tenant.id, "embed", [(key_id, "claude-haiku-4-5")])

    def test_that_is_well_again_has_parked_work_tried_at_once(
        self, context: Context, tenant: Tenant, model: ModelServer
    ) -> None:
        connect_model(context, tenant, model)
        write(context, tenant, TEXTS[:2])
        model.keys = {"another"}
        run(context, partition(tenant))
        model.keys = {KEY}
        with context.database.tenant_tx(tenant.id) as connection:
            (link,) = chain_of(connection, "analyse")
        assert probe(context, tenant.id, replace(link, retry_at=None)).health == "valid"
        run(context, partition(tenant))
        assert {row["status"] for row in analyses(context, tenant)} == {"done"}

    @pytest.mark.parametrize("taken", [KEY, "fresh-key"], ids=["the one before", "the new one"])
    def test_in_rotation_is_taken_as_either(
        self, taken: str, context: Context, tenant: Tenant, model: ModelServer
    ) -> None:
        connect_model(context, tenant, model)
        with context.database.tenant_tx(tenant.id) as connection:
            held = key_named(connection, "openai")
            rotate_key(connection, context.keyring, tenant.id, held, Secret(b"fresh-key"), SYSTEM)
        model.keys = {taken}
        write(context, tenant, TEXTS[:1])
        run(context, partition(tenant))
        assert analyses(context, tenant)[0]["status"] == "done"

    def test_of_before_a_rotation_ends_after_a_day_and_is_destroyed_by_the_next(
        self, context: Context, tenant: Tenant, model: ModelServer
    ) -> None:
        connect_model(context, tenant, model)
        for fresh in (b"second", b"third"):
            with context.database.tenant_tx(tenant.id) as connection:
                held = key_named(connection, "openai")
                rotate_key(connection, context.keyring, tenant.id, held, Secret(fresh), SYSTEM)
        with context.database.tenant_tx(tenant.id) as connection:
            count = connection.execute("SELECT count(*) FROM secret").fetchone()
            connection.execute("UPDATE model_key SET previous_until = previous_until - %s", (timedelta(days=2),))
            (link,) = chain_of(connection, "analyse")
        assert count == (2,)
        assert link.previous_secret_id is None

    def test_that_is_removed_leaves_no_secret_and_no_chain(
        self, context: Context, tenant: Tenant, model: ModelServer
    ) -> None:
        connect_model(context, tenant, model)
        with context.database.tenant_tx(tenant.id) as connection:
            remove_key(connection, tenant.id, key_named(connection, "openai"), SYSTEM)
            assert chain_of(connection, "analyse") == []
            assert connection.execute("SELECT count(*) FROM secret").fetchone() == (0,)

    def test_needs_a_name_of_its_own_and_characters_that_keys_have(
        self, context: Context, tenant: Tenant, model: ModelServer
    ) -> None:
        connect_model(context, tenant, model)
        with context.database.tenant_tx(tenant.id) as connection:
            taken = ("openai", "openai", "https://api.openai.com/v1")
            with pytest.raises(ConflictError):
                add_key(connection, context.keyring, tenant.id, taken, None, SYSTEM)
            for value in (b"", b"two words", b"line\nend", "schlüssel".encode()):
                with pytest.raises(InputError):
                    add_key(connection, context.keyring, tenant.id, ("b", *taken[1:]), Secret(value), SYSTEM)


class TestAnAddress:
    @pytest.mark.parametrize(
        "address", ["http://10.0.0.1/v1", "ftp://models.example", "https://user:pw@models.example"]
    )
    def test_is_one_that_the_guard_lets_through(self, address: str, context: Context) -> None:
        with pytest.raises(AddressError):
            address_of(provider_of("vllm"), address, context.settings)

    def test_of_ollama_is_the_operators_unless_a_key_names_one(self, context: Context) -> None:
        assert address_of(provider_of("ollama"), None, context.settings) == "http://localhost:11434"

    def test_of_an_own_server_has_to_be_given(self, context: Context) -> None:
        with pytest.raises(InputError, match="no address of its own"):
            address_of(provider_of("vllm"), None, context.settings)

    def test_that_is_refused_when_it_is_used_costs_nothing(
        self, context: Context, tenant: Tenant, model: ModelServer
    ) -> None:
        connect_model(context, tenant, model)
        write(context, tenant, TEXTS[:1])
        with context.database.tenant_tx(tenant.id) as connection:
            connection.execute("UPDATE model_key SET base_url = 'http://10.0.0.1/v1'")
            set_budget(connection, tenant.id, "month", None, Decimal(1))
        run(context, partition(tenant))
        assert analyses(context, tenant)[0]["reason"] == "unreachable"
        with context.database.tenant_tx(tenant.id) as connection:
            spent = connection.execute("SELECT spent_usd, reserved_usd FROM budget_period").fetchone()
        assert spent == (0, 0)


class TestAChain:
    def test_is_in_the_order_that_is_set(self, context: Context, tenant: Tenant, model: ModelServer) -> None:
        first = connect_model(context, tenant, model, "openai")
        second = connect_model(context, tenant, model, "ollama")
        with context.database.tenant_tx(tenant.id) as connection:
            reorder_chain(connection, tenant.id, "analyse", [(second, "m"), (first, "gpt-4o")])
        write(context, tenant, TEXTS[:1])
        run(context, partition(tenant))
        assert analyses(context, tenant)[0]["provider"] == "ollama"

    def test_has_prices_of_the_tenants_own(self, context: Context, tenant: Tenant, model: ModelServer) -> None:
        key_id = connect_model(context, tenant, model, "vllm")
        with context.database.tenant_tx(tenant.id) as connection:
            assert set_price(connection, key_id, "m", Decimal(2), Decimal(8)) == 1
            with pytest.raises(InputError):
                set_price(connection, key_id, "m", Decimal("NaN"), Decimal(8))
        write(context, tenant, TEXTS[:1])
        run(context, partition(tenant))
        row = analyses(context, tenant)[0]
        assert row["cost_usd"] > row["tokens_in"] * Decimal("0.000002")


class TestASample:
    def test_is_all_that_is_asked_about_near_the_ceiling(
        self, context: Context, tenant: Tenant, model: ModelServer
    ) -> None:
        connect_model(context, tenant, model)
        write(context, tenant, [f"{text} Case {number}." for number in range(5) for text in TEXTS])
        with context.database.tenant_tx(tenant.id) as connection:
            set_budget(connection, tenant.id, "month", None, Decimal(1), "sample")
            (link,) = chain_of(connection, "analyse")
            reserve(connection, tenant.id, link, Work("analyse"), b"other", Decimal("0.9"))
        run(context, partition(tenant))
        rows = analyses(context, tenant)
        left = [row for row in rows if row["status"] == "parked"]
        assert {row["reason"] for row in left} == {"sample"}
        assert 0.6 < len(left) / len(rows) < 0.95
