"""Analyses made anew: estimated, tried on a sample, and done."""

from __future__ import annotations

import json
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from opsintel.context import Context
from opsintel.errors import InputError
from opsintel.ids import new_id
from opsintel.llm import reruns, trials
from opsintel.tenants import Tenant
from opsintel_pipeline.analyze import rerun
from opsintel_pipeline.analyze.estimating import ESTIMATES
from opsintel_pipeline.analyze.run import run
from tests.analyze.conftest import DAY, analyses, connect_model, item, messages_of, partition, write
from tests.peers.model_server import ModelServer, Prompt

TEXTS = [f"The export of report {number} fails since the update, please help." for number in range(12)]


def praises(prompt: Prompt) -> str:
    """Answer otherwise than the rules do."""
    return json.dumps({"items": [item(each["n"], each["text"], kind="praise") for each in messages_of(prompt)]})


class TestAnEstimate:
    def test_counts_what_is_asked_about(self, context: Context, tenant: Tenant, model: ModelServer) -> None:
        connect_model(context, tenant, model)
        write(context, tenant, [*TEXTS, TEXTS[0], ""])
        found = rerun.estimate(context, tenant, DAY, DAY)
        assert (found.messages, found.free, found.calls, found.model) == (14, 2, 2, "gpt-4o-mini")
        assert model.asked == []
        run(context, partition(tenant))
        with context.database.tenant_tx(tenant.id) as connection:
            row = connection.execute("SELECT sum(cost_usd), sum(tokens_in), count(*) FROM model_call").fetchone()
        assert row is not None
        assert row[2] == found.calls
        assert found.cost_usd is not None
        assert 1 <= found.cost_usd / row[0] < 4, "what is set aside is more than what is paid"
        assert 0.5 < found.tokens_in / float(row[1]) < 2

    def test_is_the_same_however_many_messages_are_read_at_once(
        self, context: Context, tenant: Tenant, model: ModelServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        connect_model(context, tenant, model)
        write(context, tenant, [*TEXTS, TEXTS[0]])
        found = rerun.estimate(context, tenant, DAY, DAY)
        monkeypatch.setattr(rerun, "PAGE", 5)
        assert rerun.estimate(context, tenant, DAY, DAY) == found
        assert found.messages == 13

    def test_of_an_unknown_price_says_so(self, context: Context, tenant: Tenant, model: ModelServer) -> None:
        connect_model(context, tenant, model, "vllm")
        write(context, tenant, TEXTS)
        assert rerun.estimate(context, tenant, DAY, DAY).cost_usd is None

    def test_needs_a_model(self, context: Context, tenant: Tenant) -> None:
        with pytest.raises(InputError, match="no model"):
            rerun.estimate(context, tenant, DAY, DAY)


class TestAnEstimateByTheWorker:
    def test_is_told_as_figures_of_its_job(self, context: Context, tenant: Tenant, model: ModelServer) -> None:
        connect_model(context, tenant, model)
        write(context, tenant, TEXTS)
        found = rerun.estimate(context, tenant, DAY, DAY)
        state, error, figures = estimated(context, tenant)
        assert (state, error, figures["messages"], figures["calls"]) == ("done", "", 12, found.calls)
        assert figures["cost_micro_usd"] == round(found.cost_usd * 1_000_000) > 0
        assert figures["seconds"] == round(found.minutes * 60)

    def test_leaves_out_a_price_that_is_unknown(self, context: Context, tenant: Tenant, model: ModelServer) -> None:
        connect_model(context, tenant, model, "vllm")
        write(context, tenant, TEXTS)
        assert "cost_micro_usd" not in estimated(context, tenant)[2]

    def test_that_killed_its_process_is_over(self, context: Context, tenant: Tenant) -> None:
        with context.database.tenant_tx(tenant.id) as connection:
            connection.execute(
                "INSERT INTO job (tenant_id, id, kind, state, started_at, parameters) VALUES"
                " (%s, %s, 'estimate', 'running', now() - interval '3 hours', %s)",
                (tenant.id, new_id(), Jsonb(trials.estimate_of(DAY, DAY))),
            )
        ESTIMATES.work(context)
        with context.database.tenant_tx(tenant.id) as connection:
            assert connection.execute("SELECT state, error <> '' FROM job").fetchone() == ("failed", True)

    def test_without_a_model_says_so(self, context: Context, tenant: Tenant) -> None:
        state, error, figures = estimated(context, tenant)
        assert (state, figures) == ("failed", None)
        assert "no model" in error


def estimated(context: Context, tenant: Tenant) -> tuple[Any, ...]:
    """Ask for an estimate as the API does, have the worker make it, and return how its job ended."""
    with context.database.tenant_tx(tenant.id) as connection:
        connection.execute(
            "INSERT INTO job (tenant_id, id, kind, parameters) VALUES (%s, %s, %s, %s)",
            (tenant.id, new_id(), trials.ESTIMATE.name, Jsonb(trials.estimate_of(DAY, DAY))),
        )
    ESTIMATES.work(context)
    assert trials.ESTIMATE.waiting(context.database) == []
    with context.database.tenant_tx(tenant.id) as connection:
        row = connection.execute("SELECT state, error, figures FROM job WHERE kind = 'estimate'").fetchone()
    assert row is not None
    return row


class TestASample:
    def test_says_what_would_change_and_stores_nothing(
        self, context: Context, tenant: Tenant, model: ModelServer
    ) -> None:
        write(context, tenant, TEXTS[:4])
        run(context, partition(tenant))
        before = analyses(context, tenant)
        connect_model(context, tenant, model)
        model.brain = praises
        took, changed = rerun.changes(context, tenant, DAY, DAY, 3)
        assert (took.analysed, took.calls, len(changed)) == (3, 1, 3)
        assert took.cost_usd > 0
        assert {one.fields["kind"][1] for one in changed} == {"praise"}
        assert analyses(context, tenant) == before

    def test_asks_alone_for_what_the_answer_to_a_group_leaves_out(
        self, context: Context, tenant: Tenant, model: ModelServer
    ) -> None:
        write(context, tenant, TEXTS[:3])
        run(context, partition(tenant))
        connect_model(context, tenant, model)

        def praises_the_first(prompt: Prompt) -> str:
            return json.dumps({"items": json.loads(praises(prompt))["items"][:1]})

        model.brain = praises_the_first
        took, changed = rerun.changes(context, tenant, DAY, DAY, 3)
        assert (took.analysed, len(changed)) == (3, 3)
        assert {one.fields["kind"][1] for one in changed} == {"praise"}


class TestARerun:
    def test_makes_anew_what_was_marked_and_nothing_else(
        self, context: Context, tenant: Tenant, model: ModelServer
    ) -> None:
        write(context, tenant, TEXTS[:3])
        run(context, partition(tenant))
        connect_model(context, tenant, model)
        run(context, partition(tenant))
        assert model.prompts == [], "a key alone has nothing analysed anew: that costs"
        with context.database.tenant_tx(tenant.id) as connection:
            assert reruns.mark(connection, DAY, DAY) == 3
        model.brain = praises
        run(context, partition(tenant))
        assert {row["output"]["kind"] for row in analyses(context, tenant)} == {"praise"}
        with context.database.tenant_tx(tenant.id) as connection:
            row = connection.execute("SELECT count(*) FROM analysis WHERE NOT current").fetchone()
        assert row == (3,), "the old version stays readable"

    def test_of_the_same_version_and_model_pays_nothing(
        self, context: Context, tenant: Tenant, model: ModelServer
    ) -> None:
        connect_model(context, tenant, model)
        write(context, tenant, TEXTS[:3])
        run(context, partition(tenant))
        with context.database.tenant_tx(tenant.id) as connection:
            reruns.mark(connection, DAY, DAY)
        assert run(context, partition(tenant)).figures["reused"] == 3
        assert len(model.prompts) == 1
