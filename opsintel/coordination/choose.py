"""Who coordinates an installation: Redis where `REDIS_ADDR` names one and it answers, else PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from opsintel.closing import Closing
from opsintel.coordination.breaker import Breaker
from opsintel.coordination.contract import AsyncLimits, Coordinator, Key, Limit, Lock
from opsintel.coordination.postgres import HOME as POSTGRES
from opsintel.coordination.postgres import PostgresCoordinator, PostgresLimits
from opsintel.db.engine import AsyncDatabase, Database
from opsintel.errors import UnavailableError
from opsintel.settings import Settings

if TYPE_CHECKING:
    from opsintel.coordination.redis import RedisCoordinator, RedisLimits

Told = TypeVar("Told")


def open_coordinator(settings: Settings, database: Database) -> Coordinator:
    """Return the coordinator of the settings, to be closed at the end; it connects when it is first used."""
    postgres = PostgresCoordinator(database)
    if settings.redis_addr is None:
        return postgres
    from opsintel.coordination.redis import RedisCoordinator  # its library takes a moment to load

    redis = RedisCoordinator(settings)
    return RedisOrPostgres(redis, postgres, Breaker("Redis", redis.probe))


class RedisOrPostgres(Closing):
    """Implements `Coordinator`: by Redis while it is well, by PostgreSQL while it is not; never without limits.

    The two know nothing of each other: where one takes over buckets are full, and a lock may be given that the other
    gave before. Numbers of locks rise across both, as both begin at the time.
    """

    def __init__(self, redis: RedisCoordinator, postgres: PostgresCoordinator, breaker: Breaker) -> None:
        self._redis = redis
        self._postgres = postgres
        self._breaker = breaker

    def acquire(self, key: Key, limit: Limit, tokens: int = 1) -> float:
        """Take tokens and return 0, or take none and return the seconds after which to try again."""
        return self._by_either(lambda store: store.acquire(key, limit, tokens))

    def refund(self, key: Key, limit: Limit, tokens: int = 1) -> None:
        """Put back tokens that were taken and not used."""
        self._by_either(lambda store: store.refund(key, limit, tokens))

    def penalise(self, key: Key, seconds: float) -> None:
        """Give out no token of a key for so long."""
        self._by_either(lambda store: store.penalise(key, seconds))

    def lock(self, key: Key, lease: timedelta) -> Lock | None:
        """Return the lock; None while somebody else holds it."""
        return self._by_either(lambda store: store.lock(key, lease))

    def renew(self, lock: Lock) -> bool:
        """Begin the lease anew; False when the lock was lost, or its store is away."""
        if lock.home == POSTGRES:
            return self._postgres.renew(lock)
        return self._by_redis(lambda: self._redis.renew(lock), otherwise=False)

    def unlock(self, lock: Lock) -> None:
        """Free a lock; where its store is away it is free after the lease."""
        if lock.home == POSTGRES:
            self._postgres.unlock(lock)
        else:
            self._by_redis(lambda: self._redis.unlock(lock), otherwise=None)

    def forget(self, tenant_id: UUID) -> None:
        """Remove all that is known of a tenant that is gone; what Redis keeps while it is away ends within a day."""
        self._postgres.forget(tenant_id)
        self._by_redis(lambda: self._redis.forget(tenant_id), otherwise=None)

    def close(self) -> None:
        """Close connections of its own."""
        self._breaker.stop()
        self._redis.close()

    def _by_either(self, call: Callable[[Coordinator], Told]) -> Told:
        if self._breaker.is_closed:
            try:
                return call(self._redis)
            except UnavailableError as error:
                self._breaker.open(error)
        return call(self._postgres)

    def _by_redis(self, call: Callable[[], Told], *, otherwise: Told) -> Told:
        if self._breaker.is_closed:
            try:
                return call()
            except UnavailableError as error:
                self._breaker.open(error)
        return otherwise


class ApiLimits:
    """Implements `AsyncLimits` for the API: the buckets that `open_coordinator` has, without a thread for each."""

    def __init__(self, settings: Settings, database: AsyncDatabase) -> None:
        self._postgres = PostgresLimits(database)
        self._redis: RedisLimits | None = None
        if settings.redis_addr is not None:
            from opsintel.coordination.redis import RedisCoordinator, RedisLimits

            self._redis = RedisLimits(settings)
            self._prober = RedisCoordinator(settings)
            self._breaker = Breaker("Redis", self._prober.probe)

    async def acquire(self, key: Key, limit: Limit, tokens: int = 1) -> float:
        """Take tokens and return 0, or take none and return the seconds after which to try again."""
        if self._redis is not None and self._breaker.is_closed:
            try:
                return await self._redis.acquire(key, limit, tokens)
            except UnavailableError as error:
                self._breaker.open(error)
        return await self._postgres.acquire(key, limit, tokens)

    async def refund(self, key: Key, limit: Limit, tokens: int = 1) -> None:
        """Put back tokens that were taken and not used."""
        if self._redis is not None and self._breaker.is_closed:
            try:
                return await self._redis.refund(key, limit, tokens)
            except UnavailableError as error:
                self._breaker.open(error)
        return await self._postgres.refund(key, limit, tokens)

    @property
    def store(self) -> AsyncLimits:
        """Return who gives out tokens at present."""
        return self._redis if self._redis is not None and self._breaker.is_closed else self._postgres

    async def close(self) -> None:
        """Close connections of its own."""
        if self._redis is not None:
            self._breaker.stop()
            self._prober.close()
            await self._redis.close()
