"""A client of the event stream that speaks to the application directly: it reads when it wants to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

LONGEST_SECONDS = 30


class Stream:
    """An open stream: its status and headers, and what was written so far."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.reads = asyncio.Event()
        self.reads.set()
        self.written: list[str] = []
        self._arrived = asyncio.Condition()
        self._over = False
        self._taken = 0
        self._left = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        """Give the application the empty body; then wait until the client leaves."""
        if not self.status:
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        """Take a part of the answer, once the client reads."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode().lower(): value.decode() for name, value in message["headers"]}
            return
        await self.reads.wait()
        async with self._arrived:
            self.written.append(message.get("body", b"").decode())
            self._over = self._over or not message.get("more_body", False)
            self._arrived.notify_all()

    def leave(self) -> None:
        """Close the connection."""
        self._left.set()

    async def event(self) -> dict[str, Any]:
        """Wait for the next event and return its data, with its mark as `mark`."""
        async with asyncio.timeout(LONGEST_SECONDS), self._arrived:
            await self._arrived.wait_for(lambda: len(self._events()) > self._taken or self._over)
            self._taken += 1
            return self._events()[self._taken - 1]

    async def until(self, kind: str) -> dict[str, Any]:
        """Wait for an event of a kind."""
        while (found := await self.event())["kind"] != kind:
            pass
        return found

    async def end(self) -> None:
        """Wait until the application has ended the stream."""
        async with asyncio.timeout(LONGEST_SECONDS), self._arrived:
            await self._arrived.wait_for(lambda: self._over)

    def _events(self) -> list[dict[str, Any]]:
        found = []
        for block in "".join(self.written).split("\n\n")[:-1]:
            lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
            if "data" in lines:
                found.append({**json.loads(lines["data"]), "mark": lines["id"]})
        return found


@asynccontextmanager
async def streaming(app: FastAPI, token: str, query: str = "", **headers: str) -> AsyncIterator[Stream]:
    """Yield an open stream of whoever holds a token; it is left at the end."""
    stream = Stream()
    given = {"host": "localhost", "accept": "text/event-stream", "authorization": f"Bearer {token}"} | headers
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": "/v1/events", "raw_path": b"/v1/events", "query_string": query.encode(), "root_path": "",
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in given.items() if value],
        "client": ("127.0.0.1", 1), "server": ("localhost", 80),
    }  # fmt: skip
    served = asyncio.ensure_future(app(scope, stream.receive, stream.send))
    try:
        yield stream
    finally:
        stream.leave()
        stream.reads.set()
        async with asyncio.timeout(LONGEST_SECONDS):
            await served
