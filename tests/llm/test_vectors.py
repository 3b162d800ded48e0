"""Requests for vectors are what each provider publishes, and their answers are read in the order of the texts."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import numpy as np
import pytest

from opsintel.crypto.secrets import Secret
from opsintel.errors import InputError
from opsintel.llm.call import Call, Way
from opsintel.llm.packed import packed, unpacked
from opsintel_pipeline.llm.reply import Reply
from opsintel_pipeline.llm.vectors import answer_of, request_of
from tests.peers.model_server import BASES, ModelServer
from tests.peers.provider import Asked
from tests.peers.published import breaches

MODELS = {"openai": "text-embedding-3-small", "gemini": "gemini-embedding-001", "ollama": "m", "vllm": "BAAI/bge-m3"}
TEXTS = ("The export fails.", "gs://is-no-file of ours", "The export fails again.")


def called(provider: str) -> Call:
    messages = tuple({"role": "user", "content": text} for text in TEXTS)
    base_url = f"http://server{BASES[provider]}"
    return Call(
        UUID(int=1), "0" * 64, provider, base_url, MODELS.get(provider, "m"), messages, 0, 60.0, {}, Way.VECTORS,
        Secret(b"sk-canary-model-key"),
    )  # fmt: skip


def asked(call: Call, body: Any = None) -> Asked:
    wire = request_of(call)
    headers = {"content-type": "application/json"} | {name.lower(): value for name, value in wire.headers.items()}
    return Asked("POST", urlsplit(wire.url).path, {}, headers, json.dumps(body or wire.body).encode())


@pytest.mark.parametrize("provider", MODELS)
class TestVectors:
    def test_are_asked_for_as_the_provider_publishes(self, provider: str) -> None:
        assert breaches(asked(called(provider))) == []

    def test_are_not_asked_for_by_a_name_that_it_does_not_publish(self, provider: str) -> None:
        assert breaches(asked(called(provider), {**request_of(called(provider)).body, "max_tokenz": 1}))

    def test_come_in_the_order_of_the_texts_each_text_as_it_is(self, provider: str) -> None:
        server = ModelServer(lambda prompt: "")
        told = server.answer(asked(called(provider)))
        answer = answer_of(called(provider), Reply(200, {}, json.dumps(told.content).encode()), 5)
        length, values = unpacked(answer.content)
        vectors = np.frombuffer(values, np.float32).reshape(-1, length)
        assert [one.texts for one in server.embedded] == [TEXTS]
        assert vectors.shape == (3, 256)
        assert vectors[0] @ vectors[2] > vectors[0] @ vectors[1]
        assert (answer.tokens_in > 0) is (provider != "gemini")

    def test_that_are_too_few_are_no_answer(self, provider: str) -> None:
        told: Any = {"data": [], "embeddings": [], "usage": {"prompt_tokens": 1}}
        with pytest.raises(ValueError, match="not a vector for each text"):
            answer_of(called(provider), Reply(200, {}, json.dumps(told).encode()), 5)


def test_a_provider_without_vectors_is_not_asked() -> None:
    with pytest.raises(InputError, match="anthropic has no models for vectors"):
        request_of(called("anthropic"))


def test_vectors_of_several_lengths_are_none() -> None:
    with pytest.raises(ValueError, match="one length"):
        packed([[1.0, 2.0], [1.0]])
