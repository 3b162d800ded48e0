"""Tenants as the operator has them: made, suspended, activated; counts and health, never text."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from opsintel.access.audit import Actor, Entry, Subject, record_async
from opsintel.db.engine import AsyncDatabase
from opsintel.errors import InputError, NotFoundError
from opsintel.ids import new_id
from opsintel.tenants import SLUG

LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Tenancy:
    """A tenant in figures."""

    id: UUID
    slug: str
    name: str
    created_at: datetime
    suspended_at: datetime | None
    paused_at: datetime | None
    members: int
    sources: int
    failing_sources: int
    waiting_work: int
    failed_work: int
    messages: int = 0


_FIGURES = """
    SELECT id, slug, name, created_at, suspended_at, paused_at,
           (SELECT count(*) FROM membership WHERE tenant_id = tenant.id),
           (SELECT count(*) FROM source WHERE tenant_id = tenant.id),
           (SELECT count(*) FROM source WHERE tenant_id = tenant.id AND state = 'failing'),
           (SELECT count(*) FROM work WHERE tenant_id = tenant.id AND state IN ('pending', 'batched')),
           (SELECT count(*) FROM work WHERE tenant_id = tenant.id AND state = 'failed')
    FROM tenant
"""


async def page(database: AsyncDatabase, after: tuple[datetime, UUID] | None, limit: int) -> list[Tenancy]:
    """Return tenants in the order they were made, from behind one on."""
    async with database.system_tx() as connection:
        rows = await connection.fetch(
            f"{_FIGURES} WHERE $1::timestamptz IS NULL OR (created_at, id) > ($1, $2::uuid)"
            " ORDER BY created_at, id LIMIT $3",
            *(after or (None, None)),
            limit,
        )
    return [replace(Tenancy(*row), messages=await _messages(database, row["id"])) for row in rows]


async def one(database: AsyncDatabase, tenant_id: UUID) -> Tenancy:
    """Return a tenant; `NotFoundError` when there is none."""
    async with database.system_tx() as connection:
        row = await connection.fetchrow(f"{_FIGURES} WHERE id = $1", tenant_id)
    if row is None:
        raise NotFoundError("There is no such tenant")
    return replace(Tenancy(*row), messages=await _messages(database, tenant_id))


async def find(database: AsyncDatabase, slug: str) -> UUID:
    """Return the id of a tenant by its short name; `NotFoundError` when there is none."""
    async with database.system_tx() as connection:
        found: UUID | None = await connection.fetchval("SELECT id FROM tenant WHERE slug = $1", slug[:100])
    if found is None:
        raise NotFoundError(f"There is no tenant '{slug[:100]}'", remedy="`opsintel tenant list` shows them")
    return found


async def create(database: AsyncDatabase, slug: str, name: str, actor: Actor) -> UUID:
    """Make a tenant and return its id; `InputError` for a short name that is none or taken."""
    if not SLUG.fullmatch(slug):
        raise InputError(
            f"'{slug[:100]}' cannot be a tenant's short name", remedy="Use a to z, 0 to 9 and -, at most 63 characters"
        )
    async with database.system_tx() as connection:
        made: UUID | None = await connection.fetchval(
            "INSERT INTO tenant (id, slug, name) VALUES ($1, $2, $3) ON CONFLICT (slug) DO NOTHING RETURNING id",
            new_id(),
            slug,
            name[:LONGEST_NAME] or slug,
        )
        if made is None:
            raise InputError(f"There is a tenant '{slug}' already")
        await _record(connection, made, actor, "tenant.created")
    return made


async def suspend(database: AsyncDatabase, tenant_id: UUID, actor: Actor) -> None:
    """Close a tenant: its sessions end, nobody gets in, its work and polls wait. Again changes nothing."""
    async with database.system_tx() as connection:
        if not await _set(connection, tenant_id, "coalesce(suspended_at, now())"):
            return
        await connection.execute(
            "UPDATE refresh_token SET revoked_at = now() WHERE tenant_id = $1 AND revoked_at IS NULL", tenant_id
        )
        await _record(connection, tenant_id, actor, "tenant.suspended")


async def activate(database: AsyncDatabase, tenant_id: UUID, actor: Actor) -> None:
    """Open a suspended tenant again; its people log in anew, and its work goes on. Again changes nothing."""
    async with database.system_tx() as connection:
        if await _set(connection, tenant_id, "NULL"):
            await _record(connection, tenant_id, actor, "tenant.activated")


async def _set(connection: Any, tenant_id: UUID, moment: str) -> bool:
    """Set when a tenant was suspended and tell whether that changed anything; `NotFoundError` when there is none."""
    row = await connection.fetchrow(
        "SELECT suspended_at IS NOT NULL AS before FROM tenant WHERE id = $1 FOR NO KEY UPDATE", tenant_id
    )
    if row is None:
        raise NotFoundError("There is no such tenant")
    after: bool = await connection.fetchval(
        f"UPDATE tenant SET suspended_at = {moment} WHERE id = $1 RETURNING suspended_at IS NOT NULL", tenant_id
    )
    return after is not row["before"]


async def _messages(database: AsyncDatabase, tenant_id: UUID) -> int:
    """Return how many messages a tenant has stored, by its roll-ups."""
    async with database.tenant_tx(tenant_id) as connection:
        return int(await connection.fetchval("SELECT coalesce(sum(stored), 0) FROM fact_source_day"))


async def _record(connection: Any, tenant_id: UUID, actor: Actor, action: str) -> None:
    await record_async(connection, Entry(tenant_id, actor, action, Subject("tenant", str(tenant_id))))
