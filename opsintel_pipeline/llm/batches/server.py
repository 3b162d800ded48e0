"""A provider's server, as the steps with a batch use it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from opsintel.llm.batch.order import Order
from opsintel.llm.call import Call, Fault, ModelError
from opsintel.net.policy import MEGABYTE, Policy
from opsintel_pipeline.llm.exchange import carried
from opsintel_pipeline.llm.faults import fault_of
from opsintel_pipeline.llm.reply import Reply
from opsintel_pipeline.llm.translate import request_of

MAX_RESULTS = 128 * MEGABYTE
"""Of the results of a batch, at most; an analysis has some kilobytes."""


class Server:
    """Makes requests of one order: each with its key, under the policy of the guarded client."""

    def __init__(self, order: Order, local_servers: frozenset[tuple[str, int]]) -> None:
        self._base = order.base_url.rstrip("/")
        self._policy = Policy(local_servers=local_servers, total_seconds=order.seconds, max_body_bytes=MAX_RESULTS)
        self._headers = dict(request_of(_any_call(order)).headers)

    def ask(self, method: str, path: str, **options: Any) -> Reply:
        """Return the answer of a path below the provider's address; `ModelError` for every way to get none."""
        return carried(self._policy, method, self._base + path, self._headers, **options)

    def object(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """Return the JSON object that an answer is; `ModelError` for anything else."""
        try:
            found = self.ask(method, path, **options).json()
        except ValueError:
            found = None
        if not isinstance(found, dict):
            message = "The server's answer is not what a batch interface sends"
            raise ModelError(Fault.UNREACHABLE, message, may_be_paid=True)
        return found

    def lines(self, path: str) -> Iterator[dict[str, Any]]:
        """Yield the objects of an answer that has one a line; what is none is left out."""
        for line in self.ask("GET", path).content.splitlines():
            try:
                found = json.loads(line)
            except ValueError:
                continue
            if isinstance(found, dict):
                yield found

    def remove(self, path: str) -> None:
        """Delete what is at a path; nothing where it is gone."""
        try:
            self.ask("DELETE", path)
        except ModelError as error:
            if error.fault is not Fault.MODEL:  # that is how a server says 404
                raise


def body_of(order: Order, call: Call) -> Mapping[str, Any]:
    """Return a question in its provider's form, as a call of its own has it."""
    return request_of(replace(call, api_key=order.api_key)).body


def refusal(status: int, body: Mapping[str, Any]) -> ModelError:
    """Return the error of one request of a batch, as an ordinary call would have had it."""
    return fault_of(Reply(status, {}, json.dumps(body).encode()))


def unfinished(why: str) -> ModelError:
    """Return the error of a request that its provider did not come to; nothing is charged for it."""
    return ModelError(Fault.UNREACHABLE, f"The provider did not come to it: the batch is {why}")


def _any_call(order: Order) -> Call:
    """Return a call that has the headers of all requests to this server."""
    return Call(
        UUID(int=0), "", order.provider, order.base_url, order.model, ({"role": "user", "content": "-"},), 1,
        order.seconds, api_key=order.api_key,
    )  # fmt: skip
