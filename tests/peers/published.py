"""What the five providers publish of their requests, taken from their own packages, and what a request breaks of it.

OpenAI and Anthropic publish types in their clients, Ollama a model of its request, Google the protocol buffers of the
Gemini API. vLLM takes OpenAI's. Fields that a provider does not name are wrong, wherever they stand.
"""

from __future__ import annotations

import re
import typing
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import anthropic.types
import anthropic.types.message_create_params
import jsonschema
import openai.types.chat.completion_create_params
import openai.types.embedding_create_params
import pydantic
from google.ai.generativelanguage_v1beta.types import BatchEmbedContentsRequest, GenerateContentRequest
from google.protobuf import json_format
from ollama._types import ChatRequest, EmbedRequest

from tests.peers.provider import Asked

_GEMINI_PATH = re.compile(r"/v1beta/models/([a-z0-9.-]+):generateContent")


def breaches(asked: Asked) -> list[str]:
    """Return what a request breaks of its provider's published interface; nothing is fine."""
    if asked.method != "POST":
        return [f"{asked.method} {asked.path} is no request for an answer"]
    if asked.query:
        return [f"{asked.path} has a query: keys stand in headers"]
    for path, of_provider in _PROVIDERS.items():
        if re.fullmatch(path, asked.path):
            return [f"{asked.path}: {breach}" for breach in of_provider(asked)]
    return [f"no provider has {asked.path}"]


def _openai(asked: Asked) -> Iterator[str]:
    yield from _headers(asked, "authorization", "content-type")
    body = asked.json()
    yield from against(_openai_schema(), body)
    if (form := body.get("response_format", {})).get("type") == "json_schema" and form["json_schema"].get("strict"):
        yield from not_strict(form["json_schema"]["schema"])


def _anthropic(asked: Asked) -> Iterator[str]:
    yield from _headers(asked, "x-api-key", "anthropic-version", "content-type")
    yield from against(_anthropic_schema(), asked.json())
    published = _literals(anthropic.types.AnthropicBetaParam)
    for beta in filter(None, asked.headers.get("anthropic-beta", "").split(",")):
        if beta not in published:
            yield f"no beta is named {beta}"
    form = asked.json().get("output_config", {}).get("format")
    # The client turns what the interface does not take of a schema into words.
    if form and anthropic.transform_schema(form["schema"]) != _without_types_of_enums(form["schema"]):
        yield "its schema says what Anthropic's structured output does not take"


def _without_types_of_enums(schema: Any) -> Any:
    if isinstance(schema, dict):
        kept = {name: value for name, value in schema.items() if name != "type" or "enum" not in schema}
        return {name: _without_types_of_enums(value) for name, value in kept.items()}
    return [_without_types_of_enums(each) for each in schema] if isinstance(schema, list) else schema


def _gemini(asked: Asked) -> Iterator[str]:
    yield from _of_google(asked, GenerateContentRequest)


def _of_google(asked: Asked, published: Any) -> Iterator[str]:
    yield from _headers(asked, "x-goog-api-key", "content-type")
    try:
        json_format.ParseDict(asked.json(), published.pb()())
    except json_format.ParseError as error:
        yield str(error)[:500]


def _ollama(asked: Asked) -> Iterator[str]:
    yield from _headers(asked, "content-type")
    yield from against(_ollama_schema(), asked.json())


def _openai_vectors(asked: Asked) -> Iterator[str]:
    yield from _headers(asked, "authorization", "content-type")
    yield from against(closed(openai.types.embedding_create_params.EmbeddingCreateParams), asked.json())
    if not all(asked.json()["input"]):
        yield "a text without words has no vector"


def _gemini_vectors(asked: Asked) -> Iterator[str]:
    yield from _of_google(asked, BatchEmbedContentsRequest)
    if len(asked.json()["requests"]) > 100:
        yield "more than 100 texts"


def _ollama_vectors(asked: Asked) -> Iterator[str]:
    yield from _headers(asked, "content-type")
    yield from against(closed(EmbedRequest), asked.json())


_PROVIDERS: Mapping[str, Callable[[Asked], Iterator[str]]] = {
    r"/v1/chat/completions": _openai,
    r"/v1/messages": _anthropic,
    _GEMINI_PATH.pattern: _gemini,
    r"/api/chat": _ollama,
    r"/v1/embeddings": _openai_vectors,
    r"/v1beta/models/([a-z0-9.-]+):batchEmbedContents": _gemini_vectors,
    r"/api/embed": _ollama_vectors,
}


def _headers(asked: Asked, *names: str) -> Iterator[str]:
    for name in names:
        if not asked.headers.get(name):
            yield f"it has no {name}"
    if (kind := asked.headers.get("content-type", "")) != "application/json":
        yield f"it is {kind}, not application/json"


def against(schema: jsonschema.protocols.Validator, body: Any) -> Iterator[str]:
    for error in schema.iter_errors(body):
        yield f"{error.json_path}: {jsonschema.exceptions.best_match([error]).message[:300]}"


def not_strict(schema: Any, place: str = "$") -> Iterator[str]:
    """Yield what OpenAI's strict structured output does not take of a schema.

    Source: OpenAI's guide to structured outputs, supported schemas: every field required, no others allowed.
    """
    if isinstance(schema, list):
        for number, each in enumerate(schema):
            yield from not_strict(each, f"{place}[{number}]")
    if not isinstance(schema, dict):
        return
    if schema.get("type") == "object" or "properties" in schema:
        if schema.get("additionalProperties") is not False:
            yield f"{place} allows other fields"
        if set(schema.get("required", ())) != set(schema.get("properties", {})):
            yield f"{place} does not require every field"
    for name, each in schema.items():
        if name in _NOT_STRICT:
            yield f"{place} has {name}"
        yield from not_strict(each, f"{place}.{name}")


_NOT_STRICT = frozenset({"allOf", "not", "dependentRequired", "dependentSchemas", "if", "then", "else", "oneOf"})


@cache
def _openai_schema() -> jsonschema.protocols.Validator:
    return closed(openai.types.chat.completion_create_params.CompletionCreateParamsNonStreaming)


@cache
def _anthropic_schema() -> jsonschema.protocols.Validator:
    return closed(anthropic.types.message_create_params.MessageCreateParamsNonStreaming)


@cache
def _ollama_schema() -> jsonschema.protocols.Validator:
    return closed(ChatRequest, frozenset({"Parameters", "Property"}))


def closed(published: Any, open_to_more: frozenset[str] = frozenset()) -> jsonschema.protocols.Validator:
    """Return a validator of a provider's type that takes no field which the type does not name.

    `open_to_more`: types within it that stand for a JSON Schema, of which servers read what they know.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fields that are only read: nothing is written here
        schema = pydantic.TypeAdapter(published).json_schema(mode="validation")
    for name, each in (*schema.get("$defs", {}).items(), ("", {**schema, "$defs": {}})):
        if name not in open_to_more:
            _close(each)
    if "properties" in schema:
        schema.setdefault("additionalProperties", False)
    return jsonschema.Draft202012Validator(schema)


def _close(schema: Any) -> None:
    if isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict):
            schema.setdefault("additionalProperties", False)
        for each in schema.values():
            _close(each)
    elif isinstance(schema, list):
        for each in schema:
            _close(each)


def _literals(published: Any) -> set[str]:
    if typing.get_origin(published) is typing.Literal:
        return set(typing.get_args(published))
    return {each for part in typing.get_args(published) for each in _literals(part)}
