"""Requests of every provider, in every way of asking, are what the provider publishes; what is not is found out."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest

from opsintel.crypto.secrets import Secret
from opsintel.llm.call import ANSWERS, Call, Way
from opsintel.taxonomy.shipped import unchosen
from opsintel_pipeline.analyze import prompt
from opsintel_pipeline.llm.reply import Reply
from opsintel_pipeline.llm.translate import answer_of, request_of
from tests.peers.chaos import Mishap, spoilt
from tests.peers.model_server import BASES
from tests.peers.provider import Asked, Told
from tests.peers.published import breaches

MODELS = {
    "openai": ["gpt-4o", "gpt-4o-mini"],
    "anthropic": ["claude-haiku-4-5", "claude-sonnet-4-6", "claude-3-haiku-20240307", "claude-of-tomorrow"],
    "gemini": ["gemini-2.5-flash", "gemini-2.5-pro", "gemini-2.0-flash"],
    "ollama": ["llama3.2", "mistral"],
    "vllm": ["meta-llama/Llama-3.2-3B-Instruct"],
}
SCHEMA = prompt.schema(unchosen())
EACH = [(provider, model) for provider, models in MODELS.items() for model in models]


def called(provider: str, model: str, way: Way = Way.SCHEMA) -> Call:
    messages = ({"role": "system", "content": "Be brief."}, {"role": "user", "content": "The export fails."})
    return Call(
        UUID(int=1), "0" * 64, provider, f"http://server{BASES[provider]}", model, messages, 900, 60.0,
        SCHEMA, way, Secret(b"sk-canary"),
    )  # fmt: skip


def asked(call: Call, **headers: str) -> Asked:
    wire = request_of(call)
    given = {"content-type": "application/json"} | {name.lower(): value for name, value in wire.headers.items()}
    return Asked("POST", urlsplit(wire.url).path, {}, given | headers, json.dumps(wire.body).encode())


class TestARequest:
    @pytest.mark.parametrize("way", ANSWERS, ids=lambda way: way.value)
    @pytest.mark.parametrize(("provider", "model"), EACH, ids=[model for _, model in EACH])
    def test_is_what_its_provider_publishes(self, provider: str, model: str, way: Way) -> None:
        assert breaches(asked(called(provider, model, way))) == []

    @pytest.mark.parametrize("provider", MODELS)
    def test_carries_the_whole_schema(self, provider: str) -> None:
        for way in (Way.SCHEMA, Way.TOOL):
            body = json.dumps(request_of(called(provider, MODELS[provider][0], way)).body)
            assert '"enum": [1, 2, 3, 4, 5]' in body
            assert body.count('"required"') == json.dumps(SCHEMA).count('"required"')


@pytest.mark.parametrize("provider", MODELS)
class TestABreach:
    def test_in_a_name_is_found(self, provider: str) -> None:
        assert _changed(provider, lambda body: body.update(max_tokenz=1))

    def test_in_a_type_is_found(self, provider: str) -> None:
        contents = "contents" if provider == "gemini" else "messages"
        assert _changed(provider, lambda body: body.update({contents: "The export fails."}))

    def test_deep_within_is_found(self, provider: str) -> None:
        def breaks(body: Any) -> None:
            form = body.get("output_config", {}).get("format") or body.get("response_format") or body
            (body["generationConfig"] if provider == "gemini" else form).update(type=7, maximum_tokens=7)

        assert _changed(provider, breaks)

    def test_of_what_must_be_there_is_found(self, provider: str) -> None:
        whole = asked(called(provider, MODELS[provider][0]))
        assert breaches(Asked("POST", whole.path, {}, {}, whole.body))
        assert breaches(Asked("POST", whole.path, {"key": "sk-canary"}, whole.headers, whole.body))
        assert breaches(Asked("GET", whole.path, {}, whole.headers, whole.body))
        assert breaches(Asked("POST", "/v2" + whole.path, {}, whole.headers, whole.body))


class TestASchema:
    def test_that_openai_does_not_take_strictly_is_found(self) -> None:
        for name in ("openai", "vllm"):
            assert _changed(name, lambda body: body["response_format"]["json_schema"]["schema"].pop("required"))

    def test_that_anthropic_does_not_take_is_found(self) -> None:
        assert _changed(
            "anthropic",
            lambda body: body["output_config"]["format"]["schema"]["properties"].update(
                x={"type": "string", "maxLength": 5}
            ),
        )

    def test_asked_for_by_a_beta_that_does_not_exist_is_found(self) -> None:
        assert breaches(asked(called("anthropic", "claude-haiku-4-5"), **{"anthropic-beta": "structured-2020-01-01"}))


@pytest.mark.filterwarnings("ignore:Item 'summary' on TypedDict class")  # litellm's own types
@pytest.mark.parametrize("provider", ["openai", "anthropic", "gemini", "vllm"])
def test_an_answer_that_declines_is_one_and_costs_its_tokens(provider: str) -> None:
    call = called(provider, MODELS[provider][0])
    path = urlsplit(request_of(call).url).path
    told = spoilt(Mishap.REFUSAL, path, Told(200, _ANSWERS[provider]))
    answer = answer_of(call, Reply(200, {}, json.dumps(told.content).encode()), 5)
    assert (answer.is_refused, answer.content, answer.tokens_in, answer.tokens_out) == (True, "", 3, 4)


_COMPLETION = {
    "id": "1", "object": "chat.completion", "created": 1, "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "x"}}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
}  # fmt: skip
_ANSWERS: dict[str, Any] = {
    "openai": _COMPLETION,
    "vllm": _COMPLETION,
    "anthropic": {
        "id": "1", "type": "message", "role": "assistant", "model": "m", "content": [{"type": "text", "text": "x"}],
        "stop_reason": "end_turn", "stop_sequence": None, "usage": {"input_tokens": 3, "output_tokens": 4},
    },
    "gemini": {
        "candidates": [{"content": {"role": "model", "parts": [{"text": "x"}]}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 4, "totalTokenCount": 7},
    },
}  # fmt: skip


def _changed(provider: str, change: Any) -> list[str]:
    """Return the breaches of a sound request after a change of its body."""
    sound = asked(called(provider, MODELS[provider][0]))
    body = sound.json()
    change(body)
    return breaches(Asked("POST", sound.path, {}, sound.headers, json.dumps(body).encode()))
