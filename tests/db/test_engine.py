"""A transaction whose server goes away says so, in one error whatever the moment."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable

import asyncpg
import psycopg
import pytest
import pytest_asyncio

from opsintel.db import engine
from opsintel.db.engine import AsyncDatabase, Database
from opsintel.errors import DatabaseError


def cut(admin_url: str) -> None:
    """End all of the product's connections, as a server that goes down does."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def wait_for(admin_url: str, statement: str) -> None:
    """Return once a statement is under way."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        running = "SELECT FROM pg_stat_activity WHERE query = %s AND state = 'active'"
        while connection.execute(running, (statement,)).fetchone() is None:
            pass


def run_in_transaction(database: Database, *steps: Callable[[psycopg.Connection], object]) -> None:
    with database.system_tx() as connection:
        for step in steps:
            step(connection)


class TestALostServer:
    def test_is_a_database_error_in_the_midst_of_a_transaction(self, database: Database, admin_url: str) -> None:
        with pytest.raises(DatabaseError, match="went away"):
            run_in_transaction(database, lambda _: cut(admin_url), lambda connection: connection.execute("SELECT 1"))

    def test_is_a_database_error_at_the_commit(self, database: Database, admin_url: str) -> None:
        with pytest.raises(DatabaseError, match="went away"):
            run_in_transaction(database, lambda _: cut(admin_url))

    def test_is_forgotten_once_it_is_back(self, database: Database, admin_url: str) -> None:
        with pytest.raises(DatabaseError):
            run_in_transaction(database, lambda _: cut(admin_url))
        run_in_transaction(database, lambda connection: connection.execute("SELECT 1"))

    @pytest.mark.parametrize("condition", ["disk_full", "out_of_memory", "io_error"])
    def test_is_told_from_one_without_room(self, database: Database, condition: str) -> None:
        with pytest.raises(DatabaseError, match="no room to work") as caught, database.system_tx() as connection:
            connection.execute(f"DO $$ BEGIN RAISE {condition}; END $$")
        assert "Make room" in caught.value.remedy

    def test_other_faults_stay_what_they_are(self, database: Database) -> None:
        with pytest.raises(psycopg.errors.LockNotAvailable):
            run_in_transaction(
                database, lambda connection: connection.execute("DO $$ BEGIN RAISE lock_not_available; END $$")
            )


class TestALostServerOfTheApi:
    """The same by asyncpg."""

    @pytest_asyncio.fixture
    async def opened(self, database_url: str) -> AsyncIterator[AsyncDatabase]:
        opened = await AsyncDatabase.open(database_url, max_size=1, statement_seconds=1)
        yield opened
        await opened.close()

    async def test_is_a_database_error_and_forgotten_once_it_is_back(
        self, opened: AsyncDatabase, admin_url: str
    ) -> None:
        async def lose_it() -> None:
            async with opened.system_tx() as connection:
                await asyncio.to_thread(cut, admin_url)
                await connection.fetchval("SELECT 1")

        with pytest.raises(DatabaseError, match="does not answer"):
            await lose_it()
        assert await read(opened, "SELECT 1") == 1

    async def test_that_hangs_is_given_up_and_keeps_no_connection(
        self, opened: AsyncDatabase, admin_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(engine, "CONNECT_SECONDS", 1.0)
        pid = await read(opened, "SELECT pg_backend_pid()")
        os.kill(pid, signal.SIGSTOP)
        try:
            with pytest.raises(DatabaseError, match="does not answer"):
                await read(opened, "SELECT 1")
        finally:
            os.kill(pid, signal.SIGCONT)
        assert await read(opened, "SELECT 1") == 1

    async def test_leaves_other_faults_what_they_are(self, opened: AsyncDatabase) -> None:
        with pytest.raises(asyncpg.DivisionByZeroError):
            await read(opened, "SELECT 1/0")
        with pytest.raises(asyncpg.QueryCanceledError):
            await read(opened, "SELECT pg_sleep(30)")
        with pytest.raises(asyncpg.DataError):
            await read(opened, "SELECT $1::int", "no number")
        assert await read(opened, "SELECT 1") == 1


class TestTransactionsOfTheApi:
    @pytest_asyncio.fixture
    async def opened(self, database_url: str) -> AsyncIterator[AsyncDatabase]:
        opened = await AsyncDatabase.open(database_url, max_size=1)
        yield opened
        await opened.close()

    async def test_find_nothing_that_the_one_before_left_in_the_session(self, opened: AsyncDatabase) -> None:
        async with opened.system_tx() as connection:
            await connection.execute("SET work_mem = '77MB'; SET timezone = 'Asia/Tokyo'; LISTEN left_behind")
            await connection.execute("SELECT pg_advisory_lock(7)")
        async with opened.system_tx() as connection:
            assert await connection.fetchval("SHOW work_mem") != "77MB"
            assert await connection.fetchval("SHOW timezone") == "UTC"
            assert await connection.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0
        async with opened.system_tx() as connection:
            assert await connection.fetch("SELECT pg_listening_channels()") == []

    async def test_are_spared_where_one_statement_reads_what_the_system_may(self, opened: AsyncDatabase) -> None:
        row = await opened.system_row("SELECT current_user, count(*) FROM tenant WHERE slug = $1", "nobody")
        assert row is not None
        assert tuple(row) == ("opsintel_system", 0)
        assert await opened.system_row("SELECT slug FROM tenant WHERE slug = $1", "nobody") is None
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await opened.system_row("SELECT config FROM source")
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await opened.system_row("UPDATE tenant SET name = name RETURNING id")
        assert await opened.system_row("SELECT 1") == (1,)

    async def test_of_one_statement_end_with_their_server(self, opened: AsyncDatabase, admin_url: str) -> None:
        async def lose_it() -> None:
            asking = asyncio.create_task(opened.system_row("SELECT pg_sleep(30)"))
            await asyncio.to_thread(wait_for, admin_url, "SELECT pg_sleep(30)")
            await asyncio.to_thread(cut, admin_url)
            await asking

        with pytest.raises(DatabaseError, match="does not answer"):
            await lose_it()
        assert await opened.system_row("SELECT 1") == (1,)


async def read(opened: AsyncDatabase, statement: str, *values: str) -> int:
    async with opened.system_tx() as connection:
        return int(await connection.fetchval(statement, *values))
