"""Batches whose process dies at any moment: the same rows afterwards, nothing sent twice, nothing paid twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from opsintel.context import Context
from opsintel.llm.batch import collect, form, order
from opsintel.llm.batch import run as steps
from opsintel.llm.caller import Caller
from opsintel.tenants import Tenant
from opsintel_pipeline.analyze import models
from opsintel_pipeline.analyze.run import run
from tests.analyze.batched import PROVIDERS, TEXTS, batches, begin, ledger, period, step, submissions, to_the_end
from tests.analyze.conftest import analyses, partition, well
from tests.peers.model_server import ModelServer


class Killed(BaseException):
    """The process ends here: nothing of its transaction stays, and nothing after it is done."""


def dies(*_: Any, **__: Any) -> Any:
    raise Killed


def dies_at(wanted: order.Step, *, after: bool) -> Callable[[Caller, order.Order], order.Told]:
    whole = Caller.order

    def asked(caller: Caller, one: order.Order) -> order.Told:
        if one.step is not wanted:
            return whole(caller, one)
        if after:
            whole(caller, one)
        raise Killed

    return asked


MOMENTS: dict[str, tuple[Any, str, Any]] = {
    "before it is sent": (Caller, "order", dies_at(order.Step.SUBMIT, after=False)),
    "once it is sent": (Caller, "order", dies_at(order.Step.SUBMIT, after=True)),
    "before that is known": (steps, "found_well", dies),
    "once results are fetched": (Caller, "order", dies_at(order.Step.COLLECT, after=True)),
    "while they are settled": (collect, "wake", dies),
    "once they are settled": (collect, "end_without", dies),
    "before it is removed": (Caller, "order", dies_at(order.Step.REMOVE, after=False)),
    "once it is removed": (Caller, "order", dies_at(order.Step.REMOVE, after=True)),
    "before analyses are stored": (models, "made_of", dies),
    "while they are stored": (models, "clear", dies),
}


EACH = [
    pytest.param(
        provider,
        moment,
        marks=[] if provider == "openai" or moment == "once it is sent" else pytest.mark.thorough,
        id=f"{provider}-{moment.replace(' ', '_')}",
    )
    for provider in PROVIDERS
    for moment in MOMENTS
]
"""Each provider at each moment; the quick tier has all of one, and of the others what differs between them."""


@pytest.mark.parametrize(("provider", "moment"), EACH)
def test_a_batch_is_sent_and_paid_once(
    provider: str, moment: str, context: Context, tenant: Tenant, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(form, "GATHER", timedelta(0))
    begin(context, tenant, model, provider)
    place, name, instead = MOMENTS[moment]
    model.batches.has_ended = True
    with monkeypatch.context() as patched:
        patched.setattr(place, name, instead)
        with pytest.raises(Killed):
            _work(context, tenant)
    to_the_end(context, tenant, model)
    rows = analyses(context, tenant)
    assert [(row["text"], row["status"], row["provider"]) for row in rows] == [
        (text, "done", provider) for text in TEXTS
    ]
    assert all(row["output"]["evidence"][0]["quote"] in row["text"] for row in rows)
    assert submissions(model) == 1
    assert len(model.prompts) == 3, "each question is answered, and paid for, once"
    assert batches(context, tenant) == [("closed", 3, 3, 0)]
    assert ledger(context, tenant) == {"settled": 3}
    assert period(context, tenant)[1] == 0


def test_a_batch_of_another_that_looks_alike_is_not_taken_for_it(
    context: Context, tenant: Tenant, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anthropic keeps no name of ours: what was taken for the batch shows by its results that it is another's."""
    monkeypatch.setattr(form, "GATHER", timedelta(0))
    begin(context, tenant, model, "anthropic")
    with monkeypatch.context() as patched:
        patched.setattr(Caller, "order", dies_at(order.Step.SUBMIT, after=False))
        with pytest.raises(Killed):
            step(context, tenant)
    request = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "{}"}]}
    model.batches.create([(f"another-{number}", request) for number in range(3)], {}, "msgbatch_")
    model.brain = lambda prompt: "{}" if prompt.model == "m" else well(prompt)
    to_the_end(context, tenant, model)
    assert {row["status"] for row in analyses(context, tenant)} == {"done"}
    assert submissions(model) == 1
    assert batches(context, tenant) == [("closed", 3, 3, 0)]
    assert list(model.batches.all) == ["msgbatch_1"], "what is another's stays"


def _work(context: Context, tenant: Tenant) -> None:
    """Do what worker and stage do, until all is done."""
    for _ in range(6):
        step(context, tenant)
        run(context, partition(tenant))
