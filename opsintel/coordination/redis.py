"""Coordination by Redis: a script for each operation, short deadlines, and no retries of redis-py's own.

Left to itself redis-py tries again for seconds; here the first failure decides, and the breaker keeps the rest away.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from opsintel.closing import Closing
from opsintel.coordination import scripts
from opsintel.coordination.contract import KEPT_AFTER_EXPIRY, Key, Limit, Lock
from opsintel.errors import UnavailableError
from opsintel.settings import Settings

HOME = "redis"
CONNECT_SECONDS = 0.2
ANSWER_SECONDS = 0.2
"""Together at most 0.5 s that a Redis which takes no connection, or does not answer, can cost, once."""

_MICROSECOND = timedelta(microseconds=1)


class RedisCoordinator(Closing):
    """Implements `Coordinator`; every method raises `UnavailableError` when Redis does not do it."""

    def __init__(self, settings: Settings) -> None:
        self._client = redis.Redis(**_options(settings), retry=Retry(NoBackoff(), 0))
        self._address = settings.redis_addr or ""
        self._scripts = {
            name: self._client.register_script(getattr(scripts, name))
            for name in ("ACQUIRE", "REFUND", "PENALISE", "LOCK", "RENEW", "UNLOCK")
        }

    def acquire(self, key: Key, limit: Limit, tokens: int = 1) -> float:
        """Take tokens and return 0, or take none and return the seconds after which to try again."""
        wait = self._run("ACQUIRE", _bucket(key), limit.cost(tokens) // _MICROSECOND, limit.capacity // _MICROSECOND)
        return int(wait) / 1_000_000

    def refund(self, key: Key, limit: Limit, tokens: int = 1) -> None:
        """Put back tokens that were taken and not used."""
        self._run("REFUND", _bucket(key), limit.cost(tokens) // _MICROSECOND)

    def penalise(self, key: Key, seconds: float) -> None:
        """Give out no token of a key for so long."""
        self._run("PENALISE", _bucket(key), int(seconds * 1_000_000))

    def lock(self, key: Key, lease: timedelta) -> Lock | None:
        """Return the lock; None while somebody else holds it."""
        owner = uuid4()
        fence = self._run("LOCK", _lock(key), str(owner), lease // _MICROSECOND, KEPT_AFTER_EXPIRY // _MICROSECOND)
        return None if fence is None else Lock(key, owner, lease, int(fence), HOME)

    def renew(self, lock: Lock) -> bool:
        """Begin the lease anew; False when the lock was lost."""
        values = (str(lock.owner), lock.lease // _MICROSECOND, KEPT_AFTER_EXPIRY // _MICROSECOND)
        return self._run("RENEW", _lock(lock.key), *values) is not None

    def unlock(self, lock: Lock) -> None:
        """Free a lock; one that was lost is left to whoever holds it now."""
        self._run("UNLOCK", _lock(lock.key), str(lock.owner))

    def forget(self, tenant_id: UUID) -> None:
        """Remove all that is known of a tenant that is gone."""
        with _translated(self._address):
            for kind in ("limit", "lock"):
                for key in self._client.scan_iter(f"opsintel:{kind}:{tenant_id}/*", count=1_000):
                    self._client.unlink(key)

    def probe(self) -> None:
        """Ask whether Redis takes scripts and writes, as a login that is refused or a full memory does not."""
        self._run("PENALISE", "opsintel:probe", 0)

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def _run(self, script: str, key: str, *values: str | int) -> Any:
        with _translated(self._address):
            return self._scripts[script](keys=[key], args=values)


class RedisLimits:
    """Implements `AsyncLimits` on the same keys."""

    def __init__(self, settings: Settings) -> None:
        self._client = redis.asyncio.Redis(**_options(settings), retry=AsyncRetry(NoBackoff(), 0))
        self._address = settings.redis_addr or ""
        self._acquire = self._client.register_script(scripts.ACQUIRE)
        self._refund = self._client.register_script(scripts.REFUND)

    async def acquire(self, key: Key, limit: Limit, tokens: int = 1) -> float:
        """Take tokens and return 0, or take none and return the seconds after which to try again."""
        values = (limit.cost(tokens) // _MICROSECOND, limit.capacity // _MICROSECOND)
        with _translated(self._address):
            return int(await self._acquire(keys=[_bucket(key)], args=values)) / 1_000_000

    async def refund(self, key: Key, limit: Limit, tokens: int = 1) -> None:
        """Put back tokens that were taken and not used."""
        with _translated(self._address):
            await self._refund(keys=[_bucket(key)], args=(limit.cost(tokens) // _MICROSECOND,))

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()


def _options(settings: Settings) -> dict[str, Any]:
    host, _, port = (settings.redis_addr or "").rpartition(":")
    password = settings.redis_password.get_secret_value() if settings.redis_password else None
    return {
        "host": host.strip("[]"),
        "port": int(port),
        "password": password,
        "ssl": settings.redis_tls,
        "socket_connect_timeout": CONNECT_SECONDS,
        "socket_timeout": ANSWER_SECONDS,
        "protocol": 2,  # no greeting whose answer would have to be waited for
        "driver_info": None,
        "decode_responses": True,
    }


def _bucket(key: Key) -> str:
    return f"opsintel:limit:{key}"


def _lock(key: Key) -> str:
    return f"opsintel:lock:{key}"


@contextmanager
def _translated(address: str) -> Iterator[None]:
    try:
        yield
    except redis.AuthenticationError as error:
        raise UnavailableError(
            f"Redis at {address} refuses the login: {_first_line(error)}", remedy="Check OPSINTEL_REDIS_PASSWORD"
        ) from None
    except redis.ResponseError as error:
        raise UnavailableError(
            f"Redis at {address} refuses: {_first_line(error)}", remedy="Check its memory, its role and its version"
        ) from None
    except (redis.RedisError, OSError) as error:
        raise UnavailableError(
            f"Redis at {address} cannot be reached: {_first_line(error)}",
            remedy="Check REDIS_ADDR, OPSINTEL_REDIS_TLS and the server",
        ) from None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
