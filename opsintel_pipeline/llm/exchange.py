"""One exchange with a provider: litellm translates, the guarded client carries."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from opsintel.errors import AddressError, AnswerError, UnavailableError
from opsintel.llm.call import Answer, Call, Fault, ModelError, Way
from opsintel.net.client import open_client
from opsintel.net.policy import MEGABYTE, Policy
from opsintel_pipeline.llm import translate, vectors
from opsintel_pipeline.llm.faults import fault_of
from opsintel_pipeline.llm.reply import Reply

MAX_ANSWER = 4 * MEGABYTE
MAX_VECTORS = 16 * MEGABYTE
"""64 vectors of 4,096 values, written out."""


def exchange(call: Call, local_servers: frozenset[tuple[str, int]]) -> Answer:
    """Return the provider's answer; `ModelError` for every way to get none."""
    wants_vectors = call.way is Way.VECTORS
    request = vectors.request_of(call) if wants_vectors else translate.request_of(call)
    most = MAX_VECTORS if wants_vectors else MAX_ANSWER
    policy = Policy(local_servers=local_servers, total_seconds=call.seconds, max_body_bytes=most)
    began = time.monotonic()
    reply = carried(policy, "POST", request.url, dict(request.headers), json=request.body)
    return read_answer(call, reply, round((time.monotonic() - began) * 1000))


def carried(policy: Policy, method: str, url: str, headers: Mapping[str, str], **options: Any) -> Reply:
    """Return the reply to a request under a policy of the guarded client; `ModelError` for every way to get none."""
    try:
        with open_client(policy) as client:
            answered = client.request(method, url, headers=dict(headers), **options)
            reply = Reply(answered.status_code, dict(answered.headers), answered.read())
    except AddressError as error:
        raise ModelError(Fault.UNREACHABLE, error.message, remedy=error.remedy) from None
    except (AnswerError, UnavailableError) as error:
        raise ModelError(Fault.UNREACHABLE, error.message, remedy=error.remedy, may_be_paid=True) from None
    if not reply.is_success:
        raise fault_of(reply)
    return reply


def read_answer(call: Call, reply: Reply, latency_ms: int) -> Answer:
    """Return what a server answered; raises `ModelError` where that is not what its provider sends."""
    try:
        if call.way is Way.VECTORS:
            return vectors.answer_of(call, reply, latency_ms)
        return translate.answer_of(call, reply, latency_ms)
    except Exception as error:  # noqa: BLE001  what a server sends may break the translator in any way
        message = f"The server's answer is not what {call.provider} sends ({type(error).__name__})"
        raise ModelError(Fault.UNREACHABLE, message, may_be_paid=True) from None
