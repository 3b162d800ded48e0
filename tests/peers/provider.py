"""What the HTTP servers of providers have in common: a thread on this machine, and faults that a test asks for."""

from __future__ import annotations

import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from tests.connectors.remote import Fault


@dataclass(frozen=True)
class Asked:
    """A request as it came in; names of headers are in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    repeated: Mapping[str, list[str]] = field(default_factory=dict)
    """The query with all values of names that are given more than once."""

    def json(self) -> Any:
        return json.loads(self.body) if self.body else None

    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


@dataclass
class Told:
    """An answer: JSON unless it is bytes. `cut`: how many bytes of it go out before the connection ends; None: all."""

    status: int
    content: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None


class Refusal(Exception):
    """A request that is refused, in the provider's words."""

    def __init__(self, status: int, reason: str, message: str = "", **headers: str) -> None:
        super().__init__(message or reason)
        self.status, self.reason, self.message, self.headers = status, reason, message or reason, headers


class ProviderPeer(ABC):
    """The state behind a server of a provider. `asked` are all requests, `wrong` those that it does not describe."""

    def __init__(self) -> None:
        self.address = ""
        self.asked: list[Asked] = []
        self.wrong: list[str] = []
        self.lock = threading.RLock()
        self._good = 0
        self._spoiled: int | None = 0
        self._fault = Fault.BROKEN
        self._is_silent = False
        self._ended = threading.Event()

    @abstractmethod
    def answer(self, asked: Asked) -> Told:
        """Return the answer to a request."""

    @abstractmethod
    def moment(self) -> datetime:
        """Return the time by the provider's clock."""

    def refused(self, refusal: Refusal) -> Told:
        """Return a refusal in the provider's shape."""
        return Told(refusal.status, {"message": refusal.message}, dict(refusal.headers))

    def limited(self) -> dict[str, str]:
        """Return the headers of an answer 429."""
        return {"Retry-After": "1"}

    def fail(self, fault: Fault, after: int = 0, times: int | None = 1) -> None:
        """Spoil `times` requests (None: all) once `after` more were answered well."""
        self._fault, self._good, self._spoiled = fault, after, times

    def silence(self) -> None:
        """Answer nobody from now on."""
        self._is_silent = True

    def told(self, asked: Asked) -> Told | None:
        """Return what goes out; None: the connection ends without an answer."""
        if self._is_silent:
            self._ended.wait()
            return None
        with self.lock:
            self.asked.append(asked)
            if self._good > 0:
                self._good -= 1
            elif self._spoiled is None or self._spoiled > 0:
                self._spoiled = None if self._spoiled is None else self._spoiled - 1
                return self.spoilt(self._fault)
            try:
                return self.answer(asked)
            except Refusal as refusal:
                return self.refused(refusal)

    def spoilt(self, fault: Fault) -> Told | None:
        """Return the answer of a fault; None: the connection ends without one."""
        match fault:
            case Fault.LIMITED:
                return Told(429, {"errorMessages": ["Rate limit exceeded"]}, self.limited())
            case Fault.BUSY:
                return Told(503, {})
            case Fault.BROKEN:
                return Told(500, b"<html>Oops</html>")
            case Fault.CUT:
                return None

    def end(self) -> None:
        """Let go of requests that wait."""
        self._ended.set()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    peer: ProviderPeer

    def _serve(self) -> None:
        address = urlsplit(self.path)
        asked = Asked(
            self.command,
            address.path,
            dict(parse_qsl(address.query, keep_blank_values=True)),
            {name.lower(): value for name, value in self.headers.items()},
            self.rfile.read(int(self.headers.get("Content-Length", 0))),
            parse_qs(address.query, keep_blank_values=True),
        )
        told = self.peer.told(asked)
        if told is None:
            self.close_connection = True
            return
        body = told.content if isinstance(told.content, bytes) else json.dumps(told.content).encode()
        self.send_response_only(told.status)
        self.send_header("Date", format_datetime(self.peer.moment().astimezone(UTC), usegmt=True))
        self.send_header("Content-Length", str(len(body)))
        for name, value in {"Content-Type": "application/json", **told.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[: told.cut])
        self.close_connection = self.close_connection or told.cut is not None

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that hang up."""


@contextmanager
def running(peer: ProviderPeer) -> Iterator[None]:
    """Serve a peer until the end of the block; a request that it does not describe fails the test."""
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"peer": peer}))
    peer.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield
    finally:
        peer.end()
        server.shutdown()
        thread.join()
        server.server_close()
    assert peer.wrong == []
