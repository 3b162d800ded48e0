"""The only ways to a connection: `tenant_tx` (one tenant, bound by row security) and `system_tx` (listed columns).

The login of `DB_URL` has no rights of its own on the tables: each transaction takes a role with SET LOCAL semantics, so
a transaction that forgets to is refused by the database.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, LiteralString, Self
from uuid import UUID

import psycopg
from pgvector.psycopg import register_vector
from psycopg_pool import ConnectionPool, PoolTimeout

from opsintel.db.listener import Listener
from opsintel.errors import DatabaseError, TenantError

if TYPE_CHECKING:
    import asyncpg

APP_ROLE = "opsintel_app"
LIMITED_ROLE = "opsintel_limited"
SYSTEM_ROLE = "opsintel_system"
KEYS_ROLE = "opsintel_keys"
CONNECT_SECONDS = 10.0
GRACE_SECONDS = 2.0
READERS = 4
"""Connections of an API process that answer who sends a request."""

Connection = psycopg.Connection[tuple[object, ...]]

_CLEAN = "SELECT pg_advisory_unlock_all(); CLOSE ALL; UNLISTEN *; RESET ALL; "
"""What asyncpg sends when a connection goes back to its pool; here it goes with the next BEGIN, in one round trip."""


def _configure(connection: psycopg.Connection) -> None:
    connection.execute("SET timezone TO 'UTC'")
    connection.commit()
    if connection.execute("SELECT to_regtype('vector')").fetchone() != (None,):
        register_vector(connection)
    connection.commit()


def _is_lost(error: psycopg.OperationalError) -> bool:
    """Tell whether the connection or the server went away (SQLSTATE classes 08 and 57P, or none at all)."""
    return error.sqlstate is None or error.sqlstate.startswith(("08", "57P"))


def _is_exhausted(error: psycopg.OperationalError) -> bool:
    """Tell whether the server lacks disk, memory or connections, or its disk fails (SQLSTATE classes 53 and 58)."""
    return error.sqlstate is not None and error.sqlstate.startswith(("53", "58"))


class Database:
    """A pool of connections to one database; open one for each process and `close` it at its end."""

    def __init__(self, url: str, *, max_size: int = 8) -> None:
        self._url = url
        self._pool = ConnectionPool(
            url, min_size=0, max_size=max_size, open=False, configure=_configure, timeout=CONNECT_SECONDS
        )
        self._pool.open()

    @contextmanager
    def tenant_tx(self, tenant_id: UUID) -> Iterator[psycopg.Connection]:
        """Yield a connection in a transaction of one tenant; commits at the end, rolls back on an exception.

        Raises `TenantError` without a tenant id, `DatabaseError` when the database does not answer, goes away
        or has no room.
        """
        if not isinstance(tenant_id, UUID):
            raise TenantError("A transaction needs the id of a tenant")
        with self._transaction(
            "SELECT set_config('role', %s, true), set_config('app.tenant_id', %s, true)", (APP_ROLE, str(tenant_id))
        ) as connection:
            yield connection

    @contextmanager
    def system_tx(self) -> Iterator[psycopg.Connection]:
        """Yield a connection that sees the listed columns of all tenants, and never content."""
        with self._transaction("SELECT set_config('role', %s, true)", (SYSTEM_ROLE,)) as connection:
            yield connection

    @contextmanager
    def keys_tx(self) -> Iterator[psycopg.Connection]:
        """Yield a connection that sees the wrapped data keys of all tenants and nothing else, for their rotation."""
        with self._transaction("SELECT set_config('role', %s, true)", (KEYS_ROLE,)) as connection:
            yield connection

    @contextmanager
    def _transaction(self, statement: str, parameters: tuple[str, ...]) -> Iterator[psycopg.Connection]:
        try:
            with self._pool.connection() as connection:
                connection.execute(statement, parameters)
                yield connection
        except PoolTimeout:
            raise DatabaseError(
                f"The database does not answer within {CONNECT_SECONDS:.0f} s", remedy="Check DB_URL and the server"
            ) from None
        except psycopg.OperationalError as error:
            if _is_exhausted(error):
                raise DatabaseError(
                    f"The database has no room to work: {str(error).splitlines()[0]}",
                    remedy="Make room, then run this again; it goes on where it stopped",
                ) from error
            if not _is_lost(error):
                raise
            raise DatabaseError("The database went away", remedy="Check the server, then run this again") from error

    def pool_figures(self) -> tuple[int, int, int]:
        """Return how many connections are in use, how many are idle, and how many there may be."""
        stats = self._pool.get_stats()
        idle = stats.get("pool_available", 0)
        return stats.get("pool_size", 0) - idle, idle, self._pool.max_size

    def listener(self, channel: LiteralString) -> Listener:
        """Return what waits for NOTIFY on a channel; it has a connection of its own, and its user closes it."""
        return Listener(self._url, channel)

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncDatabase:
    """The same two ways for the API, by asyncpg: a hot read costs three round trips and little CPU."""

    def __init__(self, pool: asyncpg.Pool, readers: asyncpg.Pool) -> None:
        self._pool = pool
        self._readers = readers

    @classmethod
    async def open(cls, url: str, *, max_size: int = 8, statement_seconds: float = 0) -> AsyncDatabase:
        """Return an open database; `DatabaseError` when it does not answer.

        `statement_seconds` is the server's own limit for each statement; 0 sets none. A server that does not keep to it
        within `GRACE_SECONDS` is given up.
        """
        import asyncpg

        settings = {"timezone": "UTC", "statement_timeout": str(int(statement_seconds * 1000))}
        reading = settings | {"role": SYSTEM_ROLE, "default_transaction_read_only": "on"}
        options: dict[str, Any] = {
            "timeout": CONNECT_SECONDS,
            "command_timeout": statement_seconds + GRACE_SECONDS if statement_seconds else None,
            "reset": _left_to_the_next,
        }
        try:
            pool = await asyncpg.create_pool(url, min_size=1, max_size=max_size, server_settings=settings, **options)
            readers = await asyncpg.create_pool(url, min_size=0, max_size=READERS, server_settings=reading, **options)
        except (OSError, asyncpg.PostgresError, TimeoutError) as error:
            raise DatabaseError(f"The database cannot be reached: {error}", remedy="Check DB_URL") from None
        return cls(pool, readers)

    @asynccontextmanager
    async def tenant_tx(
        self, tenant_id: UUID, sources: Sequence[UUID] | None = None
    ) -> AsyncIterator[asyncpg.pool.PoolConnectionProxy]:
        """Yield a connection in a transaction of one tenant; `DatabaseError` when the database does not answer.

        With `sources` it only reads, and only what came from them: figures that mix sources are those of the schema
        `limited`, counted anew.
        """
        if not isinstance(tenant_id, UUID):
            raise TenantError("A transaction needs the id of a tenant")
        async with self._transaction(_begin(tenant_id, sources)) as connection:
            yield connection

    @asynccontextmanager
    async def system_tx(self) -> AsyncIterator[asyncpg.pool.PoolConnectionProxy]:
        """Yield a connection that sees the listed columns of all tenants, and never content."""
        async with self._transaction(f"BEGIN; SELECT set_config('role', '{SYSTEM_ROLE}', true)") as connection:
            yield connection

    async def system_row(self, statement: str, *parameters: object) -> asyncpg.Record | None:
        """Return the first row of one statement that only reads what `system_tx` sees; None when there is none.

        One round trip, where a transaction takes three: the connections of these have the role from their start.
        """
        async with _outages(), self._readers.acquire(timeout=CONNECT_SECONDS) as connection:
            try:
                return await connection.fetchrow(statement, *parameters)
            except BaseException as error:
                _give_up(connection, error)
                raise

    def pool_figures(self) -> tuple[int, int, int]:
        """Return how many connections are in use, how many are idle, and how many there may be."""
        idle = self._pool.get_idle_size()
        return self._pool.get_size() - idle, idle, self._pool.get_max_size()

    @asynccontextmanager
    async def _transaction(self, begin: str) -> AsyncIterator[asyncpg.pool.PoolConnectionProxy]:
        async with _outages(), self._pool.acquire(timeout=CONNECT_SECONDS) as connection:
            try:
                await connection.execute(_CLEAN + begin)
                yield connection
                await connection.execute("COMMIT")
            except BaseException as error:
                if not _give_up(connection, error):
                    await connection.execute("ROLLBACK")
                raise

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.close()
        await self._readers.close()


@asynccontextmanager
async def _outages() -> AsyncIterator[None]:
    """Raise `DatabaseError` where asyncpg's server goes away, hangs or has no room."""
    try:
        yield
    except Exception as error:
        if not _is_outage(error):
            raise
        raise DatabaseError("The database does not answer", remedy="Check DB_URL and the server") from error


def _give_up(connection: asyncpg.pool.PoolConnectionProxy, error: BaseException) -> bool:
    """Close a connection at once whose server is away: it would not answer to a farewell either."""
    if lost := _is_outage(error):
        connection.terminate()
    return lost


async def _left_to_the_next(connection: asyncpg.Connection) -> None:
    """Do nothing when a connection is given back, with no transaction open: the next one begins with `_CLEAN`."""
    del connection


def _begin(tenant_id: UUID, sources: Sequence[UUID] | None) -> str:
    """Return what binds a transaction: to a tenant, and to some of its sources where they are given."""
    settings = {"role": APP_ROLE, "app.tenant_id": str(tenant_id)}
    if sources is not None:
        listed = ",".join(str(UUID(int=source.int)) for source in sources)
        settings |= {"role": LIMITED_ROLE, "app.source_ids": f"{{{listed}}}", "search_path": "limited, public"}
    return "BEGIN; SELECT " + ", ".join(f"set_config('{name}', '{value}', true)" for name, value in settings.items())


def _is_outage(error: BaseException) -> bool:
    """Tell whether asyncpg's server went away, hangs or has no room, rather than that it refused one statement."""
    import asyncpg

    if isinstance(error, asyncpg.PostgresError):
        return str(error.sqlstate).startswith(("08", "53", "57P", "58"))
    # An InterfaceError that is also a ValueError is about a value that was given, not about the connection.
    return isinstance(error, OSError) or (
        isinstance(error, asyncpg.InterfaceError) and not isinstance(error, ValueError)
    )
