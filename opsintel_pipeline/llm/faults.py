"""Why a provider refused, from status and body: the same fault is told in five ways.

Sources: the pages on errors of OpenAI, Anthropic, the Gemini API, Ollama and vLLM.
"""

from __future__ import annotations

import re

from opsintel.llm.call import Fault, ModelError
from opsintel.net.retrying import retry_after
from opsintel_pipeline.llm.reply import Reply

LONGEST_WAIT = 3600.0
_QUOTA = re.compile(
    r"insufficient_quota|exceeded your current quota|credit balance|billing|payment required|spending limit"
    r"|PerDay",
    re.IGNORECASE,
)
_LENGTH = re.compile(
    r"context_length_exceeded|context length|maximum context|too many tokens|prompt is too long|input token count"
    r"|exceeds the maximum number of tokens|request_too_large",
    re.IGNORECASE,
)
_MODEL = re.compile(r"model_not_found|model .{0,120}(?:not found|does not exist|not supported)|unknown model", re.I)
_KEY = re.compile(
    r"api[_ ]key[_ ]invalid|invalid[_ ](?:x-)?api[_ ]key|api key (?:not valid|expired)|unauthori[sz]ed", re.IGNORECASE
)
_CONTENT = re.compile(r"content_policy|content_filter|safety|responsible ai|blocked", re.IGNORECASE)
_RETRY_DELAY = re.compile(r'"retryDelay"\s{0,3}:\s{0,3}"(\d{1,6}(?:\.\d{1,9})?)s"')

_SAYS = {
    Fault.CREDENTIAL: ("The provider refuses the key", "Give a new one: opsintel key rotate"),
    Fault.QUOTA: ("The account at the provider has no quota left", "Raise its limit or pay its bill at the provider"),
    Fault.LIMITED: ("The provider's rate limit is reached", "It is tried again"),
    Fault.MODEL: ("The provider has no such model for this key", "Name another model"),
    Fault.UNREACHABLE: ("The provider does not answer as it should", "It is tried again"),
    Fault.WAY: ("The model does not take this form of request", ""),
    Fault.LENGTH: ("The text is too long for the model", ""),
    Fault.REFUSED: ("The provider refuses this content", ""),
}


def fault_of(reply: Reply) -> ModelError:
    """Return the error of an answer that is none. It repeats nothing of the server's words: they may hold the text."""
    fault = _fault(reply.status_code, reply.text[:20_000])
    message, remedy = _SAYS[fault]
    seconds = _seconds(reply) if fault in (Fault.LIMITED, Fault.UNREACHABLE, Fault.QUOTA) else None
    return ModelError(fault, f"{message} (HTTP {reply.status_code})", remedy=remedy, seconds=seconds)


def _fault(status: int, body: str) -> Fault:
    if status in (402, 429) or (status in (400, 403) and _QUOTA.search(body)):
        return Fault.QUOTA if status == 402 or _QUOTA.search(body) else Fault.LIMITED
    if status in (401, 403) or (status == 400 and _KEY.search(body)):
        return Fault.CREDENTIAL
    if status == 404 or (status in (400, 422) and _MODEL.search(body)):
        return Fault.MODEL
    if status == 413 or (status in (400, 422) and _LENGTH.search(body)):
        return Fault.LENGTH
    if status in (400, 422):
        return Fault.REFUSED if _CONTENT.search(body) else Fault.WAY
    return Fault.UNREACHABLE


def _seconds(reply: Reply) -> float | None:
    """Return how long the provider asks to wait: Retry-After (RFC 9110 10.2.3), or Gemini's RetryInfo."""
    seconds = retry_after(reply.headers)
    if seconds is None and (delay := _RETRY_DELAY.search(reply.text)):
        seconds = float(delay.group(1))
    return None if seconds is None else min(seconds, LONGEST_WAIT)
