"""Server-sent events (HTML standard, section 9.2): written as they come, watched over while they last."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, suppress

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from opsintel_api.changes import Audience, Changes, Event

log = logging.getLogger(__name__)

MEDIA_TYPE = "text/event-stream"
HEARTBEAT_SECONDS = 15.0
"""A comment after so long, so that proxies see that the connection lives."""

RECHECK_SECONDS = 4.0
"""How often the holder's session is asked for: one that ended ends its stream within five seconds."""

RETRY_MILLISECONDS = 3000
FAREWELL_SECONDS = 1.0
_BEAT = ": so far\n\n"
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class EventStream(Response):
    """What changes for an audience, until the client leaves, its right ends, or the process does."""

    media_type = MEDIA_TYPE

    def __init__(
        self,
        changes: Changes,
        audience: Audience,
        *,
        last: str | None,
        may_stay: Callable[[], Awaitable[bool]],
        held: ExitStack,
    ) -> None:
        """`last` is the mark that the client saw last; `may_stay` asks for its right; `held` is let go at the end."""
        super().__init__(headers=_HEADERS)
        del self.headers["content-length"]
        self._changes = changes
        self._audience = audience
        self._last = last
        self._may_stay = may_stay
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Write events; a client that does not read is left when its right ends, whatever waits to be written."""
        with self._held:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            parts = (self._write(send), self._watch(), _gone(Request(scope, receive)), self._changes.closed.wait())
            tasks = [asyncio.ensure_future(part) for part in parts]
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            for fault in (task.exception() for task in done):
                if fault is not None:
                    log.warning("a stream of events ended: %s", type(fault).__name__)
            with suppress(TimeoutError):  # a client that does not read gets no farewell either
                async with asyncio.timeout(FAREWELL_SECONDS):
                    await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _write(self, send: Send) -> None:
        async for text in self._texts():
            await send({"type": "http.response.body", "body": text.encode(), "more_body": True})

    async def _texts(self) -> AsyncIterator[str]:
        now = self._changes.now
        state = await self._changes.state(self._audience)
        yield f"retry: {RETRY_MILLISECONDS}\nid: {state.mark}\n{_data(opening(self._last, state.mark))}"
        while True:
            try:
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    now = await self._changes.moved(now)
            except TimeoutError:
                yield _BEAT
                continue
            present = await self._changes.state(self._audience)
            for event in present.since(state):
                yield f"id: {present.mark}\n{_data(event)}"
            state = present

    async def _watch(self) -> None:
        while await self._may_stay():
            await asyncio.sleep(RECHECK_SECONDS)


def opening(last: str | None, mark: str) -> Event:
    """Return what is told first: nothing was missed, or everything is to be read again."""
    return Event("ready" if last in (None, mark) else "reload")


def wants_stream(request: Request) -> bool:
    """Tell whether a client asks for a stream by name; all others get one answer."""
    accepted = request.headers.get("accept", "").lower().split(",")
    is_head = bool(getattr(request.state, "without_body", False))
    return not is_head and any(entry.partition(";")[0].strip() == MEDIA_TYPE for entry in accepted)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _data(event: Event) -> str:
    content = json.dumps({"kind": event.kind, "id": event.id})
    return f"event: {event.kind}\ndata: {content}\n\n"
