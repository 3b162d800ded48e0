"""OpenAI's batches: a file of requests goes up, a file of answers and one of errors come down.

Source: OpenAI's API reference, Files and Batches; what its client's types say (openai.types.Batch).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from opsintel.llm.batch.order import Order, State
from opsintel.llm.call import ModelError
from opsintel_pipeline.llm.batches.server import Server, body_of, refusal, unfinished

ENDPOINT = "/v1/chat/completions"
NAME = "opsintel"
"""Key of a batch's metadata that holds our id of it."""

KEPT_SECONDS = 3 * 24 * 3600
"""After which the provider deletes a file by itself, should nobody come to it before."""

PAGE = 100
_STATES: dict[str, State] = {"completed": "ended", "expired": "ended", "cancelled": "ended", "failed": "refused"}
_EXPIRY = {"anchor": "created_at", "seconds": KEPT_SECONDS}


def submit(server: Server, order: Order) -> str:
    """Send the file, then the batch; returns the provider's id of that."""
    lines = [
        json.dumps({"custom_id": name, "method": "POST", "url": ENDPOINT, "body": body_of(order, call)})
        for name, call in order.calls.items()
    ]
    sent = server.object(
        "POST",
        "/files",
        files={"file": (_file_name(order), "\n".join(lines).encode(), "application/jsonl")},
        data={"purpose": "batch", **{f"expires_after[{name}]": str(value) for name, value in _EXPIRY.items()}},
    )
    wanted = {
        "input_file_id": sent["id"], "endpoint": ENDPOINT, "completion_window": "24h",
        "metadata": {NAME: str(order.batch_id)}, "output_expires_after": _EXPIRY,
    }  # fmt: skip
    try:
        return str(server.object("POST", "/batches", json=wanted)["id"])
    except ModelError as error:
        if not error.may_be_paid:
            with suppress(ModelError):  # it expires
                server.remove(f"/files/{sent['id']}")
        raise


def find(server: Server, order: Order) -> str:
    """Return the id of a batch that may have been sent before, '' for none; its file is deleted then."""
    for batch in _pages(server, "/batches", {}):
        if (batch.get("metadata") or {}).get(NAME) == str(order.batch_id):
            return str(batch["id"])
        if order.begun_at is not None and batch["created_at"] < order.begun_at.timestamp() - 3600:
            break
    for file in _pages(server, "/files", {"purpose": "batch", "order": "desc"}):
        if file.get("filename") == _file_name(order):
            server.remove(f"/files/{file['id']}")
    return ""


def look(server: Server, order: Order) -> State:
    """Return how a batch does."""
    batch = server.object("GET", f"/batches/{order.remote_id}")
    state = _STATES.get(batch.get("status", ""), "running")
    codes = {error.get("code") for error in (batch.get("errors") or {}).get("data") or ()}
    return "full" if state == "refused" and "token_limit_exceeded" in codes else state


def collect(server: Server, order: Order) -> Iterator[tuple[str, Any]]:
    """Yield the answer to each request in the provider's form, or a `ModelError` where there is none."""
    batch = server.object("GET", f"/batches/{order.remote_id}")
    for file in (batch.get("output_file_id"), batch.get("error_file_id")):
        for line in server.lines(f"/files/{file}/content") if file else ():
            response, error = line.get("response"), line.get("error")
            if isinstance(response, dict) and response.get("status_code") == 200:
                yield str(line.get("custom_id")), response.get("body")
            elif isinstance(response, dict):
                yield str(line.get("custom_id")), refusal(int(response.get("status_code", 500)), response)
            elif isinstance(error, dict):
                yield str(line.get("custom_id")), unfinished(str(batch.get("status")))


def remove(server: Server, order: Order) -> State:
    """Have a batch end, and delete its files; returns whether it had ended."""
    batch = server.object("GET", f"/batches/{order.remote_id}")
    state: State = _STATES.get(batch.get("status", ""), "running")
    if state == "running" and batch.get("status") != "cancelling":
        server.ask("POST", f"/batches/{order.remote_id}/cancel")
    for name in ("input_file_id", "output_file_id", "error_file_id"):
        if batch.get(name):
            server.remove(f"/files/{batch[name]}")
    return state


def _file_name(order: Order) -> str:
    return f"{NAME}-{order.batch_id}.jsonl"


def _pages(server: Server, path: str, query: dict[str, str]) -> Iterator[dict[str, Any]]:
    after: dict[str, str] = {}
    while True:
        page = server.object("GET", path, params={"limit": PAGE, **query, **after})
        yield from page["data"]
        if not page.get("has_more") or not page["data"]:
            return
        after = {"after": page["data"][-1]["id"]}
