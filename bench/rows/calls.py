"""Calls of models: overhead of our path a call, against bare httpx that asks the same server on this machine.

Ours is all that stands between a question and its answer: the process that makes calls, litellm's translators, the
guarded client, the answer on the disk. The ledger in PostgreSQL is left out on both sides.
"""

from __future__ import annotations

import json
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from bench.measure import Spread, cpu_seconds, in_turns, usage
from bench.report import Bound, Line, Report
from bench.workplace import Workplace
from opsintel.crypto.secrets import Secret
from opsintel.ids import new_id
from opsintel.llm.call import Call
from opsintel.llm.caller import Caller
from opsintel.taxonomy.shipped import unchosen
from opsintel_pipeline.analyze import prompt

CALLS = 100
ROUNDS = 5
MOST, AIM = 5.0, 2.0
OURS, PEER = "ours", "httpx alone"
_MESSAGES = 10
_TEXT = "The export of the monthly report fails since the update, please help. " * 4


def run(workplace: Workplace) -> Report:
    """Measure the CPU of a call of ten messages by both, on the client's side and the server's, and the difference."""
    del workplace
    with _server() as address, tempfile.TemporaryDirectory() as kept, httpx.Client() as client:
        host, _, port = address.removeprefix("http://").partition(":")
        with Caller(Path(kept), {(host, int(port))}) as caller:
            caller.call(_call(address))  # litellm is loaded
            values = in_turns(
                {
                    OURS: lambda: _milliseconds(lambda: caller.call(_call(address)), caller.pid),
                    PEER: lambda: _milliseconds(lambda: _bare(client, address), None),
                },
                ROUNDS,
            )
    overhead = [ours - bare for ours, bare in zip(values[OURS], values[PEER], strict=True)]
    return Report(
        [
            Line("overhead a call", "ms CPU", Spread.of(overhead), bound=Bound(MOST, AIM, at_most=True)),
            Line("a call", "ms CPU", Spread.of(values[OURS]), PEER, Spread.of(values[PEER])),
        ],
        notes=["both with the server's share, which is the same; the answer of ours is on the disk before it is used"],
    )


def _milliseconds(call: Callable[[], Any], process: int | None) -> float:
    before = cpu_seconds(process) if process else 0.0
    with usage() as used:
        for _ in range(CALLS):
            call()
    after = cpu_seconds(process) if process else 0.0
    return 1000 * (used.cpu + after - before) / CALLS


def _call(address: str) -> Call:
    """Return a call that nobody made before."""
    messages = (
        {"role": "system", "content": prompt.system_text(unchosen())},
        {"role": "user", "content": json.dumps({"messages": [_TEXT] * _MESSAGES, "id": str(new_id())})},
    )
    return Call(
        new_id(), os.urandom(32).hex(), "openai", f"{address}/v1", "gpt-4o-mini", messages, 9_000, 60.0,
        prompt.schema(unchosen()), api_key=Secret(b"sk-bench"),
    )  # fmt: skip


def _bare(client: httpx.Client, address: str) -> Any:
    call = _call(address)
    schema = {"name": "report", "strict": True, "schema": call.schema}
    body = {
        "model": call.model, "messages": call.messages, "max_tokens": call.max_tokens, "temperature": 0,
        "response_format": {"type": "json_schema", "json_schema": schema},
    }  # fmt: skip
    answered = client.post(f"{address}/v1/chat/completions", json=body, headers={"Authorization": "Bearer sk-bench"})
    return answered.json()["choices"][0]["message"]["content"]


@contextmanager
def _server() -> Iterator[str]:
    """Run a server that answers every question alike; yields its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response_only(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(_ANSWER)))
        self.end_headers()
        self.wfile.write(_ANSWER)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""


_ANSWER = json.dumps({
    "id": "1", "object": "chat.completion", "created": 1, "model": "gpt-4o-mini",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": _TEXT * 20}}],
    "usage": {"prompt_tokens": 3_000, "completion_tokens": 1_500, "total_tokens": 4_500},
}).encode()  # fmt: skip
