"""A provider's HTTP server for tests: it counts requests, and can be told to limit, fail, break off or be silent."""

from __future__ import annotations

import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass(frozen=True)
class Asked:
    """A request; names of headers are in lower case."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes = b""

    def json(self) -> Any:
        return json.loads(self.body)

    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body.decode(), keep_blank_values=True).items()}


@dataclass
class Replied:
    """An answer. `content` that is no bytes is sent as JSON."""

    status: int = 200
    content: Any = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        return self.content if isinstance(self.content, bytes) else json.dumps(self.content).encode()


class Refusal(Exception):
    """A request that is refused, in the provider's words."""

    def __init__(self, status: int, reason: str, message: str = "", **headers: str) -> None:
        super().__init__(message or reason)
        self.status, self.reason, self.message, self.headers = status, reason, message or reason, headers


class HttpPeer(ABC):
    """A provider behind a server. `fault` names what befalls requests once `good` more were answered well."""

    url = ""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.fault, self.good, self.times = "", 0, 0
        self.is_silent = False
        self.released = threading.Event()
        self.lock = threading.Lock()
        self.at_once = self.most_at_once = 0

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 0

    @abstractmethod
    def answer(self, asked: Asked) -> Replied:
        """Answer a request; `Refusal` is answered by `refused`."""

    @abstractmethod
    def refused(self, refusal: Refusal) -> Replied:
        """Return a refusal in the provider's shape."""

    def spoilt(self, fault: str) -> Replied | None:
        """Return the answer of a fault in the provider's shape; None: the connection ends."""
        if fault == "cut":
            return None
        status = {"limited": 429, "busy": 503, "broken": 500}[fault]
        return Replied(status, b"told to fail")

    def fail(self, fault: str, after: int = 0, times: int | None = 1) -> None:
        self.fault, self.good, self.times = fault, after, 1_000_000 if times is None else times

    def handle(self, asked: Asked) -> Replied | None:
        """Answer, or not; one request at a time."""
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            return self._handled(asked)
        finally:
            self.at_once -= 1

    def _handled(self, asked: Asked) -> Replied | None:
        with self.lock:
            self.asked.append(asked)
            if self.times > 0 and self.good == 0:
                self.times -= 1
                return self.spoilt(self.fault)
            self.good = max(self.good - 1, 0)
            try:
                return self.answer(asked)
            except Refusal as refusal:
                return self.refused(refusal)


class _Handler(BaseHTTPRequestHandler):
    peer: HttpPeer

    def respond(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = parse_qs(parts.query, keep_blank_values=True)
        if self.peer.is_silent:
            self.peer.released.wait()
            self.close_connection = True
            return
        replied = self.peer.handle(Asked(self.command, unquote(parts.path), query, headers, body))
        if replied is None:
            self.close_connection = True
            return
        content = replied.body
        self.send_response(replied.status)
        for name, value in {"Content-Type": "application/json; charset=UTF-8", **replied.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        try:
            self.wfile.write(content)
        except OSError:
            self.close_connection = True  # the client has had enough

    do_GET = do_POST = do_PATCH = do_DELETE = respond

    def log_message(self, *_: object) -> None:
        """Say nothing."""


Peer = TypeVar("Peer", bound=HttpPeer)


@contextmanager
def running(peer: Peer) -> Iterator[Peer]:
    """Run the server of a peer, which then knows its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"peer": peer}))
    peer.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield peer
    finally:
        peer.released.set()
        server.shutdown()
        thread.join()
        server.server_close()
