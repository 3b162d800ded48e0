"""One step with a batch, whoever the provider is."""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any
from uuid import UUID

from opsintel.llm.batch.order import Order, Result, Step, Told
from opsintel.llm.call import Call, Fault, ModelError
from opsintel_pipeline.llm.batches import anthropic, gemini, openai
from opsintel_pipeline.llm.batches.server import Server
from opsintel_pipeline.llm.exchange import read_answer
from opsintel_pipeline.llm.reply import Reply

INTERFACES: dict[str, ModuleType] = {"openai": openai, "anthropic": anthropic, "gemini": gemini}


def perform(order: Order, local_servers: frozenset[tuple[str, int]]) -> Told:
    """Do a step; `ModelError` for every way to get no answer."""
    interface = INTERFACES[order.provider]
    try:
        server = Server(order, local_servers)
        match order.step:
            case Step.SUBMIT:
                return Told(remote_id=interface.submit(server, order))
            case Step.FIND:
                return Told(remote_id=interface.find(server, order))
            case Step.LOOK:
                return Told(state=interface.look(server, order))
            case Step.REMOVE:
                return Told(state=interface.remove(server, order))
            case Step.COLLECT:
                return Told(results={name: _read(order, given) for name, given in interface.collect(server, order)})
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        message = f"The server's answer is not what {order.provider} sends ({type(error).__name__})"
        raise ModelError(Fault.UNREACHABLE, message, may_be_paid=True) from None


def _read(order: Order, given: Any) -> Result:
    """Return an answer as an ordinary call would have it."""
    if isinstance(given, ModelError):
        return given
    call = Call(UUID(int=0), "", order.provider, order.base_url, order.model, (), 1, order.seconds)
    try:
        return read_answer(call, Reply(200, {}, json.dumps(given).encode()), 0)
    except ModelError as error:
        return error
