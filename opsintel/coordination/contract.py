"""What coordination between processes must give, whatever carries it: token buckets, and named locks with a lease."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Protocol, Self
from uuid import UUID

KEPT_AFTER_EXPIRY = timedelta(days=1)
"""How long the number of a lock is remembered once nobody holds it, so that the next one is larger."""


@dataclass(frozen=True, slots=True)
class Key:
    """What a limit or a lock is about: of one tenant, or of the installation. It never holds personal data."""

    tenant_id: UUID | None
    name: str

    def __str__(self) -> str:
        return f"{self.tenant_id or 'installation'}/{self.name}"


@dataclass(frozen=True, slots=True)
class Limit:
    """A token bucket: `burst` tokens at once, then `per_second` of them."""

    per_second: float
    burst: int

    def cost(self, tokens: int) -> timedelta:
        """Return how long so many tokens take to flow in; whole microseconds, which both stores count exactly."""
        if not 0 < tokens <= self.burst:
            raise ValueError(f"{tokens} tokens of a bucket that holds {self.burst}")
        return timedelta(microseconds=int(1_000_000 / self.per_second) * tokens)

    @property
    def capacity(self) -> timedelta:
        """Return how long an empty bucket takes to fill."""
        return self.cost(self.burst)


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock that was taken: in whose name, until when unless it is renewed, and its number."""

    key: Key
    owner: UUID
    lease: timedelta
    fence: int
    """Larger than that of every earlier holder: what the lock guards can refuse a holder who is late."""
    home: str
    """Name of the store that gave it: only that one can renew it."""


class Coordinator(Protocol):
    """Shared by all processes of an installation, and safe to use from several threads."""

    def acquire(self, key: Key, limit: Limit, tokens: int = 1) -> float:
        """Take tokens and return 0, or take none and return the seconds after which to try again."""
        ...

    def refund(self, key: Key, limit: Limit, tokens: int = 1) -> None:
        """Put back tokens that were taken and not used."""
        ...

    def penalise(self, key: Key, seconds: float) -> None:
        """Give out no token of a key for so long, as when its provider answered with Retry-After."""
        ...

    def lock(self, key: Key, lease: timedelta) -> Lock | None:
        """Return the lock, free again after the lease; None while somebody else holds it."""
        ...

    def renew(self, lock: Lock) -> bool:
        """Begin the lease anew; False when the lock was lost, and its holder has to stop."""
        ...

    def unlock(self, lock: Lock) -> None:
        """Free a lock; one that was lost is left to whoever holds it now."""
        ...

    def forget(self, tenant_id: UUID) -> None:
        """Remove all that is known of a tenant that is gone."""
        ...

    def close(self) -> None:
        """Close connections of its own."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class AsyncLimits(Protocol):
    """The token buckets for the API's event loop: the same buckets as those of a `Coordinator`."""

    async def acquire(self, key: Key, limit: Limit, tokens: int = 1) -> float:
        """Take tokens and return 0, or take none and return the seconds after which to try again."""
        ...

    async def refund(self, key: Key, limit: Limit, tokens: int = 1) -> None:
        """Put back tokens that were taken and not used."""
        ...
