"""What changes for the people who watch: their tenant's state, compared with what each of them has seen.

Nothing is queued for anybody: a watcher holds the state that he has seen, and gets the difference to the present one
when he is ready for it. So a slow one costs no memory, a lost notification costs a moment, and who comes back with the
mark of a state learns whether he missed anything, also from another process.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from opsintel.db.engine import AsyncDatabase
from opsintel.db.listener import Listener
from opsintel_api.auth.principal import Principal
from opsintel_api.problems import RequestProblem
from opsintel_api.reading import statement

Kind = Literal["ready", "figures", "sources", "alerts", "issue", "job", "reload"]

POLL_SECONDS = 5.0
"""What nobody notified is seen after this long."""

LISTEN_SECONDS = 0.5
SHORTEST_PAUSE = 0.25
"""Between two looks: a run that changes much notifies often."""

STREAMS_OF_TENANT = 100
STREAMS_OF_SESSION = 6
"""Open tabs of one browser; it opens no more connections to one place either."""

Audience = tuple[UUID, tuple[UUID, ...] | None]
"""A tenant, and the sources that its watchers are limited to: all who see the same share one look at the database."""


@dataclass(frozen=True, slots=True)
class Event:
    """That something changed: of which kind, and which one where that is known."""

    kind: Kind
    id: str | None = None


@dataclass(frozen=True)
class State:
    """The marks of what an audience sees; `mark` names the whole."""

    marks: Mapping[str, Any]
    mark: str

    def since(self, earlier: State) -> list[Event]:
        """Return what is different from an earlier state."""
        found = [Event(kind) for kind in _WHOLES if self.marks.get(kind) != earlier.marks.get(kind)]
        seen_issues, seen_jobs = earlier._each("issues"), earlier._each("jobs")
        issues = {issue for event, issue in self._each("issues").items() if event not in seen_issues}
        jobs = {job for job, progress in self._each("jobs").items() if seen_jobs.get(job) != progress}
        return [*found, *(Event("issue", id) for id in sorted(issues)), *(Event("job", id) for id in sorted(jobs))]

    def _each(self, kind: str) -> dict[str, str]:
        return self.marks.get(kind) or {}


_WHOLES: tuple[Literal["figures", "sources", "alerts"], ...] = ("figures", "sources", "alerts")


@dataclass
class _Seen:
    """The last look at the database for an audience."""

    at: int = -1
    state: State | None = None
    looking: asyncio.Lock = field(default_factory=asyncio.Lock)


class Changes:
    """Watches the database for all streams of the process; it does nothing while there are none."""

    def __init__(self, database: AsyncDatabase, listener: Listener, key: bytes) -> None:
        """`key` makes marks that tell nothing of what they stand for."""
        self._database = database
        self._listener = listener
        self._key = key
        self._now = 0
        self._moved = asyncio.Condition()
        self._seen: dict[Audience, _Seen] = {}
        self._watchers: Counter[UUID] = Counter()
        self._listening: asyncio.Task[None] | None = None
        self.closed = asyncio.Event()
        """Set when streams shall end, as the process does."""

    @contextmanager
    def watched_by(self, principal: Principal) -> Iterator[Audience]:
        """Count a stream while it is open; 429 for too many of a tenant or of a session."""
        audience = (principal.tenant_id, principal.sources)
        holders = {principal.tenant_id: STREAMS_OF_TENANT, principal.session or principal.id: STREAMS_OF_SESSION}
        if any(self._watchers[holder] >= most for holder, most in holders.items()):
            raise RequestProblem(429, "Too many streams are open", headers={"Retry-After": "30"})
        self._watchers.update(holders.keys())
        if self._listening is None:
            self._listening = asyncio.create_task(self._listen())
        try:
            yield audience
        finally:
            self._watchers.subtract(holders.keys())
            self._watchers += Counter()
            if not self._watchers:
                self._seen.clear()

    async def state(self, audience: Audience) -> State:
        """Return the present state of an audience; those who ask at once share one look."""
        seen = self._seen.setdefault(audience, _Seen()) if self._watchers else _Seen()
        async with seen.looking:
            if seen.state is None or seen.at != self._now:
                at = self._now
                seen.state, seen.at = await self._look(audience), at
            return seen.state

    async def moved(self, since: int) -> int:
        """Wait until something may have changed since a moment, and return the present moment."""
        async with self._moved:
            await self._moved.wait_for(lambda: self._now != since)
            return self._now

    @property
    def now(self) -> int:
        """Return the present moment, for `moved`."""
        return self._now

    def end_streams(self) -> None:
        """Ask all streams to end."""
        self.closed.set()

    async def close(self) -> None:
        """End all streams and stop listening; returns within `LISTEN_SECONDS`."""
        self.end_streams()
        if self._listening is not None:
            await self._listening

    async def _listen(self) -> None:
        """Move on at each notification, and after a while in any case, as long as somebody watches."""
        waited = 0.0
        while self._watchers and not self.closed.is_set():
            heard = await asyncio.to_thread(self._listener.wait, LISTEN_SECONDS)
            if not heard and not self._listener.listens:
                await asyncio.sleep(LISTEN_SECONDS)  # it returned at once, and will do so again
            waited += LISTEN_SECONDS
            if heard or waited >= POLL_SECONDS:
                waited = 0.0
                async with self._moved:
                    self._now += 1
                    self._moved.notify_all()
                await asyncio.sleep(SHORTEST_PAUSE)
        self._listening = None
        await asyncio.to_thread(self._listener.close)

    async def _look(self, audience: Audience) -> State:
        tenant_id, sources = audience
        async with self._database.tenant_tx(tenant_id, sources) as connection:
            body = await connection.fetchval(statement("events" if sources is None else "events_limited"))
        named = hmac.digest(self._key, f"{tenant_id} {sources} {body}".encode(), hashlib.sha256)
        return State(json.loads(body), named.hex()[:32])
