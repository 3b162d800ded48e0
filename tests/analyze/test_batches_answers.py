"""What is kept of the answers of batches, what is taken for a batch, and what counts as spent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from opsintel.context import Context
from opsintel.llm.batch import form, order
from opsintel.llm.batch.run import advance
from opsintel.llm.batch.withdraw import withdraw
from opsintel.llm.call import Fault, ModelError
from opsintel.llm.caller import Caller
from opsintel.llm.parked import due_now
from opsintel.tenants import Tenant
from tests.analyze.batched import batches, begin, ledger, period, step, to_the_end
from tests.analyze.conftest import analyses
from tests.peers.model_server import ModelServer


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches are formed without a wait."""
    monkeypatch.setattr(form, "GATHER", timedelta(0))


def execute(context: Context, tenant: Tenant, command: str) -> list[tuple[Any, ...]]:
    with context.database.tenant_tx(tenant.id) as connection:
        done = connection.execute(command.encode())
        return done.fetchall() if done.description else []


def refusing(steps: dict[order.Step, ModelError]) -> Callable[[Caller, order.Order], order.Told]:
    """Return a way to order that fails at some steps."""
    whole = Caller.order

    def asked(caller: Caller, one: order.Order) -> order.Told:
        if one.step in steps:
            raise steps[one.step]
        return whole(caller, one)

    return asked


class TestAnAnswer:
    def test_about_messages_that_are_gone_is_not_kept(
        self, context: Context, tenant: Tenant, model: ModelServer
    ) -> None:
        begin(context, tenant, model, "openai")
        advance(context)
        execute(context, tenant, "UPDATE message SET deleted_at = now(), text = ''")
        model.batches.has_ended = True
        step(context, tenant)
        kept = execute(context, tenant, "SELECT state, answer FROM model_batch_question")
        assert kept == [("failed", None)] * 3
        assert ledger(context, tenant) == {"settled": 3}, "it is paid for"

    def test_that_no_store_takes_is_asked_by_calls(self, context: Context, tenant: Tenant, model: ModelServer) -> None:
        begin(context, tenant, model, "openai")
        advance(context)
        whole, model.brain = model.brain, lambda prompt: '{"items": "\x00 \ud800"}'
        model.batches.has_ended = True
        step(context, tenant)
        model.brain = whole
        to_the_end(context, tenant, model)
        assert {row["provider"] for row in analyses(context, tenant)} == {"openai"}
        assert ledger(context, tenant) == {"settled": 6}

    def test_is_waited_for_whatever_else_changes(self, context: Context, tenant: Tenant, model: ModelServer) -> None:
        begin(context, tenant, model, "openai")
        with context.database.tenant_tx(tenant.id) as connection:
            due_now(connection)
        assert execute(context, tenant, "SELECT 1 FROM analysis WHERE current AND parked_until <= now()") == []


class TestABatchThatIsOnlyAssumed:
    @pytest.fixture
    def assumed(
        self, context: Context, tenant: Tenant, model: ModelServer, monkeypatch: pytest.MonkeyPatch
    ) -> ModelServer:
        """A provider that has a batch of another's, which looks like the one whose submission was cut."""
        begin(context, tenant, model, "anthropic")
        cut = ModelError(Fault.UNREACHABLE, "The answer was cut", may_be_paid=True)
        with monkeypatch.context() as patched:
            patched.setattr(Caller, "order", refusing({order.Step.SUBMIT: cut}))
            advance(context)
        request = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "{}"}]}
        model.batches.create([(f"another-{number}", request) for number in range(3)], {}, "msgbatch_")
        step(context, tenant)
        assert batches(context, tenant) == [("sent", 3, 0, 0)]
        return model

    def test_is_not_cancelled_as_it_takes_too_long(
        self, assumed: ModelServer, context: Context, tenant: Tenant
    ) -> None:
        execute(context, tenant, "UPDATE model_batch SET sent_at = now() - interval '2 days'")
        step(context, tenant)
        assert batches(context, tenant) == [("closed", 3, 0, 3)]
        assert [batch.is_cancelled for batch in assumed.batches.all.values()] == [False]

    def test_outlives_the_tenant(self, assumed: ModelServer, context: Context, tenant: Tenant) -> None:
        assert withdraw(context, tenant.id) == 1
        assumed.batches.has_ended, assumed.brain = True, lambda prompt: "{}"
        assert withdraw(context, tenant.id) == 0
        assert [batch.is_cancelled for batch in assumed.batches.all.values()] == [False]


class TestMoney:
    def test_of_a_submission_that_was_refused_is_free_again(
        self, context: Context, tenant: Tenant, model: ModelServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begin(context, tenant, model, "openai")
        refused = ModelError(Fault.CREDENTIAL, "The key is not valid")
        monkeypatch.setattr(Caller, "order", refusing({order.Step.SUBMIT: refused}))
        advance(context)
        step(context, tenant)
        execute(context, tenant, "UPDATE model_batch SET created_at = now() - interval '2 days'")
        step(context, tenant)
        assert (ledger(context, tenant), period(context, tenant)) == ({"failed": 3}, (0, 0))

    def test_is_free_again_where_there_is_nothing_to_look_in(
        self, context: Context, tenant: Tenant, model: ModelServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begin(context, tenant, model, "openai")
        cut = ModelError(Fault.UNREACHABLE, "The answer was cut", may_be_paid=True)
        nothing = ModelError(Fault.MODEL, "There is no such address")
        monkeypatch.setattr(Caller, "order", refusing({order.Step.SUBMIT: cut, order.Step.FIND: nothing}))
        advance(context)
        step(context, tenant)
        assert batches(context, tenant) == [("closed", 3, 0, 3)]
        assert (ledger(context, tenant), period(context, tenant)) == ({"failed": 3}, (0, 0))


class TestATenant:
    @pytest.mark.parametrize("moment", ["paused_at", "suspended_at"])
    def test_that_is_stopped_sends_nothing(
        self, moment: str, context: Context, tenant: Tenant, model: ModelServer
    ) -> None:
        begin(context, tenant, model, "openai")
        with context.database.system_tx() as connection:
            connection.execute(f"UPDATE tenant SET {moment} = now() WHERE id = %s".encode(), (tenant.id,))
        advance(context)
        assert model.asked == []

    def test_that_goes_has_nothing_left_to_send(self, context: Context, tenant: Tenant, model: ModelServer) -> None:
        begin(context, tenant, model, "openai")
        assert withdraw(context, tenant.id) == 0
        advance(context)
        assert (model.asked, period(context, tenant)) == ([], (0, 0))


class TestAProcess:
    def test_whose_batch_another_took_meanwhile_leaves_it(
        self, context: Context, tenant: Tenant, model: ModelServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begin(context, tenant, model, "openai")
        advance(context)
        whole, orders = Caller.order, []

        def taken_meanwhile(caller: Caller, one: order.Order) -> order.Told:
            orders.append(one.step)
            execute(context, tenant, "UPDATE model_batch SET leased_until = now() + interval '1 hour', attempts = 7")
            return whole(caller, one)

        monkeypatch.setattr(Caller, "order", taken_meanwhile)
        model.batches.has_ended = True
        step(context, tenant)
        assert orders == [order.Step.LOOK], "it asks for no results"
        kept = "SELECT state, attempts, leased_until > now() + interval '30 minutes' FROM model_batch"
        assert execute(context, tenant, kept) == [("sent", 7, True)]
