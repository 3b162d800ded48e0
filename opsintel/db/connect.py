"""Where the databases are: the operator's, or the embedded one of the data folder."""

from __future__ import annotations

import asyncio
import getpass
import shutil
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict

from opsintel.db import embedded
from opsintel.db.engine import AsyncDatabase, Database
from opsintel.db.migrate import migrate
from opsintel.errors import DatabaseError, SettingError, StorageError
from opsintel.settings import Settings

Told = TypeVar("Told")

LEAST_FREE_BYTES = 32 << 20
"""Room that the embedded server needs to go on: two files of its log."""


@dataclass(frozen=True)
class DatabaseUrls:
    """Connection addresses: of the product's login, of migrations, of Dagster's own database."""

    service: str
    migration: str
    dagster: str

    @property
    def login(self) -> str:
        """User name of the product's login: the system's own where the address names none, as for every client."""
        try:
            named = conninfo_to_dict(self.service).get("user")
        except psycopg.ProgrammingError as error:
            raise SettingError(f"DB_URL cannot be used: {error}", remedy="Check its parameters") from None
        return str(named or getpass.getuser())


def embedded_server(settings: Settings) -> embedded.EmbeddedServer:
    """Return the server of the data folder, which keeps its log where back-ups go."""
    return embedded.EmbeddedServer(settings.data_dir, settings.backup_dir and settings.backup_dir / "wal")


@contextmanager
def database_urls(settings: Settings) -> Iterator[DatabaseUrls]:
    """Yield the addresses; without DB_URL the embedded server runs meanwhile."""
    if settings.db_url:
        yield DatabaseUrls(
            settings.db_url,
            settings.migration_url or settings.db_url,
            settings.dagster_db_url or _with_suffix(settings.db_url),
        )
        return
    try:
        with embedded_server(settings).use() as access:
            yield DatabaseUrls(
                access.url(embedded.SERVICE, embedded.DATABASE),
                access.url(embedded.ADMIN, embedded.DATABASE),
                access.url(embedded.DAGSTER, embedded.DAGSTER),
            )
    except DatabaseError as error:
        # A server that cannot write its log dies, and all that its clients see is that it went away.
        if shutil.disk_usage(settings.data_dir).free < LEAST_FREE_BYTES:
            raise StorageError(
                f"The disk of {settings.data_dir} is full",
                remedy="Make room, then run this again; it goes on where it stopped",
            ) from error
        raise


@contextmanager
def open_database(settings: Settings) -> Iterator[Database]:
    """Yield the product's database, migrated to the newest schema."""
    with database_urls(settings) as urls:
        migrate(urls.migration, login=urls.login)
        with Database(urls.service) as database:
            yield database


def run_in_database(settings: Settings, work: Callable[[AsyncDatabase], Coroutine[Any, Any, Told]]) -> Told:
    """Return what `work` returns on the product's database, migrated to the newest schema: for commands."""

    async def open_and_work(url: str) -> Told:
        database = await AsyncDatabase.open(url, max_size=1)
        try:
            return await work(database)
        finally:
            await database.close()

    with database_urls(settings) as urls:
        migrate(urls.migration, login=urls.login)
        return asyncio.run(open_and_work(urls.service))


def _with_suffix(url: str) -> str:
    address, mark, parameters = url.partition("?")
    scheme, _, rest = address.partition("://")
    host, _, name = rest.rstrip("/").partition("/")
    return f"{scheme}://{host}/{name or 'opsintel'}_dagster{mark}{parameters}"
