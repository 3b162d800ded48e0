"""A server of models in the five providers' own shapes, on this machine. What it answers is a test's function."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tests.connectors.remote import Fault
from tests.peers.batches import Batches, anthropic_batches, gemini_batches, openai_files
from tests.peers.provider import Asked, ProviderPeer, Refusal, Told

KEY = "sk-canary-model-key"


@dataclass(frozen=True)
class Prompt:
    """A question as a model sees it, whatever the provider."""

    provider: str
    model: str
    way: str
    system: str
    turns: tuple[str, ...]
    schema: Mapping[str, Any] | None


@dataclass(frozen=True)
class Texts:
    """Texts that a vector each was asked for, whatever the provider."""

    provider: str
    model: str
    texts: tuple[str, ...]


Brain = Callable[[Prompt], str]


class ModelServer(ProviderPeer):
    """Answers by `brain`. `prompts` are the questions it answered, `keys` those it takes (none: all).

    `embedded` are the texts it gave vectors of, each of `dimensions` values; `before_vectors` is called first.
    """

    def __init__(self, brain: Brain) -> None:
        super().__init__()
        self._first_brain = brain
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget everything, and answer as at first."""
        self.brain = self._first_brain
        self.keys: set[str] = {KEY}
        self.ways: set[str] = {"schema", "tool", "json"}
        self.prompts: list[Prompt] = []
        self.written = 0
        self.batches = Batches()
        self.before_vectors: Callable[[Texts], None] = lambda asked: None
        self.embedded: list[Texts] = []
        self.dimensions = 256
        self.asked.clear()
        self.fail(Fault.BROKEN, times=0)

    def moment(self) -> datetime:
        return datetime.now(UTC)

    def answer(self, asked: Asked) -> Told:
        for pattern, dialect in DIALECTS.items():
            if asked.method == "POST" and (path := re.fullmatch(pattern, asked.path)):
                return dialect(self, asked, path)
        for pattern, step in BATCHES.items():
            if path := re.fullmatch(pattern, f"{asked.method} {asked.path}"):
                return step(self, asked, path)
        return Told(404, {"error": {"message": "not found"}})

    def refused(self, refusal: Refusal) -> Told:
        body = {"error": {"message": refusal.message, "type": refusal.reason, "code": refusal.reason}}
        return Told(refusal.status, body, dict(refusal.headers))

    def limited(self) -> dict[str, str]:
        return {"Retry-After": "0"}

    def require_key(self, given: str) -> None:
        if self.keys and given not in self.keys:
            raise Refusal(401, "invalid_api_key", "Incorrect API key provided")

    def said(self, prompt: Prompt) -> str:
        """Return what the model says, and count that it was paid for."""
        if prompt.way not in self.ways:
            raise Refusal(400, "invalid_request_error", f"{prompt.way} is not supported by this model")
        self.prompts.append(prompt)
        return self.brain(prompt)

    def vectors(self, asked: Texts) -> list[list[float]]:
        """Return the vectors of texts, and count that they were paid for."""
        self.before_vectors(asked)
        self.embedded.append(asked)
        return [vector_of(text, asked.model, self.dimensions) for text in asked.texts]


def vector_of(text: str, model: str, dimensions: int) -> list[float]:
    """Return a vector in which each word has a place: texts with words in common are near, in one model alone.

    All vectors have a part in common, as those of many models do.
    """
    values = [0.0] * dimensions
    values[0] = 2.0
    for word in re.findall(r"\w{3,}", text.lower()):
        digest = hashlib.sha256(f"{model} {word}".encode()).digest()
        values[int.from_bytes(digest[:4]) % dimensions] += 1.0 if digest[4] % 2 else -1.0
    return values


def _openai(peer: ModelServer, asked: Asked, _: re.Match[str]) -> Told:
    body = asked.json()
    peer.require_key(asked.headers.get("authorization", "").removeprefix("Bearer "))
    form = body.get("response_format", {"type": "text"})
    tools = body.get("tools")
    way = "tool" if tools else {"json_schema": "schema", "json_object": "json"}.get(form["type"], "text")
    schema = tools[0]["function"]["parameters"] if tools else form.get("json_schema", {}).get("schema")
    system, turns = turns_of(body["messages"])
    content = peer.said(Prompt("openai", body["model"], way, system, turns, schema))
    message: dict[str, Any] = {"role": "assistant", "content": content}
    if tools:
        call = {
            "id": "call_1",
            "type": "function",
            "function": {"name": tools[0]["function"]["name"], "arguments": content},
        }
        message = {"role": "assistant", "content": None, "tool_calls": [call]}
    sent, received = tokens_of(system, *turns), tokens_of(content)
    return Told(200, {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1764500000, "model": body["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls" if tools else "stop"}],
        "usage": {
            "prompt_tokens": sent, "completion_tokens": received, "total_tokens": sent + received,
            "prompt_tokens_details": {"cached_tokens": 0},
        },
    })  # fmt: skip


def _anthropic(peer: ModelServer, asked: Asked, _: re.Match[str]) -> Told:
    body = asked.json()
    peer.require_key(asked.headers.get("x-api-key", ""))
    assert "max_tokens" in body, "Anthropic needs max_tokens"
    tools = body.get("tools")
    form = body.get("output_config", {}).get("format")
    way = "tool" if tools else "schema" if form else "json"
    schema = tools[0]["input_schema"] if tools else form and form["schema"]
    system = "".join(part["text"] for part in body.get("system", []))
    _, turns = turns_of(body["messages"])
    content = peer.said(Prompt("anthropic", body["model"], way, system, turns, schema))
    part: dict[str, Any] = {"type": "text", "text": content}
    if tools:
        part = {"type": "tool_use", "id": "toolu_1", "name": tools[0]["name"], "input": _object(content)}
    return Told(200, {
        "id": "msg_1", "type": "message", "role": "assistant", "model": body["model"], "content": [part],
        "stop_reason": "tool_use" if tools else "end_turn", "stop_sequence": None,
        "usage": {
            "input_tokens": tokens_of(system, *turns), "output_tokens": tokens_of(content),
            "cache_creation_input_tokens": peer.written, "cache_read_input_tokens": 0,
        },
    })  # fmt: skip


def _gemini(peer: ModelServer, asked: Asked, path: re.Match[str]) -> Told:
    body = asked.json()
    given = asked.headers.get("x-goog-api-key", "")
    if peer.keys and given not in peer.keys:
        raise Refusal(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.")
    tools = body.get("tools")
    config = body.get("generationConfig", {})
    schema = (
        tools[0]["functionDeclarations"][0]["parametersJsonSchema"]
        if tools
        else config.get("responseJsonSchema") or config.get("responseJsonSchema")
    )
    way = "tool" if tools else "schema" if schema else "json"
    system = "".join(part["text"] for part in body.get("systemInstruction", {}).get("parts", []))
    turns = tuple(part["text"] for turn in body["contents"] for part in turn["parts"])
    content = peer.said(Prompt("gemini", path.group(1), way, system, turns, schema))
    part: dict[str, Any] = {"text": content}
    if tools:
        name = tools[0]["functionDeclarations"][0]["name"]
        part = {"functionCall": {"name": name, "args": _object(content)}}
    sent, received = tokens_of(system, *turns), tokens_of(content)
    return Told(200, {
        "candidates": [{"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {
            "promptTokenCount": sent, "candidatesTokenCount": received, "totalTokenCount": sent + received,
        },
        "modelVersion": path.group(1),
    })  # fmt: skip


def _ollama(peer: ModelServer, asked: Asked, _: re.Match[str]) -> Told:
    body = asked.json()
    assert body["stream"] is False
    tools, form = body.get("tools"), body.get("format")
    way = "tool" if tools else "schema" if isinstance(form, dict) else "json"
    system, turns = turns_of(body["messages"])
    content = peer.said(Prompt("ollama", body["model"], way, system, turns, form if isinstance(form, dict) else None))
    message: dict[str, Any] = {"role": "assistant", "content": content}
    if tools:
        call = {"function": {"name": tools[0]["function"]["name"], "arguments": _object(content)}}
        message = {"role": "assistant", "content": "", "tool_calls": [call]}
    return Told(200, {
        "model": body["model"], "created_at": "2026-11-30T12:00:00Z", "message": message, "done": True,
        "done_reason": "stop", "prompt_eval_count": tokens_of(system, *turns), "eval_count": tokens_of(content),
    })  # fmt: skip


def _openai_vectors(peer: ModelServer, asked: Asked, _: re.Match[str]) -> Told:
    body = asked.json()
    peer.require_key(asked.headers.get("authorization", "").removeprefix("Bearer "))
    vectors = peer.vectors(Texts("openai", body["model"], tuple(body["input"])))
    data = [{"object": "embedding", "index": place, "embedding": vector} for place, vector in enumerate(vectors)]
    sent = tokens_of(*body["input"])
    usage = {"prompt_tokens": sent, "total_tokens": sent}
    return Told(200, {"object": "list", "model": body["model"], "data": data[::-1], "usage": usage})


def _gemini_vectors(peer: ModelServer, asked: Asked, path: re.Match[str]) -> Told:
    if peer.keys and asked.headers.get("x-goog-api-key", "") not in peer.keys:
        raise Refusal(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.")
    requests = asked.json()["requests"]
    assert {each["model"] for each in requests} == {f"models/{path.group(1)}"}
    texts = tuple(each["content"]["parts"][0]["text"] for each in requests)
    vectors = peer.vectors(Texts("gemini", path.group(1), texts))
    return Told(200, {"embeddings": [{"values": vector} for vector in vectors]})


def _ollama_vectors(peer: ModelServer, asked: Asked, _: re.Match[str]) -> Told:
    body = asked.json()
    vectors = peer.vectors(Texts("ollama", body["model"], tuple(body["input"])))
    return Told(200, {"model": body["model"], "embeddings": vectors, "prompt_eval_count": tokens_of(*body["input"])})


DIALECTS: Mapping[str, Callable[[ModelServer, Asked, re.Match[str]], Told]] = {
    r"/v1/chat/completions": _openai,
    r"/v1/messages": _anthropic,
    r"/v1beta/models/([^/:]+):generateContent": _gemini,
    r"/api/chat": _ollama,
    r"/v1/embeddings": _openai_vectors,
    r"/v1beta/models/([^/:]+):batchEmbedContents": _gemini_vectors,
    r"/api/embed": _ollama_vectors,
}

BATCHES = {**openai_files(_openai), **anthropic_batches(_anthropic), **gemini_batches(_gemini)}
"""By method and path."""

BASES = {"openai": "/v1", "vllm": "/v1", "anthropic": "", "gemini": "/v1beta", "ollama": ""}
"""What follows the server's address in the base address of a provider's interface."""


def turns_of(messages: list[dict[str, Any]]) -> tuple[str, tuple[str, ...]]:
    texts = [
        (
            each["role"],
            each["content"] if isinstance(each["content"], str) else "".join(p["text"] for p in each["content"]),
        )
        for each in messages
    ]
    system = "".join(text for role, text in texts if role == "system")
    return system, tuple(text for role, text in texts if role != "system")


def tokens_of(*texts: str) -> int:
    return sum(len(text) for text in texts) // 4 + 1


def _object(content: str) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return {"items": content}
