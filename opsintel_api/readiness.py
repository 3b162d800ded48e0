"""Whether the process can serve: each part looked at for a second at most, all at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from uuid import UUID

import asyncpg

from opsintel.crypto.master import MasterKeys
from opsintel.db.engine import AsyncDatabase
from opsintel.db.migrate import newest_revision
from opsintel.errors import OpsintelError, SealError
from opsintel.settings import Settings

DEADLINE_SECONDS = 1.0
OK = "ok"
NOBODY = UUID(int=0)
"""A tenant that is not there: the application's role sees no row of anybody's."""


async def states_of_database(database: AsyncDatabase, settings: Settings) -> dict[str, str]:
    """Return how the database is for the application's role, its schema, and the keyring in it; `ok` where all is well.

    What is wrong is said in a few words without details: everybody may ask.
    """
    names = ("database", "migrations", "keyring")
    checks = (_application_role(database), _schema(database), _keyring(database, settings))
    return dict(zip(names, await asyncio.gather(*map(_within_deadline, checks)), strict=True))


async def _within_deadline(check: Awaitable[str]) -> str:
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            return await check
    except TimeoutError:
        return "does not answer in time"
    except (OSError, OpsintelError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return "does not answer"


async def _application_role(database: AsyncDatabase) -> str:
    async with database.tenant_tx(NOBODY) as connection:
        sees = await connection.fetchval("SELECT EXISTS (SELECT FROM tenant)")
    return "shows a tenant to nobody" if sees else OK


async def _schema(database: AsyncDatabase) -> str:
    async with database.system_tx() as connection:
        revision = await connection.fetchval("SELECT version_num FROM alembic_version")
    return OK if revision == newest_revision() else "is not at this version's schema"


async def _keyring(database: AsyncDatabase, settings: Settings) -> str:
    """Open a data key with the master key, where there is one of anybody's."""
    masters = MasterKeys.of(settings)
    async with database.system_tx() as connection:
        row = await connection.fetchrow(
            "SELECT tenant_id, id FROM data_key WHERE master_key_id <> 'destroyed'"
            " ORDER BY master_key_id <> $1 LIMIT 1",
            str(masters.current_id),
        )
    if row is None:
        return OK
    async with database.tenant_tx(row["tenant_id"]) as connection:
        wrapped = await connection.fetchval("SELECT wrapped FROM data_key WHERE id = $1", row["id"])
    try:
        masters.unwrap(row["tenant_id"], row["id"], wrapped)
    except SealError:
        return "does not open with this master key"
    return OK
