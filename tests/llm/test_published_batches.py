"""Requests of batches, in every way of asking, are what the three providers publish; what is not is found out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import httpx
import pytest

from opsintel.llm.batch.order import Order, Step
from opsintel.llm.call import ANSWERS, Way
from opsintel_pipeline.llm.batches.perform import INTERFACES
from opsintel_pipeline.llm.batches.server import Server
from tests.llm.test_published import MODELS, called
from tests.peers.model_server import BASES
from tests.peers.provider import Asked
from tests.peers.published_batches import breaches_of_batch

PROVIDERS = list(INTERFACES)
ANSWER: dict[str, Any] = {
    "id": "batch_1", "name": "batches/1", "data": [], "status": "completed", "input_file_id": "file-1",
    "processing_status": "ended", "metadata": {"state": "BATCH_STATE_SUCCEEDED"}, "output_file_id": "file-2",
}  # fmt: skip


class Capturing(Server):
    """Answers itself, and keeps what was asked."""

    def __init__(self, order: Order) -> None:
        super().__init__(order, frozenset())
        self.asked: list[Asked] = []

    def ask(self, method: str, path: str, **options: Any) -> Any:
        request = httpx.Request(method, self._base + path, headers=self._headers, **options)
        address = urlsplit(str(request.url))
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.asked.append(Asked(method, address.path, dict(parse_qsl(address.query)), headers, request.read()))
        return httpx.Response(200, json=ANSWER)


def asked_by(provider: str, step: str, way: Way = Way.SCHEMA) -> list[Asked]:
    call = replace(called(provider, MODELS[provider][0], way))
    order = Order(
        Step(step), UUID(int=1), provider, f"http://server{BASES[provider]}", call.model,
        "batches/1" if provider == "gemini" else "batch_1", {"a": call, "b": call}, api_key=call.api_key,
    )  # fmt: skip
    server = Capturing(order)
    done = getattr(INTERFACES[provider], step)(server, order)
    if step == "collect":
        list(done)
    assert server.asked
    return server.asked


@pytest.mark.parametrize("provider", PROVIDERS)
class TestARequest:
    @pytest.mark.parametrize("way", ANSWERS, ids=lambda way: way.value)
    def test_that_sends_a_batch_is_what_its_provider_publishes(self, way: Way, provider: str) -> None:
        for asked in asked_by(provider, "submit", way):
            assert breaches_of_batch(asked) == []

    @pytest.mark.parametrize("step", ["find", "look", "collect", "remove"])
    def test_of_every_other_step_is_too(self, step: str, provider: str) -> None:
        for asked in asked_by(provider, step):
            assert breaches_of_batch(asked) == []


def _twice(body: bytes) -> bytes:
    return body.replace(b'"b"', b'"a"')


def _renamed(body: bytes) -> bytes:
    return body.replace(b'"max_tokens"', b'"max_tokenz"').replace(b'"maxOutputTokens"', b'"maxTokens"')


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("change", [_twice, _renamed], ids=["an_id_twice", "a_field_of_a_request"])
def test_a_breach_in_what_is_sent_is_found(change: Callable[[bytes], bytes], provider: str) -> None:
    sound, *_ = asked_by(provider, "submit")
    assert change(sound.body) != sound.body
    assert breaches_of_batch(replace(sound, body=change(sound.body)))


def test_a_breach_in_the_batch_itself_is_found() -> None:
    _, batch = asked_by("openai", "submit")
    for change in ({"completion_window": "48h"}, {"name": "x"}, {"endpoint": "/v1/chat"}):
        assert breaches_of_batch(replace(batch, body=json.dumps(batch.json() | change).encode()))
    assert breaches_of_batch(replace(batch, headers={}))
    assert breaches_of_batch(replace(batch, method="PUT"))
