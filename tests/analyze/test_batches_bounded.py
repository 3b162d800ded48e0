"""What bounds batches: ceilings, keys, days that are not over, policies, erasure, limits of providers, and faults."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from types import MappingProxyType

import pytest

from opsintel.access.audit import SYSTEM
from opsintel.cli.backfill import may_wait
from opsintel.context import Context
from opsintel.crypto.secrets import Secret
from opsintel.ids import new_id
from opsintel.llm import provider as providers
from opsintel.llm.batch import form
from opsintel.llm.batch.listed import listed
from opsintel.llm.batch.question import for_batch, forget
from opsintel.llm.batch.run import advance
from opsintel.llm.batch.withdraw import withdraw
from opsintel.llm.ceilings import set_budget
from opsintel.llm.chain import chain_of, set_price
from opsintel.llm.keys import key_named, remove_key, rotate_key
from opsintel.llm.parked import due_now
from opsintel.llm.price import batch_price_of, price_of
from opsintel.llm.sending import Sending, set_sending
from opsintel.tenants import Tenant
from opsintel_pipeline.analyze import batches as stage
from opsintel_pipeline.analyze import rerun
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
    pass_time,
    period,
    step,
    submissions,
    to_the_end,
)
from tests.analyze.conftest import DAY, analyses, connect_model, partition, write
from tests.analyze.faulty import pass_hours
from tests.peers.chaos import Chaos
from tests.peers.model_server import ModelServer
from tests.peers.recorder import Recorder

CHANGES = {
    "deleted": "UPDATE message SET deleted_at = now(), text = '' WHERE text = %s",
    "removed": "DELETE FROM message WHERE text = %s",
    "edited": "UPDATE message SET text = 'Another text than before, please help.', edited_at = now() WHERE text = %s",
}
"""What may happen to a message while it waits."""


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches are formed without a wait."""
    monkeypatch.setattr(form, "GATHER", timedelta(0))


class TestABatchIsNotUsed:
    def test_where_somebody_wants_it_now(self, context: Context, tenant: Tenant, model: ModelServer) -> None:
        write(context, tenant, TEXTS)
        run(context, partition(tenant))
        connect_model(context, tenant, model)
        backfill_begun(context, tenant, batch=False)
        assert {row["status"] for row in analyses(context, tenant)} == {"done"}
        assert (calls_of_their_own(model), leftovers(context, tenant)) == (3, 0)

    def test_for_a_day_that_is_not_over(
        self, context: Context, tenant: Tenant, model: ModelServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(stage, "today", lambda: DAY)
        begin(context, tenant, model, "openai")
        assert (calls_of_their_own(model), leftovers(context, tenant)) == (3, 0)

    @pytest.mark.parametrize("provider", ["ollama", "vllm"])
    def test_of_servers_that_have_none(
        self, provider: str, context: Context, tenant: Tenant, model: ModelServer
    ) -> None:
        begin(context, tenant, model, provider)
        assert (calls_of_their_own(model), leftovers(context, tenant)) == (3, 0)

    def test_where_the_server_says_that_it_has_none(
        self, context: Context, tenant: Tenant, model: ModelServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begin(context, tenant, model, "openai")
        monkeypatch.setattr("tests.peers.model_server.BATCHES", {})
        to_the_end(context, tenant, model)
        assert {row["status"] for row in analyses(context, tenant)} == {"done"}
        assert ledger(context, tenant) == {"settled": 3, "failed": 3}

    def test_where_text_may_not_go(
        self, context: Context, tenant: Tenant, model: ModelServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begin(context, tenant, model, "openai")
        set_sending(context.database, tenant.id, Sending(local_only=True), SYSTEM)
        monkeypatch.setattr("opsintel.llm.batch.run.model_servers", lambda settings: frozenset())
        advance(context)
        assert model.asked == []
        assert ledger(context, tenant) == {"failed": 3}
        assert period(context, tenant) == (0, 0)


class TestAPrice:
    def test_of_the_tenants_own_counts_in_full(self, context: Context, tenant: Tenant, model: ModelServer) -> None:
        key_id = connect_model(context, tenant, model)
        with context.database.tenant_tx(tenant.id) as connection:
            (listed,) = map(for_batch, chain_of(connection, "analyse"))
            set_price(connection, key_id, "gpt-4o-mini", Decimal(1), Decimal(2))
            (own,) = map(for_batch, chain_of(connection, "analyse"))
        assert listed is not None
        assert listed.price is not None
        assert listed.price.input == Decimal("7.5e-8")
        assert own is not None
        assert own.price is not None
        assert own.price.input == Decimal("1e-6")

    def test_that_is_listed_for_calls_alone_makes_calls(
        self, context: Context, tenant: Tenant, model: ModelServer
    ) -> None:
        connect_model(context, tenant, model)
        with context.database.tenant_tx(tenant.id) as connection:
            (link,) = chain_of(connection, "analyse")
        for name in ("gemini-2.0-flash", "gpt-4o-mini", "a-model-of-tomorrow"):
            one = replace(link, provider="gemini" if "gemini" in name else "openai", model=name)
            one = replace(one, price=price_of(one.provider, name))
            lower = batch_price_of(one.provider, name)
            assert (for_batch(one) is None) == (one.price is not None and lower is None)

    def test_is_estimated(self, context: Context, tenant: Tenant, model: ModelServer) -> None:
        write(context, tenant, TEXTS)
        connect_model(context, tenant, model)
        found = rerun.estimate(context, tenant, DAY, DAY)
        assert found.batch_hours == 24
        assert found.cost_usd is not None
        assert found.batch_usd == found.cost_usd / 2


class TestACeiling:
    def test_holds_before_anything_is_sent(self, context: Context, tenant: Tenant, model: ModelServer) -> None:
        write(context, tenant, TEXTS)
        run(context, partition(tenant))
        connect_model(context, tenant, model)
        backfill_begun(context, tenant, ceiling=0.0038)
        reasons = Counter(row["reason"] for row in analyses(context, tenant))
        assert set(reasons) == {"batch", "ceiling"}
        to_the_end(context, tenant, model)
        assert Counter(row["status"] for row in analyses(context, tenant))["parked"] == reasons["ceiling"]
        spent, reserved = period(context, tenant)
        assert 0 < spent <= Decimal("0.0038")
        assert reserved == 0
        with context.database.tenant_tx(tenant.id) as connection:
            (job_id,) = connection.execute("SELECT id FROM job").fetchone() or (None,)
            set_budget(connection, tenant.id, "backfill", job_id, Decimal(1))
        run(context, partition(tenant))
        to_the_end(context, tenant, model)
        assert {row["status"] for row in analyses(context, tenant)} == {"done"}


class TestAKey:
    @pytest.mark.parametrize("provider", PROVIDERS)
    def test_that_is_revoked_while_a_batch_runs_has_it_wait(
        self, provider: str, context: Context, tenant: Tenant, model: ModelServer
    ) -> None:
        begin(context, tenant, model, provider)
        advance(context)
        model.keys = {"sk-another"}
        model.batches.has_ended = True
        for _ in range(3):
            step(context, tenant)
        with context.database.tenant_tx(tenant.id) as connection:
            key = key_named(connection, provider)
            assert key.health == "revoked"
            rotate_key(connection, context.keyring, tenant.id, key, Secret(b"sk-another"), SYSTEM)
            due_now(connection)
        run(context, partition(tenant))
        assert leftovers(context, tenant) == 3, "what waits for an answer is not asked again, though it is due"
        advance(context)
        to_the_end(context, tenant, model)
        assert {row["provider"] for row in analyses(context, tenant)} == {provider}
        assert (submissions(model), ledger(context, tenant)) == (1, {"settled": 3})

    def test_that_is_removed_ends_the_wait(self, context: Context, tenant: Tenant, model: ModelServer) -> None:
        begin(context, tenant, model, "openai")
        advance(context)
        with context.database.tenant_tx(tenant.id) as connection:
            remove_key(connection, tenant.id, key_named(connection, "openai"), SYSTEM)
        connect_model(context, tenant, model, "anthropic")
        step(context, tenant)
        run(context, partition(tenant))
        assert {row["provider"] for row in analyses(context, tenant)} == {"anthropic"}
        assert ledger(context, tenant) == {"settled": 3, "unknown": 3}, "nobody knows what was paid for it"


class TestMessages:
    def test_alike_wait_for_one_question_whatever_their_day(
        self, context: Context, tenant: Tenant, model: ModelServer
    ) -> None:
        lines = [f"Backup of volume data finished in {seconds} seconds, 0 errors" for seconds in (12, 345, 6789)]
        begin(context, tenant, model, "openai", lines[:2])
        assert leftovers(context, tenant) == 1
        write(context, tenant, lines[2:])
        with context.database.tenant_tx(tenant.id) as connection:
            connection.execute(
                "INSERT INTO work (tenant_id, id, partition_day, reason, first_stage, job_id)"
                " SELECT tenant_id, %s, %s, 'backfill', 'analyses', id FROM job", (new_id(), DAY),
            )  # fmt: skip
        run(context, partition(tenant))
        assert leftovers(context, tenant) == 1
        to_the_end(context, tenant, model)
        rows = analyses(context, tenant)
        assert [(row["status"], row["reused_from"] is not None) for row in rows] == [
            ("done", False), ("done", True), ("done", True),
        ]  # fmt: skip
        assert len(model.prompts) == 1

    def test_that_change_while_they_wait_are_asked_about_anew(
        self, context: Context, tenant: Tenant, model: ModelServer
    ) -> None:
        begin(context, tenant, model, "openai")
        advance(context)
        with context.database.tenant_tx(tenant.id) as connection:
            connection.execute(
                "UPDATE message SET text = 'Another text than before, please help me with it.', edited_at = now()"
                " WHERE text = %s", (TEXTS[0],),
            )  # fmt: skip
            connection.execute("UPDATE message SET deleted_at = now(), text = '' WHERE text = %s", (TEXTS[1],))
        to_the_end(context, tenant, model)
        run(context, partition(tenant))
        to_the_end(context, tenant, model)
        rows = {row["text"]: row for row in analyses(context, tenant)}
        assert (
            rows["Another text than before, please help me with it."]["output"]["evidence"][0]["quote"]
            == "Another text than be"
        )
        assert rows[""]["provider"] == "built-in", "what a model said of a message that is gone goes nowhere"
        assert all(row["status"] == "done" for text, row in rows.items() if text)

    @pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
    def test_that_change_before_a_batch_is_sent_are_not_sent(
        self, change: str, context: Context, tenant: Tenant, model: ModelServer
    ) -> None:
        begin(context, tenant, model, "openai")
        with context.database.tenant_tx(tenant.id) as connection:
            connection.execute(change.encode(), (TEXTS[0],))
        to_the_end(context, tenant, model)
        assert not any(TEXTS[0] in asked.body.decode() for asked in model.asked)
        assert {row["status"] for row in analyses(context, tenant) if row["text"]} == {"done"}

    def test_are_sent_without_personal_data(self, context: Context, tenant: Tenant, model: ModelServer) -> None:
        begin(context, tenant, model, "openai", ["Please call jane.canary@example.com about the export that fails."])
        with context.database.tenant_tx(tenant.id) as connection:
            kept = connection.execute("SELECT call FROM model_batch_question").fetchall()
        to_the_end(context, tenant, model)
        assert "jane.canary" not in json.dumps(kept)
        assert not any(b"jane.canary" in asked.body for asked in model.asked)
        (row,) = analyses(context, tenant)
        assert row["status"] == "done"


class TestAnErasure:
    def test_of_a_person_removes_what_waits_and_what_was_answered(
        self, context: Context, tenant: Tenant, model: ModelServer
    ) -> None:
        begin(context, tenant, model, "openai")
        with context.database.tenant_tx(tenant.id) as connection:
            assert forget(connection) == 3
        assert (leftovers(context, tenant), period(context, tenant)) == (0, (0, 0))
        run(context, partition(tenant))
        advance(context)
        model.batches.has_ended = True
        step(context, tenant)
        with context.database.tenant_tx(tenant.id) as connection:
            assert forget(connection) == 3
        to_the_end(context, tenant, model)
        run(context, partition(tenant))
        to_the_end(context, tenant, model)
        assert {row["status"] for row in analyses(context, tenant)} == {"done"}

    @pytest.mark.parametrize("provider", PROVIDERS)
    def test_of_a_tenant_leaves_nothing_at_the_provider(
        self, provider: str, context: Context, tenant: Tenant, model: ModelServer
    ) -> None:
        begin(context, tenant, model, provider)
        assert withdraw(context, tenant.id) == 0
        advance(context)
        assert [withdraw(context, tenant.id) for _ in range(3)][-1] == 0
        assert model.batches.files == {} if provider == "openai" else model.batches.all == {}
        assert all(batch.is_cancelled for batch in model.batches.all.values())


class TestAProvider:
    def test_gets_no_more_in_a_batch_than_it_takes(
        self, context: Context, tenant: Tenant, model: ModelServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        small = {**providers.PROVIDERS, "openai": replace(providers.PROVIDERS["openai"], batch_requests=2)}
        monkeypatch.setattr(providers, "PROVIDERS", MappingProxyType(small))
        begin(context, tenant, model, "openai")
        to_the_end(context, tenant, model)
        assert [each[1] for each in batches(context, tenant)] == [2, 1]
        assert {row["status"] for row in analyses(context, tenant)} == {"done"}

    def test_that_is_full_is_asked_again_later(self, context: Context, tenant: Tenant, model: ModelServer) -> None:
        begin(context, tenant, model, "openai")
        model.batches.is_full = True
        advance(context)
        step(context, tenant)
        assert batches(context, tenant) == [("formed", 3, 0, 0)]
        model.batches.is_full = False
        to_the_end(context, tenant, model)
        assert batches(context, tenant) == [("closed", 3, 3, 0)]
        assert submissions(model) == 2

    def test_that_never_ends_it_is_not_waited_for_longer_than_a_day(
        self, context: Context, tenant: Tenant, model: ModelServer
    ) -> None:
        begin(context, tenant, model, "openai")
        advance(context)
        with context.database.tenant_tx(tenant.id) as connection:
            connection.execute("UPDATE model_batch SET sent_at = now() - interval '2 days'")
        step(context, tenant)
        run(context, partition(tenant))
        assert {row["status"] for row in analyses(context, tenant)} == {"done"}
        assert ledger(context, tenant) == {"settled": 3, "unknown": 3}
        assert [batch.is_cancelled for batch in model.batches.all.values()] == [True]

    @pytest.mark.parametrize("provider", PROVIDERS)
    def test_whose_answers_go_wrong_half_the_time_is_asked_until_it_is_done(
        self, provider: str, context: Context, tenant: Tenant, model: ModelServer, recorder: Recorder
    ) -> None:
        begin(context, tenant, model, provider)
        model.batches.has_ended = True
        recorder.chaos = Chaos(0.5)
        for _ in range(30):
            pass_hours(context, tenant)
            pass_time(context, tenant)
            advance(context)
            if not batches(context, tenant, "state <> 'closed'"):
                break
        recorder.chaos = None
        to_the_end(context, tenant, model)
        assert {row["status"] for row in analyses(context, tenant)} == {"done"}
        assert period(context, tenant)[1] == 0
        assert len(model.prompts) <= 6, "a batch is not sent again while nobody knows whether it was"


class TestAListing:
    def test_shows_what_waits_and_what_it_may_cost(self, context: Context, tenant: Tenant, model: ModelServer) -> None:
        begin(context, tenant, model, "openai")
        with context.database.tenant_tx(tenant.id) as connection:
            assert listed(connection, everything=False, most=9) == (3, [])
        advance(context)
        with context.database.tenant_tx(tenant.id) as connection:
            gathered, (row,) = listed(connection, everything=False, most=9)
        assert (gathered, row.state, row.questions, row.usd) == (0, "sent", 3, period(context, tenant)[1])
        assert json.loads(json.dumps(row.as_json()))["model"] == "gpt-4o-mini"
        to_the_end(context, tenant, model)
        with context.database.tenant_tx(tenant.id) as connection:
            assert listed(connection, everything=False, most=9) == (0, [])
            (_, (row,)) = listed(connection, everything=True, most=9)
        assert (row.state, row.usd) == ("closed", period(context, tenant)[0])

    @pytest.mark.parametrize(
        ("said", "wait", "may"), [(None, False, True), (None, True, False), (True, True, True), (False, False, False)]
    )
    def test_is_not_needed_by_who_waits_for_the_command(self, said: bool | None, wait: bool, may: bool) -> None:
        assert may_wait(said, wait=wait) == may
