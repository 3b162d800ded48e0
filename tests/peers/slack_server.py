"""The HTTP server of the Slack workspace for tests, which spoils answers when it is told to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.peers.slack import DESCRIPTION, SlackPeer, Spoiled


class _Handler(BaseHTTPRequestHandler):
    peer: SlackPeer

    def do_GET(self) -> None:
        self._serve(parse_qs(urlsplit(self.path).query), "GET")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._serve(parse_qs(body.decode()), "POST")

    def _serve(self, given: dict[str, list[str]], verb: str) -> None:
        method = urlsplit(self.path).path.removeprefix("/api/")
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        values = {name: value[0] for name, value in given.items()}
        if DESCRIPTION.get(method, {}).get("verb") != verb:
            self.peer.violations.append(f"{verb} {method}")
        spoiled = next(self.peer.spoil, None) if self.peer.spoil else None
        if spoiled is None and self.peer.is_over_limit(method):
            spoiled = Spoiled(429)
        if spoiled is None:
            self._send(200, self.peer.answer(method, values, token))
            return
        self.peer.asked.append((method, values))
        if spoiled.how == "silent":
            self.peer.hangs.wait()
            self.close_connection = True
        elif isinstance(spoiled.how, int):
            self._send(spoiled.how, {"ok": False, "error": "ratelimited" if spoiled.how == 429 else "internal_error"},
                       spoiled.retry_after)  # fmt: skip
        elif spoiled.how == "cut":
            self._send(200, self.peer.answer(method, values, token), cut=True)
        elif spoiled.how == "html":
            self._send(200, "<html>")
        else:
            self._send(200, {"ok": False, "error": spoiled.how})

    def _send(self, status: int, content: Any, retry_after: int = 0, *, cut: bool = False) -> None:
        body = json.dumps(content).encode() if not isinstance(content, str) else content.encode()
        self.send_response_only(status)
        self.send_header("Date", formatdate(self.peer.clock, usegmt=True))
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("X-OAuth-Scopes", ",".join(self.peer.scopes))
        if status == 429:
            self.send_header("Retry-After", str(retry_after))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)
        self.close_connection = self.close_connection or cut

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""


@contextmanager
def running_slack() -> Iterator[SlackPeer]:
    """Yield a workspace that runs."""
    peer = SlackPeer()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"peer": peer}))
    server.daemon_threads = True
    peer.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield peer
    finally:
        peer.hangs.set()
        server.shutdown()
        thread.join()
        server.server_close()
