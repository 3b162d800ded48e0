"""Gemini's batches: requests go up in one body, and come down with the batch, once that has ended.

Source: the reference of the Gemini API, Batch API (`models.batchGenerateContent`, `batches`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from opsintel.llm.batch.order import Order, State
from opsintel_pipeline.llm.batches.server import Server, body_of, refusal

PAGE = 100
_STATES: dict[str, State] = {
    "BATCH_STATE_SUCCEEDED": "ended", "BATCH_STATE_CANCELLED": "ended", "BATCH_STATE_EXPIRED": "ended",
    "BATCH_STATE_FAILED": "refused",
}  # fmt: skip
_STATUS = {3: 400, 5: 404, 7: 403, 8: 429, 9: 400, 16: 401}
"""Of an ordinary call that ends with this code (google.rpc.Code)."""


def submit(server: Server, order: Order) -> str:
    """Send the requests; returns the provider's name of the batch."""
    requests = [{"request": body_of(order, call), "metadata": {"key": name}} for name, call in order.calls.items()]
    batch = {"displayName": _name(order), "inputConfig": {"requests": {"requests": requests}}}
    return str(server.object("POST", f"/models/{order.model}:batchGenerateContent", json={"batch": batch})["name"])


def find(server: Server, order: Order) -> str:
    """Return the name of a batch that may have been sent before; '' for none."""
    token: dict[str, str] = {}
    while True:
        page = server.object("GET", "/batches", params={"pageSize": PAGE, **token})
        for operation in page.get("operations", ()):
            if operation.get("metadata", {}).get("displayName") == _name(order):
                return str(operation["name"])
        if not page.get("nextPageToken"):
            return ""
        token = {"pageToken": page["nextPageToken"]}


def look(server: Server, order: Order) -> State:
    """Return how a batch does."""
    return _state(server.object("GET", f"/{order.remote_id}"))


def collect(server: Server, order: Order) -> Iterator[tuple[str, Any]]:
    """Yield the answer to each request in the provider's form, or a `ModelError` where there is none."""
    operation = server.object("GET", f"/{order.remote_id}")
    output = operation.get("response") or operation.get("metadata", {}).get("output") or {}
    for each in output.get("inlinedResponses", {}).get("inlinedResponses", ()):
        name = str((each.get("metadata") or {}).get("key"))
        if "error" in each:
            yield name, refusal(_STATUS.get(each["error"].get("code"), 500), {"error": each["error"]})
        else:
            yield name, each.get("response")


def remove(server: Server, order: Order) -> State:
    """Have a batch end, and delete it with what it holds; returns whether it had ended."""
    state = look(server, order)
    if state == "running":
        server.ask("POST", f"/{order.remote_id}:cancel")
    server.remove(f"/{order.remote_id}")
    return "ended"


def _state(operation: dict[str, Any]) -> State:
    state = _STATES.get(operation.get("metadata", {}).get("state", ""), "running")
    return "ended" if state == "running" and operation.get("done") else state


def _name(order: Order) -> str:
    return f"opsintel-{order.batch_id}"
