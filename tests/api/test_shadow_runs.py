"""Shadow runs by routes, the gate, and the tenant's margin."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from opsintel.db.engine import Database
from opsintel.ids import new_id
from opsintel.learning.promotion import waiting
from opsintel_api.models.shadow_runs import ShadowRun, ShadowRunPage
from tests.api.conftest import Get, Send
from tests.seeding import Seeded


@pytest.fixture(autouse=True)
def _as_at_first(database: Database, acme: Seeded) -> Iterator[None]:
    yield
    with database.tenant_tx(acme.tenant_id) as connection:
        connection.execute("DELETE FROM shadow_run WHERE id <> %s", (acme.shadow_run,))
        connection.execute("UPDATE shadow_run SET state = 'measured', is_overridden = false, promoted_at = NULL")
    with database.system_tx() as connection:
        connection.execute("UPDATE tenant SET promotion_margin = 0.01")


class TestStarting:
    async def test_without_a_token_it_is_401(self, client):
        assert (await client.post("/v1/shadow-runs", json={})).status_code == 401

    async def test_is_a_run_that_waits_for_the_worker(self, send: Send, database: Database, acme: Seeded):
        answer = await send("POST", "/v1/shadow-runs", role="analyst", json={})
        assert answer.status_code == 202
        run = ShadowRun.model_validate_json(answer.content)
        assert (run.state, run.asked_by.id) == ("waiting", acme.users["analyst"])
        assert answer.headers["location"] == f"/v1/shadow-runs/{run.id}"
        assert waiting(database) == [(acme.tenant_id, run.id)]

    async def test_needs_a_version_and_a_key_that_there_are(self, send: Send, other: Seeded):
        for asked in (
            {"taxonomy_version": 99},
            {"chain": [{"key_id": str(new_id()), "model": "m"}]},
            {"chain": [{"key_id": str(other.model_key), "model": "m"}]},
        ):
            assert (await send("POST", "/v1/shadow-runs", json=asked)).status_code == 404


class TestReading:
    async def test_is_latest_first_with_the_figures(self, send: Send, get: Get, acme: Seeded):
        await send("POST", "/v1/shadow-runs", json={})
        page = ShadowRunPage.model_validate_json((await get("/v1/shadow-runs")).content)
        assert [run.state for run in page.items] == ["waiting", "measured"]
        (kind,) = page.items[1].figures
        assert (kind.field, kind.examples, kind.present, kind.tried) == ("kind", 10, 0.9, 0.6)
        assert (page.items[1].loss, page.items[1].margin, page.items[1].may_be_promoted) == (0.3, 0.01, False)

    async def test_that_of_another_tenant_is_404(self, get: Get, other: Seeded):
        assert (await get(f"/v1/shadow-runs/{other.shadow_run}")).status_code == 404


class TestPromoting:
    async def test_what_loses_too_much_is_409_with_the_figures(self, send: Send, acme: Seeded):
        answer = await send("POST", f"/v1/shadow-runs/{acme.shadow_run}/promote", json={})
        assert answer.status_code == 409
        assert "kind 0.900 → 0.600 on 10 examples" in answer.json()["detail"]

    async def test_is_overridden_with_a_reason_and_in_the_audit_log(self, send: Send, get: Get, acme: Seeded):
        asked = {"override": "It costs a tenth"}
        answer = await send("POST", f"/v1/shadow-runs/{acme.shadow_run}/promote", json=asked)
        run = ShadowRun.model_validate_json(answer.content)
        assert (run.state, run.is_overridden, run.reason) == ("promoted", True, "It costs a tenth")
        assert (await get("/v1/audit", limit=1)).json()["items"][0]["action"] == "shadow_run.overridden"

    async def test_is_for_who_may_promote(self, send: Send, acme: Seeded):
        asked = {"override": "I want it"}
        answer = await send("POST", f"/v1/shadow-runs/{acme.shadow_run}/promote", role="analyst", json=asked)
        assert answer.status_code == 403

    async def test_goes_by_the_margin_that_was_set(self, send: Send, get: Get, acme: Seeded):
        assert (await send("PUT", "/v1/policies/promotion", json={"margin": 0.3})).json() == {"margin": 0.3}
        assert (await get("/v1/policies/promotion")).json() == {"margin": 0.3}
        answer = await send("POST", f"/v1/shadow-runs/{acme.shadow_run}/promote", json={})
        assert (answer.status_code, answer.json()["is_overridden"]) == (200, False)

    @pytest.mark.parametrize("margin", [-0.1, 1.1, "much"])
    async def test_a_margin_is_a_share(self, send: Send, margin):
        assert (await send("PUT", "/v1/policies/promotion", json={"margin": margin})).status_code == 422
