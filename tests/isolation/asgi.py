"""Requests straight into the application: no sockets and no client library, so that fifty thousand cost little."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, before it is sent."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: Any = None
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def values(self) -> list[str]:
        """Return all that an answer may repeat because the request said it."""
        return [self.path, *(value for _, value in self.query), *_texts(self.body)]


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer as bytes: status, headers, body."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    @property
    def everything(self) -> bytes:
        """Return the headers and the body."""
        return b"\n".join(b": ".join(header) for header in self.headers) + b"\n\n" + self.body

    def json(self) -> Any:
        """Return the body, read as JSON."""
        return json.loads(self.body)


async def send(app: FastAPI, asked: Asked, token: str = "") -> Answered:
    """Return the application's answer to a request of whoever holds the token."""
    content = b"" if asked.body is None else json.dumps(asked.body).encode()
    headers = [(b"host", b"localhost"), *((name.lower().encode(), value.encode()) for name, value in asked.headers)]
    if token:
        headers.append((b"authorization", b"Bearer " + token.encode()))
    if asked.body is not None:
        headers += [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": asked.method, "scheme": "http",
        "path": asked.path, "raw_path": asked.path.encode(), "query_string": urlencode(asked.query).encode(),
        "headers": headers, "client": ("127.0.0.1", 1), "server": ("localhost", 80), "root_path": "",
    }  # fmt: skip
    started: dict[str, Any] = {}
    parts: list[bytes] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": content, "more_body": False}

    async def collect(message: Any) -> None:
        if message["type"] == "http.response.start":
            started.update(message)
        elif message["type"] == "http.response.body":
            parts.append(message.get("body", b""))

    await app(scope, receive, collect)
    return Answered(started["status"], tuple(map(tuple, started["headers"])), b"".join(parts))


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for part in value.values() for text in _texts(part)]
    if isinstance(value, list):
        return [text for part in value for text in _texts(part)]
    return [value] if isinstance(value, str) else []
