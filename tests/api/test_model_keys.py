"""Keys to model providers, chains, ceilings and usage by the API."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from opsintel.clock import today
from opsintel.crypto.secrets import Secret
from opsintel.db.engine import Database
from opsintel.ids import new_id
from opsintel.llm import platform
from opsintel.llm.alerts import note_reached
from opsintel.llm.budget import CeilingError, Reserved, Work, release, reserve, settle
from opsintel.llm.call import Answer
from opsintel.llm.chain import chain_of
from opsintel.llm.platform import Platform
from opsintel.llm.trials import TRIAL
from opsintel_api.routes import model_keys
from tests.api.conftest import Get, Send
from tests.seeding import Seeded, insert

VALUE = "sk-canary-of-the-route"


async def added(send: Send, **fields: Any) -> dict[str, Any]:
    asked = {"provider": "openai", "name": f"Key {new_id()}", "value": VALUE} | fields
    response = await send("POST", "/v1/keys", json=asked)
    assert response.status_code == 201, response.text
    made: dict[str, Any] = response.json()
    return made


def last_action(database: Database, tenant: Seeded) -> tuple[str, str]:
    with database.tenant_tx(tenant.tenant_id) as connection:
        row = connection.execute(
            "SELECT action, actor_kind FROM audit_log WHERE action !~ '^(session|member)' ORDER BY seq DESC LIMIT 1"
        ).fetchone()
    assert row is not None
    return row


class TestKeys:
    async def test_are_stored_sealed_and_never_shown(self, send: Send, get: Get, database: Database, acme: Seeded):
        made = await added(send)
        assert made["key"]["health"] == "untested"
        assert made["key"]["has_value"] is True
        listed = await get("/v1/keys")
        assert made["key"]["id"] in [each["id"] for each in listed.json()["items"]]
        assert VALUE not in listed.text + str(made)
        assert last_action(database, acme) == ("model_key.added", "person")
        with database.tenant_tx(acme.tenant_id) as connection:
            links = chain_of(connection, "analyse")
            sealed = connection.execute("SELECT string_agg(encode(sealed, 'escape'), '') FROM secret").fetchone()
        assert (UUID(made["key"]["id"]), "gpt-4o-mini") in [(link.key_id, link.model) for link in links]
        assert sealed is not None
        assert VALUE not in sealed[0]

    async def test_of_the_installation_are_offered_where_it_has_some(self, send: Send, get: Get):
        asked = {"provider": "openai", "name": "Theirs", "of_platform": True}
        assert (await get("/v1/keys")).json()["offered"] == []
        refused = await send("POST", "/v1/keys", json=asked)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "of_platform")

    async def test_of_the_installation_have_neither_value_nor_address_of_the_tenants(
        self, send: Send, get: Get, database: Database, acme: Seeded, monkeypatch: pytest.MonkeyPatch
    ):
        offered = Platform({"openai": Secret(VALUE.encode())}, Decimal(10))
        for module in (platform, model_keys):
            monkeypatch.setattr(module, "platform_of", lambda settings: offered)
        asked = {"provider": "openai", "name": "Theirs", "of_platform": True}
        assert (await get("/v1/keys")).json()["offered"] == ["openai"]
        for more in ({"value": "sk-mine"}, {"base_url": "https://collector.example/v1"}, {"model": "unknown-of-price"}):
            assert (await send("POST", "/v1/keys", json=asked | more)).status_code == 422
        made = (await send("POST", "/v1/keys", json=asked)).json()["key"]
        assert (made["of_platform"], made["has_value"], made["base_url"]) == (True, False, "https://api.openai.com/v1")
        assert (await send("POST", f"/v1/keys/{made['id']}/rotate", json={"value": "sk-x"})).status_code == 422
        assert VALUE not in (await get("/v1/keys")).text

    async def test_are_tried_by_a_job_that_the_worker_takes_once(self, send: Send, database: Database, acme: Seeded):
        made = await added(send)
        again = await send("POST", f"/v1/keys/{made['key']['id']}/test")
        assert again.status_code == 202
        assert again.json()["parameters"] == {"model_key_id": made["key"]["id"]}
        job_id = UUID(again.json()["id"])
        assert (acme.tenant_id, job_id) in TRIAL.waiting(database)
        with database.tenant_tx(acme.tenant_id) as connection:
            assert TRIAL.take(connection, job_id) == {"model_key_id": made["key"]["id"]}
            assert TRIAL.take(connection, job_id) is None
            connection.execute("UPDATE job SET started_at = started_at - interval '1 hour' WHERE id = %s", (job_id,))
            assert TRIAL.take(connection, job_id) == {"model_key_id": made["key"]["id"]}

    async def test_are_rotated_with_two_alive(self, send: Send, database: Database, acme: Seeded):
        made = await added(send)
        rotated = await send("POST", f"/v1/keys/{made['key']['id']}/rotate", json={"value": "sk-another"})
        assert rotated.status_code == 200
        assert rotated.json()["key"]["previous_until"] is not None
        assert rotated.json()["job"]["kind"] == "model_key"
        assert "sk-another" not in rotated.text
        assert last_action(database, acme) == ("model_key.rotated", "person")

    async def test_are_destroyed(self, send: Send, database: Database, acme: Seeded):
        made = await added(send)
        path = f"/v1/keys/{made['key']['id']}"
        assert (await send("DELETE", path)).status_code == 204
        assert (await send("DELETE", path)).status_code == 404
        assert (await send("POST", f"{path}/test")).status_code == 404
        assert last_action(database, acme) == ("model_key.removed", "person")

    @pytest.mark.parametrize(
        ("asked", "field"),
        [
            ({"provider": "openai"}, "value"),
            ({"provider": "vllm", "base_url": "https://models.shop.example/v1"}, "model"),
            ({"provider": "vllm", "model": "m"}, "base_url"),
            ({"provider": "vllm", "model": "m", "base_url": "http://10.0.0.1/v1"}, "base_url"),
            ({"provider": "mistral", "value": VALUE}, "provider"),
        ],
        ids=["no value", "no model", "no address", "a private address", "no provider"],
    )
    async def test_are_refused_by_the_field_that_is_wrong(self, send: Send, asked: dict[str, str], field: str):
        response = await send("POST", "/v1/keys", json=asked)
        assert response.status_code == 422
        assert field in response.text
        assert VALUE not in response.text

    async def test_have_names_of_their_own(self, send: Send):
        made = await added(send)
        asked = {"provider": "openai", "name": made["key"]["name"], "value": VALUE}
        assert (await send("POST", "/v1/keys", json=asked)).status_code == 409


class TestChains:
    async def test_are_replaced_whole_with_prices(self, send: Send, get: Get, database: Database, acme: Seeded):
        key_id = (await added(send))["key"]["id"]
        links = [
            {"model_key_id": key_id, "model": "gpt-4o"},
            {"model_key_id": key_id, "model": "own", "input_price": 2, "output_price": 8},
        ]
        response = await send("PUT", "/v1/chains", json={"purpose": "name_issue", "links": links})
        assert response.status_code == 200, response.text
        (chain,) = [each for each in response.json()["items"] if each["purpose"] == "name_issue"]
        assert [(link["model"], link["input_price"], link["output_price"]) for link in chain["links"]] == [
            ("gpt-4o", 2.5, 10), ("own", 2, 8),
        ]  # fmt: skip
        assert (await get("/v1/chains")).json() == response.json()
        assert last_action(database, acme) == ("model_chain.set", "person")

    async def test_of_analyses_are_held_by_the_gate(self, send: Send, database: Database, acme: Seeded):
        key_id = (await added(send, purpose="embed"))["key"]["id"]
        with database.tenant_tx(acme.tenant_id) as connection:
            connection.execute("DELETE FROM gold_set")
        asked = {"purpose": "analyse", "links": [{"model_key_id": key_id, "model": f"first {key_id}"}]}
        first = await send("PUT", "/v1/chains", json=asked)
        assert "not measured" in first.json()["notice"]
        with database.tenant_tx(acme.tenant_id) as connection:
            insert(connection, "gold_set", tenant_id=acme.tenant_id, version=99, candidates=0, examples=0)
        asked["links"] = [{"model_key_id": key_id, "model": f"second {key_id}"}]
        assert (await send("PUT", "/v1/chains", json=asked)).status_code == 409
        forced = await send("PUT", "/v1/chains", json=asked | {"override": "The other is gone"})
        assert forced.status_code == 200, forced.text
        assert last_action(database, acme) == ("shadow_run.overridden", "person")

    @pytest.mark.parametrize("wrong", ["twice", "half a price", "nobody's key", "another's key"])
    async def test_have_models_of_ones_own_keys_each_once(self, send: Send, other: Seeded, wrong: str):
        key_id = (await added(send))["key"]["id"]
        link = {"model_key_id": key_id, "model": "gpt-4o"}
        links = {
            "twice": [link, link],
            "half a price": [link | {"input_price": 1}],
            "nobody's key": [link | {"model_key_id": str(new_id())}],
            "another's key": [link | {"model_key_id": str(other.model_key)}],
        }[wrong]
        response = await send("PUT", "/v1/chains", json={"purpose": "name_issue", "links": links})
        assert response.status_code == 422


class TestBudgets:
    async def test_show_what_is_spent_and_set_aside(self, send: Send, get: Get, database: Database, acme: Seeded):
        asked = {"limit_usd": 2, "degrade": "sample", "degrade_from": 0.5, "sample_share": 0.1}
        made = (await send("PUT", "/v1/budgets", json=asked)).json()
        assert (made["scope"], made["limit_usd"], made["spent_usd"]) == ("month", 2, 0)
        assert last_action(database, acme) == ("budget.set", "person")
        spend(database, acme, [("1.5", "0.25")], "of budgets")
        with database.tenant_tx(acme.tenant_id) as connection:
            reserve(connection, acme.tenant_id, link(connection), Work("analyse"), b"under way", Decimal("0.5"))
        with pytest.raises(CeilingError) as refused, database.tenant_tx(acme.tenant_id) as connection:
            reserve(connection, acme.tenant_id, link(connection), Work("analyse"), b"too much", Decimal("1.5"))
        with database.tenant_tx(acme.tenant_id) as connection:
            note_reached(connection, acme.tenant_id, refused.value)
        (shown,) = [one for one in (await get("/v1/budgets")).json()["items"] if one["id"] == made["id"]]
        assert (shown["spent_usd"], shown["reserved_usd"], shown["is_reached"]) == (0.25, 0.5, True)
        raised = (await send("PUT", "/v1/budgets", json={"limit_usd": 9})).json()
        assert (raised["id"], raised["spent_usd"], raised["is_reached"]) == (made["id"], 0.25, False)
        assert (await send("DELETE", f"/v1/budgets/{made['id']}")).status_code == 204
        assert (await send("DELETE", f"/v1/budgets/{made['id']}")).status_code == 404

    async def test_are_of_a_source_or_a_backfill(self, send: Send, acme: Seeded, other: Seeded):
        source, job = str(acme.sources["slack_export"]), str(acme.job)
        made = (await send("PUT", "/v1/budgets", json={"limit_usd": 1, "source_id": source})).json()
        assert (made["scope"], made["source_id"], made["job_id"]) == ("source", source, None)
        assert made["source_name"].startswith("slack_export")
        made = (await send("PUT", "/v1/budgets", json={"limit_usd": 1, "job_id": job})).json()
        assert (made["scope"], made["source_id"], made["job_id"]) == ("backfill", None, job)
        for wrong in ({"source_id": source, "job_id": job}, {"source_id": str(other.sources["mbox"])}):
            assert (await send("PUT", "/v1/budgets", json={"limit_usd": 1} | wrong)).status_code == 422

    async def test_are_seen_by_everyone_and_set_by_owners_and_admins(self, send: Send):
        assert (await send("GET", "/v1/budgets", role="viewer")).status_code == 200
        for role in ("analyst", "viewer"):
            assert (await send("PUT", "/v1/budgets", role=role, json={"limit_usd": 1})).status_code == 403


class TestUsage:
    async def test_counts_each_call_that_has_ended_once(self, get: Get, database: Database, acme: Seeded):
        model = f"model {new_id()}"
        spend(database, acme, [("1", "0.25"), ("1", None), ("1", "failed"), ("1", "unknown")], model)
        (row,) = (await get("/v1/usage", model=model)).json()["items"]
        assert (row["calls"], row["failed"], row["messages"], row["unpriced"]) == (4, 2, 6, 1)
        assert (row["tokens_in"], row["tokens_out"], row["tokens_cached"]) == (200, 40, 100)
        assert row["cost_usd"] == 1.25
        assert (row["day"], row["source_id"], row["purpose"]) == (today().isoformat(), None, "analyse")

    async def test_is_added_up_by_what_is_asked_for(self, get: Get, acme: Seeded):
        by_source = (await get("/v1/usage", group_by="source", model="m")).json()["items"]
        assert {row["source_id"]: row["calls"] for row in by_source} == {None: 5, str(acme.sources["mbox"]): 4}
        (by_model,) = (await get("/v1/usage", group_by="model", model="m")).json()["items"]
        assert (by_model["provider"], by_model["calls"], by_model["day"]) == ("vllm", 9, None)
        mine = (await get("/v1/usage", source_id=str(acme.sources["mbox"]))).json()["items"]
        assert [row["calls"] for row in mine] == [4]
        span = {"from_": str(today() - timedelta(days=9)), "to": str(today() - timedelta(days=2))}
        assert (await get("/v1/usage", **span)).json()["items"] == []

    async def test_goes_on_from_page_to_page(self, get: Get, database: Database, acme: Seeded):
        with database.tenant_tx(acme.tenant_id) as connection:
            for ago in range(5):
                insert(
                    connection, "fact_model_usage_day", tenant_id=acme.tenant_id, id=new_id(),
                    day=today() - timedelta(days=ago), purpose="embed", provider="openai", model="paged", calls=ago + 1,
                )  # fmt: skip
        days, cursor = [], None
        while True:
            query = {"model": "paged", "limit": "2"} | ({"cursor": cursor} if cursor else {})
            page = (await get("/v1/usage", **query)).json()
            days += [row["calls"] for row in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert days == [1, 2, 3, 4, 5]


def link(connection: Any, model: str = "m") -> Any:
    return replace(chain_of(connection, "analyse")[0], model=model)


def spend(database: Database, tenant: Seeded, calls: list[tuple[str, str | None]], model: str = "m") -> None:
    """Make calls that set aside and cost so much; `failed` and `unknown` gave no answer."""
    for usd, end in calls:
        with database.tenant_tx(tenant.tenant_id) as connection:
            work = Work("analyse", messages=3)
            reserved: Reserved = reserve(
                connection, tenant.tenant_id, link(connection, model), work, new_id().bytes, Decimal(usd)
            )
            if end in ("failed", "unknown"):
                release(connection, reserved, "unreachable", may_be_paid=end == "unknown")
                continue
            answer = Answer("", is_cut=False, tokens_in=100, tokens_out=20, tokens_cached=50, latency_ms=1)
            settle(connection, reserved, answer, None if end is None else Decimal(end))
            settle(connection, reserved, answer, Decimal(1))
