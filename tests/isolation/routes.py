"""What the API answers: to each tenant about its own, to each about each other, and about what is not there."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field

from fastapi import FastAPI

from opsintel.access.roles import ROLES
from tests.isolation import attacks
from tests.isolation.asgi import Answered, Asked, send
from tests.isolation.attacks import Operation, Place
from tests.isolation.canaries import Scanner
from tests.isolation.world import TenantOfWorld, World

AT_ONCE = 4
_REQUEST_ID = re.compile(rb'"request_id":"[^"]*"')
Pairs = Sequence[tuple[TenantOfWorld, TenantOfWorld]]


@dataclass
class Trial:
    """An application under attack: what it answers is scanned; what tells of others is kept in `told`."""

    world: World
    app: FastAPI
    scanner: Scanner
    told: list[str] = field(default_factory=list)
    _absent: dict[tuple[int, str, Place], tuple[int, bytes]] = field(default_factory=dict)

    async def ask(self, asked: Asked, tenant: TenantOfWorld, role: str = "owner") -> Answered:
        """Send a request as a person of a tenant, and scan the answer."""
        answer = await send(self.app, asked, tenant.people[role].token)  # type: ignore[index]
        place = f"{asked.method} {asked.path} as {role} of {tenant.number}"
        self.scanner.scan(place, answer.everything, [tenant.number], sent=asked.values)
        if not _KEPT_APART.search(dict(answer.headers).get(b"cache-control", b"")):
            self.told.append(f"{place}: a cache that many share may keep it")
        return answer

    async def ask_for_own(self, tenant: TenantOfWorld, operation: Operation) -> None:
        """Ask a reading route as each role, in each of its variants, page by page."""
        for role in ROLES:
            in_full = role in ("owner", "viewer")  # who sees most, and who sees masks
            for query in attacks.variants(operation) if in_full else ({},):
                asked = operation.asked(attacks.own(tenant), query)
                answer = await self.ask(asked, tenant, role)
                if role in operation.roles() and answer.status >= 500:
                    self.told.append(f"{operation.route} {query} as {role}: {answer.status}")
            if in_full:
                async for _ in self.pages(tenant, operation, role):
                    pass

    async def pages(self, tenant: TenantOfWorld, operation: Operation, role: str) -> AsyncIterator[str]:
        """Go through the pages of a list, one row each, and yield the cursors."""
        names = {parameter["name"] for parameter in operation.parameters}
        cursor: str | None = None
        while {"cursor", "limit"} <= names:
            query = {"limit": "1", **({"cursor": cursor} if cursor else {})}
            answer = await self.ask(operation.asked(attacks.own(tenant), query), tenant, role)
            cursor = answer.json().get("next_cursor") if answer.status == 200 else None
            if cursor is None:
                return
            yield cursor

    async def ask_for_others(self, one: TenantOfWorld, other: TenantOfWorld, operation: Operation) -> None:
        """Fill each place of a route by another's value: the answer is that to a value that nobody has."""
        role = self._role(operation, one.number + other.number)
        for place in operation.places:
            answer = await self.ask(attacks.foreign(operation, place, one, attacks.own(other)), one, role)
            expected = await self._expected(one, operation, place, role)
            if self._shape(answer) != expected:
                self.told.append(
                    f"{operation.route} tells {role} of {one.number} whether {place.name} of {other.number} is there:"
                    f" {answer.status} {answer.body[:200]!r} instead of {expected}"
                )
        if not operation.places and operation.reads:
            headers = (("x-tenant-id", str(other.id)), ("x-tenant", other.canary), ("x-requested-with", "opsintel"))
            asked = operation.asked(attacks.own(one))
            await self.ask(Asked(asked.method, asked.path, asked.query, asked.body, headers), one, role)

    async def use_cursors_of(self, other: TenantOfWorld, operation: Operation, askers: Iterable[TenantOfWorld]) -> None:
        """Go on with another's list: no cursor of it is taken."""
        async for cursor in self.pages(other, operation, "owner"):
            for one in askers:
                for fill in (attacks.own(one), attacks.own(other)):
                    answer = await self.ask(operation.asked(fill, {"limit": "1", "cursor": cursor}), one)
                    if answer.status not in (404, 422):
                        self.told.append(f"{operation.route}: {one.number} goes on with a cursor of {other.number}")
            return

    async def _expected(self, one: TenantOfWorld, operation: Operation, place: Place, role: str) -> tuple[int, bytes]:
        key = (one.number, f"{operation.route} {role}", place)
        if key not in self._absent:
            asked = attacks.foreign(operation, place, one, attacks.absent(one))
            self._absent[key] = self._shape(await self.ask(asked, one, role))
        return self._absent[key]

    @staticmethod
    def _role(operation: Operation, number: int) -> str:
        """Return a role that may use a route; each in turn where it only reads."""
        roles = operation.roles() or ["owner"]
        return roles[number % len(roles)] if operation.reads else roles[0]

    def _shape(self, answer: Answered) -> tuple[int, bytes]:
        """Return an answer without what differs from request to request: its id, and the ids that it repeats."""
        headers = b"\n".join(b": ".join(header) for header in answer.headers if header[0] not in _OF_ONE_REQUEST)
        return answer.status, headers + _INSTANCE.sub(b"", _REQUEST_ID.sub(b"", answer.body))


_OF_ONE_REQUEST = (b"x-request-id", b"content-length", b"etag")
_KEPT_APART = re.compile(rb"\b(?:no-store|private)\b")
_INSTANCE = re.compile(rb'"instance":"[^"]*"')


async def at_once(jobs: Iterable[Callable[[], Awaitable[None]]]) -> None:
    """Run jobs, a few at a time: the application and its database then share the processor."""
    waiting = iter(jobs)

    async def work() -> None:
        for job in waiting:
            await job()

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
