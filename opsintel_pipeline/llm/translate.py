"""Requests and answers in each provider's own form, by litellm's translators.

litellm's `completion()` is not used: it would bring its own network clients, retries and logs, and costs ten times the
CPU. Its translators are pure; `tests/llm` holds them against the providers' published schemas.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from typing import Any

from opsintel.errors import InputError
from opsintel.llm.call import Answer, Call, Way
from opsintel.llm.provider import provider_of
from opsintel_pipeline.llm.reply import Reply

# litellm fetches lists from the network when it is loaded, unless told not to.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
os.environ["LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS"] = "True"

TOOL = "report"
"""Name of the tool that carries an answer."""

_PATHS = {"anthropic": "/v1/messages"}
"""What litellm leaves to its own client to add to an address."""

_OF_LITELLM = frozenset({"json_mode", "extra_body", "stream"})
"""Fields that litellm's own client takes out of a request before it goes out."""

_DROPPED = frozenset({"authorization", "content-type", "anthropic-beta"})
"""Headers that litellm makes up, or gives for features that need none any more."""


@dataclass(frozen=True, slots=True)
class Wire:
    """A request as it goes out."""

    url: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]


def request_of(call: Call) -> Wire:
    """Return a call in its provider's form; raises `InputError` where the provider cannot take it."""
    carrier = provider_of(call.provider).carrier
    config = _config(call.model, carrier)
    key = call.api_key.reveal().decode() if call.api_key else ""
    messages = _messages(call)
    try:
        options = _options(call, carrier, messages)
        headers = config.validate_environment(
            headers={},
            model=call.model,
            messages=messages,
            optional_params=options,
            litellm_params={},
            api_key=key or None,
            api_base=call.base_url,
        )
        body = _body(call, config, carrier, options, messages, headers)
    except ValueError as error:
        raise InputError(f"{call.provider} does not take this request: {type(error).__name__}") from None
    return Wire(_url(call, config, carrier), _headers(headers, carrier, key), body)


def answer_of(call: Call, reply: Reply, latency_ms: int) -> Answer:
    """Return what a provider answered; any error for nonsense."""
    from litellm.types.utils import ModelResponse

    carrier = provider_of(call.provider).carrier
    read = _config(call.model, carrier).transform_response(
        model=call.model,
        raw_response=reply,
        model_response=ModelResponse(),
        logging_obj=_Silent(),
        request_data={},
        messages=[dict(message) for message in call.messages],
        optional_params={},
        litellm_params={},
        encoding=None,
        api_key="",
        json_mode=False,
    )
    choice = read.choices[0]
    said = choice.message.content or ""
    called = [tool.function.arguments for tool in choice.message.tool_calls or () if tool.function.name == TOOL]
    apart = getattr(choice.message, "provider_specific_fields", None) or {}
    declines = choice.finish_reason == "content_filter" or (not said and apart.get("refusal"))
    cached = getattr(getattr(read.usage, "prompt_tokens_details", None), "cached_tokens", None) or 0
    return Answer(
        content="" if declines else called[0] if called else said,
        is_cut=choice.finish_reason == "length",
        tokens_in=read.usage.prompt_tokens or 0,
        tokens_out=read.usage.completion_tokens or 0,
        tokens_cached=cached,
        tokens_written=getattr(read.usage, "cache_creation_input_tokens", None) or 0,
        latency_ms=latency_ms,
        is_refused=bool(declines),
    )


class _Silent:
    """Stands where litellm's logger does."""

    model_call_details: dict[str, Any] = {}
    optional_params: dict[str, Any] = {}

    def post_call(self, *_: Any, **__: Any) -> None:
        """Log nothing."""


@cache
def _config(model: str, carrier: str) -> Any:
    import litellm
    from litellm.types.utils import LlmProviders
    from litellm.utils import ProviderConfigManager

    litellm.suppress_debug_info = True
    return ProviderConfigManager.get_provider_chat_config(model, LlmProviders(carrier))


def _messages(call: Call) -> list[dict[str, Any]]:
    """Return the messages; the first, which is the same in all calls of a purpose, marked where marks are asked for."""
    messages: list[dict[str, Any]] = [dict(message) for message in call.messages]
    if provider_of(call.provider).marks_cache and messages[0]["role"] == "system":
        text = {"type": "text", "text": messages[0]["content"], "cache_control": {"type": "ephemeral"}}
        messages[0] = {"role": "system", "content": [text]}
    return messages


def _options(call: Call, carrier: str, messages: list[dict[str, Any]]) -> dict[str, Any]:
    from litellm.utils import get_optional_params

    # Anthropic publishes no temperature any more, and its form of a schema is newer than litellm's: `_as_published`.
    asked: dict[str, Any] = {} if carrier == "anthropic" else {"temperature": 0}
    if call.schema is not None:
        schema = deepcopy(dict(call.schema))  # litellm takes away of it what a provider does not know
        match call.way:
            case Way.SCHEMA if carrier != "anthropic":
                form = {"name": TOOL, "strict": True, "schema": schema}
                asked["response_format"] = {"type": "json_schema", "json_schema": form}
            case Way.TOOL:
                function = {"name": TOOL, "description": "Report what was found", "parameters": schema}
                asked["tools"] = [{"type": "function", "function": function}]
                asked["tool_choice"] = {"type": "function", "function": {"name": TOOL}}
            case Way.JSON:
                asked["response_format"] = {"type": "json_object"}
    options: dict[str, Any] = get_optional_params(
        model=call.model,
        custom_llm_provider=carrier,
        max_tokens=call.max_tokens,
        drop_params=True,
        messages=messages,  # type: ignore[arg-type]
        **asked,
    )
    return options


def _body(
    call: Call,
    config: Any,
    carrier: str,
    options: dict[str, Any],
    messages: list[dict[str, Any]],
    headers: dict[str, str],
) -> dict[str, Any]:
    if carrier == "gemini":
        from litellm.llms.vertex_ai.gemini.transformation import transform_request_body

        body: Mapping[str, Any] = transform_request_body(
            messages=messages,  # type: ignore[arg-type]
            model=call.model,
            optional_params=options,
            custom_llm_provider="gemini",
            litellm_params={},
            cached_content=None,
        )
    else:
        body = config.transform_request(
            model=call.model, messages=messages, optional_params=options, litellm_params={}, headers=headers
        )
    return _as_published(call, carrier, {name: value for name, value in body.items() if name not in _OF_LITELLM})


def _as_published(call: Call, carrier: str, body: dict[str, Any]) -> dict[str, Any]:
    """Return a body as its provider publishes it, where litellm writes it otherwise (tests/peers/published.py)."""
    if carrier == "ollama_chat":
        return {**body, "stream": False}
    if carrier == "anthropic" and call.schema is not None and call.way is Way.SCHEMA:
        return {**body, "output_config": {"format": {"type": "json_schema", "schema": dict(call.schema)}}}
    if carrier == "gemini" and call.schema is not None and call.way is Way.TOOL:
        (tool,) = body["tools"]
        (function,) = tool["function_declarations"]
        declared = {name: value for name, value in function.items() if name != "parameters"}
        declared["parameters_json_schema"] = dict(call.schema)
        body = {**body, "tools": [{"function_declarations": [declared]}]}
    if carrier == "gemini":
        documented: dict[str, Any] = _in_camel_case(body)
        return documented
    return body


def _in_camel_case(body: Any) -> Any:
    """Return a body of Gemini's with its names as they are documented; what a schema holds is the schema's."""
    if isinstance(body, list):
        return [_in_camel_case(each) for each in body]
    if not isinstance(body, dict):
        return body
    return {_camel(name): value if name.endswith("_schema") else _in_camel_case(value) for name, value in body.items()}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))


def _url(call: Call, config: Any, carrier: str) -> str:
    base = call.base_url.rstrip("/")
    if carrier == "gemini":
        return f"{base}/models/{call.model}:generateContent"
    if carrier in _PATHS:
        return base + _PATHS[carrier]
    url: str = config.get_complete_url(
        api_base=base, api_key=None, model=call.model, optional_params={}, litellm_params={}, stream=False
    )
    return url


def _headers(headers: Mapping[str, str], carrier: str, key: str) -> dict[str, str]:
    """Return the headers with the key where there is one, and none that litellm makes up."""
    kept = {name: value for name, value in headers.items() if name.lower() not in _DROPPED}
    if not key:
        return kept
    if carrier == "gemini":
        return {**kept, "x-goog-api-key": key}
    return kept if carrier == "anthropic" else {**kept, "Authorization": f"Bearer {key}"}
