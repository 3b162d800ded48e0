"""Backfills by the batch interfaces of providers: sent, waited for, collected; each fault on the way, and the price."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from opsintel.context import Context
from opsintel.llm.batch import form
from opsintel.llm.batch.run import advance
from opsintel.tenants import Tenant
from opsintel_pipeline.analyze.run import run
from tests.analyze.batched import (
    PROVIDERS,
    TEXTS,
    backfill_begun,
    batches,
    begin,
    calls_of_their_own,
    ledger,
    leftovers,
    period,
    step,
    to_the_end,
)
from tests.analyze.conftest import analyses, partition, well
from tests.peers.model_server import ModelServer, Prompt


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches are formed without a wait."""
    monkeypatch.setattr(form, "GATHER", timedelta(0))


@pytest.fixture(params=PROVIDERS)
def begun(request: pytest.FixtureRequest, context: Context, tenant: Tenant, model: ModelServer) -> Iterator[str]:
    """A tenant with a key of a provider, whose day is to be analysed anew; the stage has been run."""
    provider: str = request.param
    begin(context, tenant, model, provider)
    yield provider
    assert leftovers(context, tenant) == 0


class TestABatch:
    def test_is_sent_waited_for_and_collected(
        self, begun: str, context: Context, tenant: Tenant, model: ModelServer
    ) -> None:
        assert model.prompts == []
        assert {row["provider"] for row in analyses(context, tenant)} == {"built-in"}
        assert period(context, tenant)[1] > 0, "the most it may cost is set aside"
        advance(context)
        assert batches(context, tenant) == [("sent", 3, 0, 0)]
        run(context, partition(tenant))
        step(context, tenant)
        assert model.prompts == [], "nothing is asked twice while it waits"
        to_the_end(context, tenant, model)
        rows = analyses(context, tenant)
        assert [row["text"] for row in rows] == TEXTS
        assert all(row["title"].startswith("Model's title") for row in rows)
        assert all(row["output"]["evidence"][0]["quote"] in row["text"] for row in rows), "each has its own answer"
        assert len(model.prompts) == 3
        assert batches(context, tenant) == [("closed", 3, 3, 0)]
        assert (model.batches.files, begun == "openai" or model.batches.all) in (({}, True), ({}, {}))
        assert ledger(context, tenant) == {"settled": 3}
        spent, reserved = period(context, tenant)
        assert reserved == 0
        assert sum(row["cost_usd"] for row in rows) == pytest.approx(spent)

    def test_costs_half(self, begun: str, context: Context, tenant: Tenant, model: ModelServer) -> None:
        to_the_end(context, tenant, model)
        in_batch, _ = period(context, tenant)
        with context.database.tenant_tx(tenant.id) as connection:
            connection.execute("UPDATE analysis SET model = 'another', profile_version = 'another'")
            connection.execute("DELETE FROM model_call")
        backfill_begun(context, tenant, batch=False)
        with context.database.tenant_tx(tenant.id) as connection:
            row = connection.execute("SELECT sum(cost_usd) FROM model_call").fetchone()
        assert row is not None
        assert row[0] == pytest.approx(in_batch * 2)

    @pytest.mark.parametrize("spoil", ["errored", "expired", "malformed", "missing"])
    def test_that_answers_in_part_is_made_up_for_by_calls(
        self, spoil: Any, begun: str, context: Context, tenant: Tenant, model: ModelServer
    ) -> None:
        model.batches.spoil = {1: spoil}
        to_the_end(context, tenant, model)
        rows = analyses(context, tenant)
        assert {row["status"] for row in rows} == {"done"}
        assert all(row["output"]["evidence"][0]["quote"] in row["text"] for row in rows)
        assert batches(context, tenant) == [("closed", 3, 2, 1)]
        assert calls_of_their_own(model) == 1, "one call makes up for it"
        lost = "unknown" if spoil in ("malformed", "missing") else "failed"
        assert ledger(context, tenant) == {"settled": 3, lost: 1}
        assert period(context, tenant)[1] == 0

    def test_whose_answers_are_nonsense_is_made_up_for_by_calls(
        self, begun: str, context: Context, tenant: Tenant, model: ModelServer
    ) -> None:
        def nonsense_at_first(prompt: Prompt) -> str:
            return well(prompt) if len(model.prompts) > 3 else json.dumps({"items": "none"})

        model.brain = nonsense_at_first
        to_the_end(context, tenant, model)
        assert {(row["status"], row["provider"]) for row in analyses(context, tenant)} == {("done", begun)}
        assert period(context, tenant)[1] == 0

    def test_that_somebody_cancels_is_made_up_for_by_calls(
        self, begun: str, context: Context, tenant: Tenant, model: ModelServer
    ) -> None:
        advance(context)
        for batch in model.batches.all.values():
            batch.is_cancelled = True
        to_the_end(context, tenant, model)
        assert {row["status"] for row in analyses(context, tenant)} == {"done"}
        assert ledger(context, tenant)["failed"] == 3
