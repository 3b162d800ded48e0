"""How many requests a tenant may make, by class of route; shared by all API processes.

A process takes tokens in small lots, so that most requests ask nobody; a tenant that has none left is refused without
asking until some have flowed in.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from opsintel.coordination.contract import AsyncLimits, Key, Limit
from opsintel.settings import Settings

RouteClass = Literal["read", "search", "write"]

WINDOW_SECONDS = 60
LARGEST_LOT = 20
LOTS = 30
"""A lot is at most this part of what a tenant may ask in a minute."""

PUSHES = Limit(per_second=20, burst=600)
"""Pushes to one source: a busy workspace sends a few in a second, and all that waited once we are back."""

SEARCH = "/v1/search"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that was not taken: its class, and the whole seconds after which one will be."""

    route_class: RouteClass
    wait: int

    @property
    def headers(self) -> dict[str, str]:
        """Return what tells a client so (RFC 9110 section 10.2.3, draft-ietf-httpapi-ratelimit-headers-10)."""
        return {"Retry-After": str(self.wait), "RateLimit": f'"{self.route_class}";r=0;t={self.wait}'}


def class_of(method: str, path: str) -> RouteClass:
    """Return the class of a route: what changes something, what searches, and what reads."""
    if method not in ("GET", "HEAD"):
        return "write"
    return "search" if path == SEARCH else "read"


class TenantLimits:
    """The limits of the settings; a class whose limit is 0 has none."""

    def __init__(self, limits: AsyncLimits, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._per_minute: dict[RouteClass, int] = {
            "read": settings.api_reads_per_minute,
            "search": settings.api_searches_per_minute,
            "write": settings.api_writes_per_minute,
        }
        self._held: dict[tuple[UUID, RouteClass], int] = {}
        self._refused_until: dict[tuple[UUID, RouteClass], float] = {}

    def policy(self, route_class: RouteClass) -> str | None:
        """Return the limit of a class as the header RateLimit-Policy has it; None where there is none."""
        quota = self._per_minute[route_class]
        return f'"{route_class}";q={quota};w={WINDOW_SECONDS}' if quota else None

    async def take(self, tenant_id: UUID, route_class: RouteClass) -> Refusal | None:
        """Count a request of a tenant; returns the refusal when it has made too many."""
        if not self._per_minute[route_class]:
            return None
        counted = (tenant_id, route_class)
        if held := self._held.pop(counted, 0):
            if held > 1:
                self._held[counted] = held - 1
            return None
        wait = self._refused_until.get(counted, 0) - self._clock()
        if wait <= 0:
            self._refused_until.pop(counted, None)
            wait = await self._take_lot(counted)
        return Refusal(route_class, max(1, math.ceil(wait))) if wait > 0 else None

    async def take_push(self, tenant_id: UUID, source_id: UUID) -> Refusal | None:
        """Count a push to a source; returns the refusal when too many came."""
        wait = await self._limits.acquire(Key(tenant_id, f"push:{source_id}"), PUSHES)
        return Refusal("write", max(1, math.ceil(wait))) if wait else None

    async def _take_lot(self, counted: tuple[UUID, RouteClass]) -> float:
        tenant_id, route_class = counted
        quota = self._per_minute[route_class]
        limit, key = Limit(quota / WINDOW_SECONDS, quota), Key(tenant_id, f"api:{route_class}")
        lot = max(1, min(LARGEST_LOT, quota // LOTS))
        if await self._limits.acquire(key, limit, lot) == 0:
            if lot > 1:
                self._held[counted] = self._held.get(counted, 0) + lot - 1
            return 0
        wait = await self._limits.acquire(key, limit)
        if wait:
            self._refused_until[counted] = self._clock() + wait
        return wait
