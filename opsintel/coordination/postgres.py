"""Coordination by PostgreSQL, for installations without Redis, and for all while their Redis is away."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import TYPE_CHECKING, Any, LiteralString
from uuid import UUID, uuid4

import psycopg

from opsintel.closing import Closing
from opsintel.coordination import statements
from opsintel.coordination.contract import KEPT_AFTER_EXPIRY, Key, Limit, Lock
from opsintel.db.engine import Database

if TYPE_CHECKING:
    from opsintel.db.engine import AsyncDatabase

HOME = "postgres"
PRUNED_EVERY = 500
"""Calls of a process after which rows that tell nothing any more are removed; the first one of a process is one."""


class PostgresCoordinator(Closing):
    """Implements `Coordinator` on the tables rate_limit and named_lock."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._calls = itertools.count()

    def acquire(self, key: Key, limit: Limit, tokens: int = 1) -> float:
        """Take tokens and return 0, or take none and return the seconds after which to try again."""
        row = self._run(statements.ACQUIRE, str(key), limit.cost(tokens), limit.capacity)
        return wait_of(row[0]) if row else statements.LEAST_WAIT

    def refund(self, key: Key, limit: Limit, tokens: int = 1) -> None:
        """Put back tokens that were taken and not used."""
        self._run(statements.REFUND, str(key), limit.cost(tokens))

    def penalise(self, key: Key, seconds: float) -> None:
        """Give out no token of a key for so long."""
        self._run(statements.PENALISE, str(key), timedelta(seconds=seconds))

    def lock(self, key: Key, lease: timedelta) -> Lock | None:
        """Return the lock; None while somebody else holds it."""
        owner = uuid4()
        row = self._run(statements.LOCK, str(key), owner, lease)
        return Lock(key, owner, lease, int(row[0]), HOME) if row else None

    def renew(self, lock: Lock) -> bool:
        """Begin the lease anew; False when the lock was lost."""
        return self._run(statements.RENEW, str(lock.key), lock.owner, lock.lease) is not None

    def unlock(self, lock: Lock) -> None:
        """Free a lock; one that was lost is left to whoever holds it now."""
        self._run(statements.UNLOCK, str(lock.key), lock.owner)

    def prune(self) -> None:
        """Remove what tells nothing any more: full buckets, and locks that nobody has taken for a day."""
        with self._database.system_tx() as connection, psycopg.RawCursor(connection) as cursor:
            cursor.execute(statements.PRUNE_LIMITS)
            cursor.execute(statements.PRUNE_LOCKS, (KEPT_AFTER_EXPIRY,))

    def forget(self, tenant_id: UUID) -> None:
        """Remove all that is known of a tenant that is gone."""
        with self._database.system_tx() as connection:
            for table in ("rate_limit", "named_lock"):
                connection.execute(f"DELETE FROM {table} WHERE key LIKE %s".encode(), (f"{tenant_id}/%",))

    def close(self) -> None:
        """Do nothing: the database is its owner's."""

    def _run(self, statement: LiteralString, *values: object) -> tuple[Any, ...] | None:
        if next(self._calls) % PRUNED_EVERY == 0:
            self.prune()
        with self._database.system_tx() as connection, psycopg.RawCursor(connection) as cursor:
            cursor.execute(statement, values)
            return cursor.fetchone() if cursor.description else None


class PostgresLimits:
    """Implements `AsyncLimits` on the same table."""

    def __init__(self, database: AsyncDatabase) -> None:
        self._database = database
        self._calls = itertools.count()

    async def acquire(self, key: Key, limit: Limit, tokens: int = 1) -> float:
        """Take tokens and return 0, or take none and return the seconds after which to try again."""
        async with self._database.system_tx() as connection:
            if next(self._calls) % PRUNED_EVERY == 0:
                await connection.execute(statements.PRUNE_LIMITS)
            wait = await connection.fetchval(statements.ACQUIRE, str(key), limit.cost(tokens), limit.capacity)
        return wait_of(wait)

    async def refund(self, key: Key, limit: Limit, tokens: int = 1) -> None:
        """Put back tokens that were taken and not used."""
        async with self._database.system_tx() as connection:
            await connection.execute(statements.REFUND, str(key), limit.cost(tokens))


def wait_of(told: float) -> float:
    """Return a wait as the contract has it: 0 only when the tokens were taken."""
    return max(float(told), statements.LEAST_WAIT) if told else 0.0
