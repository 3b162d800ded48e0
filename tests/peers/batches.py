"""The batch interfaces of OpenAI, Anthropic and Gemini, as a part of the server of models.

A batch runs until a test says that it has ended. What then comes back is made of the same answers as ordinary calls
get, in another order, and spoiled as a test asks for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.parser import BytesParser
from email.policy import HTTP
from typing import TYPE_CHECKING, Any, Literal

from tests.peers.provider import Asked, Refusal, Told

if TYPE_CHECKING:
    from tests.peers.model_server import ModelServer

Spoil = Literal["errored", "expired", "malformed", "missing"]
Answer = Callable[["ModelServer", Asked, re.Match[str]], Told]


@dataclass
class Batch:
    """A batch at its provider: (id, request) in their order."""

    id: str
    requests: list[tuple[str, Any]]
    named: dict[str, Any]
    """What its creator says of it."""

    created_at: datetime
    is_cancelled: bool = False
    results: list[tuple[str, int, Any]] = field(default_factory=list)
    """Of each request that it came to: id, status, body."""

    is_answered: bool = False


class Batches:
    """All batches of a server. `has_ended`: whether those there are have; `most`: how many may be there."""

    def __init__(self) -> None:
        self.all: dict[str, Batch] = {}
        self.files: dict[str, tuple[str, bytes]] = {}
        self.has_ended = False
        self.is_full = False
        self.spoil: dict[int, Spoil] = {}
        """By number of the request in its batch."""

        self.made = 0

    def create(self, requests: list[tuple[str, Any]], named: dict[str, Any], prefix: str) -> Batch:
        self.made += 1
        batch = Batch(f"{prefix}{self.made}", requests, named, datetime.now(UTC))
        self.all[batch.id] = batch
        return batch

    def file(self, name: str, content: bytes) -> str:
        self.made += 1
        self.files[f"file-{self.made}"] = name, content
        return f"file-{self.made}"

    def of(self, name: str) -> Batch:
        if name not in self.all:
            raise Refusal(404, "not_found_error", "No such batch")
        return self.all[name]

    def spoiled(self, place: int) -> Spoil | None:
        return self.spoil.get(place)


def _ended(peer: ModelServer, batch: Batch, answer: Callable[[Any], Told]) -> bool:
    """Tell whether a batch has ended, and have its requests answered as it does."""
    if not (peer.batches.has_ended or batch.is_cancelled):
        return False
    if not batch.is_answered:
        batch.is_answered = True
        for place, (name, request) in enumerate(batch.requests):
            if batch.is_cancelled or peer.batches.spoiled(place) in ("errored", "expired", "missing"):
                continue
            try:
                told = answer(request)
            except Refusal as refusal:
                told = peer.refused(refusal)
            batch.results.append((name, told.status, told.content))
        batch.results.reverse()  # no provider promises an order
    return True


def _lines(peer: ModelServer, batch: Batch, lines: list[dict[str, Any]], names: list[str]) -> bytes:
    """Return result lines, those cut in the middle that a test has malformed."""
    places = {name: place for place, (name, _) in enumerate(batch.requests)}
    told = [json.dumps(line) for line in lines]
    return "\n".join(
        line[: len(line) // 2] if peer.batches.spoiled(places[name]) == "malformed" else line
        for line, name in zip(told, names, strict=True)
    ).encode()


def _left_out(peer: ModelServer, batch: Batch) -> list[tuple[str, str]]:
    """Return (id, why) of the requests that it did not come to."""
    whys = ((name, "cancelled" if batch.is_cancelled else peer.batches.spoiled(place))
            for place, (name, _) in enumerate(batch.requests))  # fmt: skip
    return [(name, why) for name, why in whys if why in ("cancelled", "errored", "expired")]


def openai_files(answers: Answer) -> Mapping[str, Answer]:
    """Return OpenAI's interface by method and path."""

    def upload(peer: ModelServer, asked: Asked, _: re.Match[str]) -> Told:
        _openai_key(peer, asked)
        parts = form_of(asked)
        assert parts["purpose"][1] == b"batch"
        file_id = peer.batches.file(*parts["file"])
        return Told(200, {"id": file_id, "object": "file", "purpose": "batch", "filename": parts["file"][0]})

    def listed(peer: ModelServer, asked: Asked, _: re.Match[str]) -> Told:
        _openai_key(peer, asked)
        files = [{"id": file_id, "filename": name} for file_id, (name, _) in peer.batches.files.items()]
        return Told(200, {"object": "list", "data": files, "has_more": False})

    def deleted(peer: ModelServer, asked: Asked, path: re.Match[str]) -> Told:
        _openai_key(peer, asked)
        if peer.batches.files.pop(path.group(1), None) is None:
            raise Refusal(404, "not_found", "No such File object")
        return Told(200, {"id": path.group(1), "object": "file", "deleted": True})

    def content(peer: ModelServer, asked: Asked, path: re.Match[str]) -> Told:
        _openai_key(peer, asked)
        return Told(200, peer.batches.files[path.group(1)][1])

    def create(peer: ModelServer, asked: Asked, _: re.Match[str]) -> Told:
        _openai_key(peer, asked)
        body = asked.json()
        lines = [json.loads(line) for line in peer.batches.files[body["input_file_id"]][1].splitlines()]
        batch = peer.batches.create([(line["custom_id"], line["body"]) for line in lines], body, "batch_")
        return Told(200, shown(peer, asked, batch))

    def shown(peer: ModelServer, asked: Asked, batch: Batch) -> dict[str, Any]:
        def answer(request: Any) -> Told:
            alone = Asked("POST", "/v1/chat/completions", {}, asked.headers, json.dumps(request).encode())
            return answers(peer, alone, re.match("", "") or _never())

        found: dict[str, Any] = {
            "id": batch.id, "object": "batch", "endpoint": batch.named["endpoint"], "completion_window": "24h",
            "input_file_id": batch.named["input_file_id"], "metadata": batch.named["metadata"],
            "created_at": int(batch.created_at.timestamp()), "status": "in_progress", "output_file_id": None,
            "error_file_id": None, "errors": None,
        }  # fmt: skip
        if peer.batches.is_full:
            full = {"data": [{"code": "token_limit_exceeded", "message": "Enqueued token limit reached"}]}
            return found | {"status": "failed", "errors": full}
        if not _ended(peer, batch, answer):
            return found
        left = _left_out(peer, batch)
        expired = any(why == "expired" for _, why in left)
        if "output" not in batch.named:
            good = [(name, {"status_code": status, "request_id": "r", "body": body})
                    for name, status, body in batch.results if status == 200]  # fmt: skip
            bad = [(name, {"status_code": status, "request_id": "r", "body": body}, None)
                   for name, status, body in batch.results if status != 200]  # fmt: skip
            for name, why in left:
                refusal = {"error": {"message": "broken", "type": "server_error", "code": None}}
                error = {"code": f"batch_{why}", "message": f"This request is {why}"}
                response = {"status_code": 500, "request_id": "r", "body": refusal} if why == "errored" else None
                bad.append((name, response, None if response else error))
            lines = [{"id": "x", "custom_id": name, "response": said, "error": None} for name, said in good]
            errors = [{"id": "x", "custom_id": name, "response": said, "error": error} for name, said, error in bad]
            batch.named["output"] = peer.batches.file("output", _lines(peer, batch, lines, [name for name, _ in good]))
            batch.named["errors"] = peer.batches.file("errors", _lines(peer, batch, errors, [one[0] for one in bad]))
        status = "cancelled" if batch.is_cancelled else "expired" if expired else "completed"
        return found | {
            "status": status, "output_file_id": batch.named["output"], "error_file_id": batch.named["errors"],
        }  # fmt: skip

    def looked(peer: ModelServer, asked: Asked, path: re.Match[str]) -> Told:
        _openai_key(peer, asked)
        return Told(200, shown(peer, asked, peer.batches.of(path.group(1))))

    def all_of(peer: ModelServer, asked: Asked, _: re.Match[str]) -> Told:
        _openai_key(peer, asked)
        data = [shown(peer, asked, batch) for batch in reversed(peer.batches.all.values())]
        return Told(200, {"object": "list", "data": data, "has_more": False})

    def cancel(peer: ModelServer, asked: Asked, path: re.Match[str]) -> Told:
        _openai_key(peer, asked)
        batch = peer.batches.of(path.group(1))
        batch.is_cancelled = True
        return Told(200, shown(peer, asked, batch))

    return {
        "POST /v1/files": upload, "GET /v1/files": listed, r"DELETE /v1/files/([^/]+)": deleted,
        r"GET /v1/files/([^/]+)/content": content, "POST /v1/batches": create, "GET /v1/batches": all_of,
        r"GET /v1/batches/([^/]+)": looked, r"POST /v1/batches/([^/]+)/cancel": cancel,
    }  # fmt: skip


def anthropic_batches(answers: Answer) -> Mapping[str, Answer]:
    """Return Anthropic's interface by method and path."""

    def create(peer: ModelServer, asked: Asked, _: re.Match[str]) -> Told:
        peer.require_key(asked.headers.get("x-api-key", ""))
        requests = [(each["custom_id"], each["params"]) for each in asked.json()["requests"]]
        return Told(200, shown(peer, asked, peer.batches.create(requests, {}, "msgbatch_")))

    def shown(peer: ModelServer, asked: Asked, batch: Batch) -> dict[str, Any]:
        def answer(request: Any) -> Told:
            alone = Asked("POST", "/v1/messages", {}, asked.headers, json.dumps(request).encode())
            return answers(peer, alone, re.match("", "") or _never())

        ended = _ended(peer, batch, answer)
        names = ("processing", "succeeded", "errored", "canceled", "expired")
        counts = dict.fromkeys(names, 0) | {"succeeded" if ended else "processing": len(batch.requests)}
        return {
            "id": batch.id, "type": "message_batch", "processing_status": "ended" if ended else "in_progress",
            "request_counts": counts, "created_at": batch.created_at.isoformat(), "results_url": None,
        }  # fmt: skip

    def looked(peer: ModelServer, asked: Asked, path: re.Match[str]) -> Told:
        peer.require_key(asked.headers.get("x-api-key", ""))
        return Told(200, shown(peer, asked, peer.batches.of(path.group(1))))

    def all_of(peer: ModelServer, asked: Asked, _: re.Match[str]) -> Told:
        peer.require_key(asked.headers.get("x-api-key", ""))
        data = [shown(peer, asked, batch) for batch in reversed(peer.batches.all.values())]
        return Told(200, {"data": data, "has_more": False, "first_id": None, "last_id": None})

    def results(peer: ModelServer, asked: Asked, path: re.Match[str]) -> Told:
        peer.require_key(asked.headers.get("x-api-key", ""))
        batch = peer.batches.of(path.group(1))
        shown(peer, asked, batch)
        found: list[tuple[str, dict[str, Any]]] = [
            (name, {"type": "succeeded", "message": body} if status == 200 else _errored(status, body))
            for name, status, body in batch.results
        ]
        for name, why in _left_out(peer, batch):
            kind = {"cancelled": "canceled"}.get(why, why)
            found.append((name, _errored(500, {}) if why == "errored" else {"type": kind}))
        lines = [{"custom_id": name, "result": result} for name, result in found]
        return Told(200, _lines(peer, batch, lines, [name for name, _ in found]))

    def cancel(peer: ModelServer, asked: Asked, path: re.Match[str]) -> Told:
        peer.require_key(asked.headers.get("x-api-key", ""))
        batch = peer.batches.of(path.group(1))
        batch.is_cancelled = True
        return Told(200, shown(peer, asked, batch))

    def deleted(peer: ModelServer, asked: Asked, path: re.Match[str]) -> Told:
        peer.require_key(asked.headers.get("x-api-key", ""))
        del peer.batches.all[peer.batches.of(path.group(1)).id]
        return Told(200, {"id": path.group(1), "type": "message_batch_deleted"})

    base = r"/v1/messages/batches"
    return {
        f"POST {base}": create, f"GET {base}": all_of, rf"GET {base}/([^/]+)": looked,
        rf"GET {base}/([^/]+)/results": results, rf"POST {base}/([^/]+)/cancel": cancel,
        rf"DELETE {base}/([^/]+)": deleted,
    }  # fmt: skip


def gemini_batches(answers: Answer) -> Mapping[str, Answer]:
    """Return Gemini's interface by method and path."""

    def create(peer: ModelServer, asked: Asked, path: re.Match[str]) -> Told:
        _gemini_key(peer, asked)
        batch = asked.json()["batch"]
        requests = [(each["metadata"]["key"], each["request"]) for each in batch["inputConfig"]["requests"]["requests"]]
        named = {"displayName": batch["displayName"], "model": path.group(1)}
        return Told(200, shown(peer, asked, peer.batches.create(requests, named, "batches/")))

    def shown(peer: ModelServer, asked: Asked, batch: Batch) -> dict[str, Any]:
        def answer(request: Any) -> Told:
            path = f"/v1beta/models/{batch.named['model']}:generateContent"
            alone = Asked("POST", path, {}, asked.headers, json.dumps(request).encode())
            return answers(peer, alone, re.match(r"/v1beta/models/([^/:]+)", path) or _never())

        told = {"name": batch.id, "metadata": {"displayName": batch.named["displayName"], "name": batch.id}}
        if not _ended(peer, batch, answer):
            told["metadata"]["state"] = "BATCH_STATE_RUNNING"
            return told
        found: list[dict[str, Any]] = [
            {"response": body, "metadata": {"key": name}}
            if status == 200
            else {"error": {"code": 3, "message": "bad"}, "metadata": {"key": name}}
            for name, status, body in batch.results
        ]
        found += [
            {"error": {"code": 13, "message": why}, "metadata": {"key": name}} for name, why in _left_out(peer, batch)
        ]
        places = {name: place for place, (name, _) in enumerate(batch.requests)}
        for each in found:
            if peer.batches.spoiled(places[each["metadata"]["key"]]) == "malformed":
                del each["metadata"]
        state = "CANCELLED" if batch.is_cancelled else "SUCCEEDED"
        told["metadata"]["state"] = f"BATCH_STATE_{state}"
        return told | {"done": True, "response": {"inlinedResponses": {"inlinedResponses": found}}}

    def looked(peer: ModelServer, asked: Asked, path: re.Match[str]) -> Told:
        _gemini_key(peer, asked)
        return Told(200, shown(peer, asked, peer.batches.of(path.group(1))))

    def all_of(peer: ModelServer, asked: Asked, _: re.Match[str]) -> Told:
        _gemini_key(peer, asked)
        return Told(200, {"operations": [shown(peer, asked, batch) for batch in reversed(peer.batches.all.values())]})

    def cancel(peer: ModelServer, asked: Asked, path: re.Match[str]) -> Told:
        _gemini_key(peer, asked)
        peer.batches.of(path.group(1)).is_cancelled = True
        return Told(200, {})

    def deleted(peer: ModelServer, asked: Asked, path: re.Match[str]) -> Told:
        _gemini_key(peer, asked)
        del peer.batches.all[peer.batches.of(path.group(1)).id]
        return Told(200, {})

    return {
        r"POST /v1beta/models/([^/:]+):batchGenerateContent": create, "GET /v1beta/batches": all_of,
        r"GET /v1beta/(batches/[^/:]+)": looked, r"POST /v1beta/(batches/[^/:]+):cancel": cancel,
        r"DELETE /v1beta/(batches/[^/:]+)": deleted,
    }  # fmt: skip


def form_of(asked: Asked) -> dict[str, tuple[str, bytes]]:
    """Return the parts of a form with files by their names: name of the file, content."""
    head = f"Content-Type: {asked.headers['content-type']}\r\n\r\n".encode()
    parts = BytesParser(policy=HTTP).parsebytes(head + asked.body).iter_parts()
    return {
        str(part.get_param("name", header="content-disposition")): (
            part.get_filename() or "", part.get_payload(decode=True) or b"",
        )
        for part in parts
    }  # fmt: skip


def _errored(status: int, body: Any) -> dict[str, Any]:
    kind = {400: "invalid_request_error", 401: "authentication_error"}.get(status, "api_error")
    return {"type": "errored", "error": {"type": "error", "error": {"type": kind, "message": str(body)[:100]}}}


def _openai_key(peer: ModelServer, asked: Asked) -> None:
    peer.require_key(asked.headers.get("authorization", "").removeprefix("Bearer "))


def _gemini_key(peer: ModelServer, asked: Asked) -> None:
    if peer.keys and asked.headers.get("x-goog-api-key", "") not in peer.keys:
        raise Refusal(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.")


def _never() -> re.Match[str]:
    raise AssertionError("an empty pattern matches")
