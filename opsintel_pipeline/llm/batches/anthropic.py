"""Anthropic's message batches: requests go up in one body, results come down as lines once the batch has ended.

A batch has no name of ours: one whose id never arrived is looked for by its time and its number of requests, and known
by the ids of its results. Source: Anthropic's API reference, Message Batches; what its client's types say.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from opsintel.llm.batch.order import Order, State
from opsintel_pipeline.llm.batches.server import Server, body_of, refusal, unfinished

PATH = "/v1/messages/batches"
PAGE = 100
SKEW = timedelta(minutes=5)
"""By which the provider's clock may be behind ours."""

_STATUS = {
    "invalid_request_error": 400, "authentication_error": 401, "billing_error": 402, "permission_error": 403,
    "not_found_error": 404, "request_too_large": 413, "rate_limit_error": 429, "overloaded_error": 529,
}  # fmt: skip
"""Of an ordinary call that ends with this type of error."""


def submit(server: Server, order: Order) -> str:
    """Send the requests; returns the provider's id of the batch."""
    requests = [{"custom_id": name, "params": body_of(order, call)} for name, call in order.calls.items()]
    return str(server.object("POST", PATH, json={"requests": requests})["id"])


def find(server: Server, order: Order) -> str:
    """Return the id of a batch that may be this one, sent before; '' for none."""
    found = ""
    after: dict[str, str] = {}
    while True:
        page = server.object("GET", PATH, params={"limit": PAGE, **after})
        for batch in page["data"]:
            if order.begun_at is not None and datetime.fromisoformat(batch["created_at"]) < order.begun_at - SKEW:
                return found
            if sum(batch["request_counts"].values()) == order.count and batch["id"] not in order.others:
                found = str(batch["id"])
        if not page.get("has_more") or not page["data"]:
            return found
        after = {"after_id": page["data"][-1]["id"]}


def look(server: Server, order: Order) -> State:
    """Return how a batch does."""
    batch = server.object("GET", f"{PATH}/{order.remote_id}")
    return "ended" if batch.get("processing_status") == "ended" else "running"


def collect(server: Server, order: Order) -> Iterator[tuple[str, Any]]:
    """Yield the answer to each request in the provider's form, or a `ModelError` where there is none."""
    for line in server.lines(f"{PATH}/{order.remote_id}/results"):
        name, result = str(line.get("custom_id")), line.get("result")
        if not isinstance(result, dict):
            continue
        if result.get("type") == "succeeded":
            yield name, result.get("message")
        elif result.get("type") == "errored":
            error = (result.get("error") or {}).get("error") or {}
            yield name, refusal(_STATUS.get(str(error.get("type")), 500), {"error": error})
        else:
            yield name, unfinished(str(result.get("type")))


def remove(server: Server, order: Order) -> State:
    """Have a batch end, or delete it with its results where it has; returns whether it had."""
    state = look(server, order)
    if state == "ended":
        server.remove(f"{PATH}/{order.remote_id}")
    else:
        server.ask("POST", f"{PATH}/{order.remote_id}/cancel")
    return state
