"""Service keys in the database: made, rotated, revoked, and looked up at every request that brings one."""

from __future__ import annotations

import hmac
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from opsintel.access import opaque
from opsintel.access.roles import Matrix
from opsintel.clock import now
from opsintel.db.engine import AsyncDatabase
from opsintel.ids import new_id

MAXIMUM_KEYS = 200
"""Keys of a tenant that are neither expired nor revoked."""

# A key is worth what its maker is: with the maker's membership it ends, with the maker's role it shrinks.
_FIND = """
    SELECT key.tenant_id, key.id, key.hash, key.previous_hash, key.scopes, key.source_ids,
           maker.role, maker.grants, maker.source_ids AS sources_of_maker, tenant.personal_data,
           key.last_used_at IS NULL OR key.last_used_at < now() - interval '1 minute' AS to_note
    FROM api_key AS key
    JOIN tenant ON tenant.id = key.tenant_id AND tenant.suspended_at IS NULL
    JOIN app_user ON app_user.id = key.created_by AND app_user.disabled_at IS NULL
    JOIN membership AS maker ON maker.tenant_id = key.tenant_id AND maker.user_id = key.created_by
    WHERE (key.hash = $1 OR (key.previous_hash = $1 AND key.previous_until > now()))
      AND key.revoked_at IS NULL AND key.expires_at > now()
"""


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """What a valid key may do now."""

    tenant_id: UUID
    key_id: UUID
    scopes: frozenset[str]
    sources: tuple[UUID, ...] | None
    personal_data: str


@dataclass(frozen=True, slots=True)
class NewKey:
    """What a key is made of."""

    name: str
    scopes: Collection[str]
    sources: Sequence[UUID] | None
    lives: timedelta


async def find(database: AsyncDatabase, value: str, rights: Matrix) -> KeyHolder | None:
    """Return what a key may do; None for one that is unknown, expired, revoked or whose maker has left."""
    digest = opaque.digest(value)
    async with database.system_tx() as connection:
        row = await connection.fetchrow(_FIND, digest)
        if row is None or not _is_value_of(row, digest):
            return None
        if row["to_note"]:
            await connection.execute(
                "UPDATE api_key SET last_used_at = now() WHERE tenant_id = $1 AND id = $2", row["tenant_id"], row["id"]
            )
    sources = _narrower(row["source_ids"], row["sources_of_maker"])
    held = rights.of_member(row["role"], row["grants"], limited=sources is not None) & rights.of_service_keys
    return KeyHolder(row["tenant_id"], row["id"], held & frozenset(row["scopes"]), sources, row["personal_data"])


async def create(connection: Any, tenant_id: UUID, maker: UUID, new: NewKey) -> tuple[UUID, str]:
    """Store a key in a tenant's transaction and return its id and value, which is never to be had again."""
    value, key_id = opaque.new_token(opaque.SERVICE_KEY), new_id()
    await connection.execute(
        "INSERT INTO api_key (tenant_id, id, name, prefix, hash, scopes, source_ids, created_by, expires_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        tenant_id,
        key_id,
        new.name,
        value[: opaque.SHOWN],
        opaque.digest(value),
        sorted(new.scopes),
        None if new.sources is None else sorted(set(new.sources)),
        maker,
        now() + new.lives,
    )
    return key_id, value


async def rotate(connection: Any, key_id: UUID, maker: UUID, *, overlap: timedelta, expires_at: datetime) -> str:
    """Give a key another value and return it; the one before is taken until the overlap ends or it expires itself.

    A value that was replaced by an earlier rotation ends at once.
    """
    value = opaque.new_token(opaque.SERVICE_KEY)
    await connection.execute(
        "UPDATE api_key SET previous_hash = hash, previous_until = least(now() + $2, expires_at), hash = $3,"
        " prefix = $4, created_by = $5, rotated_at = now(), expires_at = $6 WHERE id = $1",
        key_id,
        overlap,
        opaque.digest(value),
        value[: opaque.SHOWN],
        maker,
        expires_at,
    )
    return value


async def revoke(connection: Any, key_id: UUID) -> None:
    """End a key and all its values at once."""
    await connection.execute("UPDATE api_key SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL", key_id)


def _is_value_of(row: Any, digest: bytes) -> bool:
    """Compare in constant time what the index has found by its order."""
    return any(known is not None and hmac.compare_digest(known, digest) for known in (row[2], row[3]))


def _narrower(one: Sequence[UUID] | None, other: Sequence[UUID] | None) -> tuple[UUID, ...] | None:
    if one is None or other is None:
        found = one if other is None else other
        return None if found is None else tuple(sorted(found))
    return tuple(sorted(set(one) & set(other)))
