"""What OpenAI, Anthropic and Google publish of their batch interfaces, and what a request breaks of it.

OpenAI and Anthropic publish types in their clients; the limits stand in their words. Google's package of protocol
buffers has no batches yet: their form is that of the reference of the Gemini API, Batch API. Every request within a
batch is held against what is published of a request alone.
"""

from __future__ import annotations

import json
import re
import typing
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import anthropic.types.messages.batch_create_params
import anthropic.types.messages.batch_list_params
import jsonschema
import openai.types.batch_create_params
import openai.types.batch_list_params
import openai.types.file_create_params
import openai.types.file_list_params
from openai.types.file_purpose import FilePurpose

from tests.peers.batches import form_of
from tests.peers.provider import Asked
from tests.peers.published import against, breaches, closed

_MEGABYTE = 1_000_000
_LASTS = (3_600, 2_592_000)
"""Seconds that a file of OpenAI's may be kept: bounds."""


def is_of_batches(asked: Asked) -> bool:
    """Tell whether a request is one of a batch interface."""
    return any(part in asked.path for part in ("/files", "/batches", ":batchGenerateContent"))


def breaches_of_batch(asked: Asked) -> list[str]:
    """Return what a request breaks of a published batch interface; nothing is fine."""
    name = "x-goog-api-key" if "/v1beta/" in asked.path else "x-api-key" if "/messages/" in asked.path else ""
    found = [] if asked.headers.get(name or "authorization") else ["it has no key"]
    for pattern, check in _CHECKS.items():
        if path := re.fullmatch(pattern, f"{asked.method} {asked.path}"):
            found += check(asked, path)
            return [f"{asked.method} {asked.path}: {each}" for each in found]
    return [f"no provider has {asked.method} {asked.path}"]


def _nothing(asked: Asked, _: re.Match[str]) -> Iterator[str]:
    if asked.query:
        yield f"it has a query: {sorted(asked.query)}"
    if asked.body not in (b"", b"{}"):
        yield "it has a body"


def _query_of(published: Any, most: int) -> Callable[[Asked, re.Match[str]], Iterator[str]]:
    def check(asked: Asked, _: re.Match[str]) -> Iterator[str]:
        yield from (f"no parameter is named {name}" for name in asked.query if name not in published)
        if not 1 <= int(asked.query.get("limit", asked.query.get("pageSize", 1))) <= most:
            yield f"its limit is not from 1 to {most}"

    return check


def _openai_file(asked: Asked, _: re.Match[str]) -> Iterator[str]:
    parts = form_of(asked)
    lasts = {name: parts.pop(f"expires_after[{name}]")[1].decode() for name in ("anchor", "seconds")}
    published = typing.get_type_hints(openai.types.file_create_params.FileCreateParams)
    yield from (f"no field is named {name}" for name in parts if name not in published)
    if parts["purpose"][1].decode() not in typing.get_args(FilePurpose):
        yield "its purpose is none"
    if lasts["anchor"] != "created_at" or not _LASTS[0] <= int(lasts["seconds"]) <= _LASTS[1]:
        yield "it does not say well how long it is kept"
    lines = [json.loads(line) for line in parts["file"][1].splitlines()]
    if not 1 <= len(lines) <= 50_000 or len(parts["file"][1]) > 200 * _MEGABYTE:
        yield "it is larger than a batch may be"
    yield from _distinct(line["custom_id"] for line in lines)
    for line in lines:
        if set(line) != {"custom_id", "method", "url", "body"} or line["method"] != "POST":
            yield f"a line has {sorted(line)}"
        yield from _alone(asked, line["url"], line["body"])


def _openai_batch(asked: Asked, _: re.Match[str]) -> Iterator[str]:
    yield from against(_openai_schema(), asked.json())
    for name, value in asked.json().get("metadata", {}).items():
        if len(name) > 64 or len(value) > 512:
            yield f"its metadata {name} is too long"
    if not _LASTS[0] <= asked.json()["output_expires_after"]["seconds"] <= _LASTS[1]:
        yield "it does not say well how long its output is kept"


def _anthropic_batch(asked: Asked, _: re.Match[str]) -> Iterator[str]:
    if not asked.headers.get("anthropic-version"):
        yield "it has no anthropic-version"
    published = typing.get_type_hints(anthropic.types.messages.batch_create_params.Request)
    body = asked.json()
    if set(body) != {"requests"}:
        yield f"it has {sorted(body)}"
    if not 1 <= len(body["requests"]) <= 100_000 or len(asked.body) > 256 * _MEGABYTE:
        yield "it is larger than a batch may be"
    yield from _distinct(each["custom_id"] for each in body["requests"])
    for each in body["requests"]:
        if set(each) != set(published) or not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", each["custom_id"]):
            yield f"a request has {sorted(each)}"
        yield from _alone(asked, "/v1/messages", each["params"])


def _gemini_batch(asked: Asked, path: re.Match[str]) -> Iterator[str]:
    body = asked.json()
    yield from against(_GEMINI, body)
    if len(asked.body) > 20 * _MEGABYTE:
        yield "it is larger than a batch of inlined requests may be"
    requests = body["batch"]["inputConfig"]["requests"]["requests"]
    yield from _distinct(each["metadata"]["key"] for each in requests)
    for each in requests:
        yield from _alone(asked, f"/v1beta/models/{path.group(1)}:generateContent", each["request"])


def _alone(asked: Asked, path: str, body: Any) -> list[str]:
    headers = {**asked.headers, "content-type": "application/json"}
    return breaches(Asked("POST", path, {}, headers, json.dumps(body).encode()))


def _distinct(names: Iterator[str]) -> Iterator[str]:
    yield from (f"{name} is given twice" for name, times in Counter(names).items() if times > 1)


@cache
def _openai_schema() -> jsonschema.protocols.Validator:
    return closed(openai.types.batch_create_params.BatchCreateParams)


def _object(required: tuple[str, ...] = (), **fields: Any) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "required": list(required or fields), "additionalProperties": False}


_REQUESTS = {
    "type": "array",
    "minItems": 1,
    "items": _object(request={"type": "object"}, metadata=_object(key={"type": "string"})),
}
_INPUT = _object(requests=_object(requests=_REQUESTS))
_GEMINI = jsonschema.Draft202012Validator(
    _object(
        batch=_object(
            ("displayName", "inputConfig"),
            displayName={"type": "string", "minLength": 1},
            inputConfig=_INPUT,
            priority={"type": "string"},
        )
    )
)

_CHECKS: Mapping[str, Callable[[Asked, re.Match[str]], Iterator[str]]] = {
    "POST /v1/files": _openai_file,
    "GET /v1/files": _query_of(typing.get_type_hints(openai.types.file_list_params.FileListParams), 10_000),
    r"DELETE /v1/files/[^/]+": _nothing,
    r"GET /v1/files/[^/]+/content": _nothing,
    "POST /v1/batches": _openai_batch,
    "GET /v1/batches": _query_of(typing.get_type_hints(openai.types.batch_list_params.BatchListParams), 100),
    r"GET /v1/batches/[^/]+": _nothing,
    r"POST /v1/batches/[^/]+/cancel": _nothing,
    "POST /v1/messages/batches": _anthropic_batch,
    "GET /v1/messages/batches": _query_of(
        typing.get_type_hints(anthropic.types.messages.batch_list_params.BatchListParams), 1_000
    ),
    r"(GET|DELETE) /v1/messages/batches/[^/]+": _nothing,
    r"GET /v1/messages/batches/[^/]+/results": _nothing,
    r"POST /v1/messages/batches/[^/]+/cancel": _nothing,
    r"POST /v1beta/models/([^/:]+):batchGenerateContent": _gemini_batch,
    "GET /v1beta/batches": _query_of(("pageSize", "pageToken"), 1_000),
    r"(GET|DELETE) /v1beta/batches/[^/:]+": _nothing,
    r"POST /v1beta/batches/[^/:]+:cancel": _nothing,
}
