"""Sessions in the database: memberships, and refresh tokens that rotate within a family."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from opsintel.clock import now
from opsintel.db.engine import AsyncDatabase
from opsintel.ids import new_id

REFRESH_LIFETIME = timedelta(days=14)
REUSE_TOLERANCE = timedelta(seconds=10)
"""Two tabs may refresh with the same token; later use of a replaced one is theft and ends the session."""

_MEMBERSHIPS = """
    SELECT tenant.id, tenant.slug, tenant.name, membership.role
    FROM membership JOIN tenant ON tenant.id = membership.tenant_id
    WHERE membership.user_id = $1 AND tenant.suspended_at IS NULL
    ORDER BY membership.created_at, tenant.id
"""


@dataclass(frozen=True, slots=True)
class Account:
    """A person who can log in."""

    id: UUID
    email: str
    name: str
    password_hash: str


@dataclass(frozen=True, slots=True)
class TenantRole:
    """A membership."""

    tenant_id: UUID
    slug: str
    name: str
    role: str


@dataclass(frozen=True, slots=True)
class Grant:
    """A refresh token that was issued, and the session it belongs to."""

    user_id: UUID
    tenant_id: UUID
    session_id: UUID
    token: str
    expires_at: datetime


async def find_account(database: AsyncDatabase, email: str) -> Account | None:
    """Return the active account of an address."""
    async with database.system_tx() as connection:
        row = await connection.fetchrow(
            "SELECT id, email, name, password_hash FROM app_user WHERE email = $1 AND disabled_at IS NULL", email
        )
    return Account(*row) if row else None


async def account_of(database: AsyncDatabase, user_id: UUID) -> Account | None:
    """Return an active account by its id."""
    async with database.system_tx() as connection:
        row = await connection.fetchrow(
            "SELECT id, email, name, password_hash FROM app_user WHERE id = $1 AND disabled_at IS NULL", user_id
        )
    return Account(*row) if row else None


async def replace_hash(database: AsyncDatabase, user_id: UUID, password_hash: str) -> None:
    """Store a stronger hash of the same password."""
    async with database.system_tx() as connection:
        await connection.execute("UPDATE app_user SET password_hash = $2 WHERE id = $1", user_id, password_hash)


async def memberships(database: AsyncDatabase, user_id: UUID) -> list[TenantRole]:
    """Return the memberships in active tenants, oldest first."""
    async with database.system_tx() as connection:
        return [TenantRole(*row) for row in await connection.fetch(_MEMBERSHIPS, user_id)]


async def open_session(database: AsyncDatabase, user_id: UUID, tenant_id: UUID) -> Grant:
    """Return the first refresh token of a new family."""
    token = secrets.token_urlsafe(32)
    async with database.system_tx() as connection:
        return await _insert(connection, Grant(user_id, tenant_id, new_id(), token, now() + REFRESH_LIFETIME))


async def refresh(database: AsyncDatabase, token: str, key: bytes) -> Grant | None:
    """Return the successor of a refresh token; None when the session is over, which a late reuse makes it.

    The successor is computed from the token and a key, so that all who refresh at once get one and the same.
    """
    async with database.system_tx() as connection:
        row = await connection.fetchrow(
            "SELECT id, user_id, tenant_id, family_id, expires_at, replaced_at, revoked_at FROM refresh_token"
            " WHERE token_hash = $1 FOR UPDATE",
            _digest(token),
        )
        if row is None or row["revoked_at"] is not None or row["expires_at"] <= now():
            return None
        successor = Grant(
            row["user_id"], row["tenant_id"], row["family_id"], _successor(token, key), now() + REFRESH_LIFETIME
        )
        if row["replaced_at"] is None:
            await connection.execute("UPDATE refresh_token SET replaced_at = now() WHERE id = $1", row["id"])
            return await _insert(connection, successor)
        if now() - row["replaced_at"] <= REUSE_TOLERANCE:
            return successor
        await _revoke(connection, row["family_id"])
        return None


async def close_session(database: AsyncDatabase, token: str) -> None:
    """Revoke the family of a refresh token, with every access token of it."""
    async with database.system_tx() as connection:
        family = await connection.fetchval("SELECT family_id FROM refresh_token WHERE token_hash = $1", _digest(token))
        if family is not None:
            await _revoke(connection, family)


async def _insert(connection: Any, grant: Grant) -> Grant:
    await connection.execute(
        "INSERT INTO refresh_token (id, user_id, tenant_id, family_id, token_hash, expires_at)"
        " VALUES ($1, $2, $3, $4, $5, $6)",
        new_id(),
        grant.user_id,
        grant.tenant_id,
        grant.session_id,
        _digest(grant.token),
        grant.expires_at,
    )
    return grant


async def _revoke(connection: Any, family_id: UUID) -> None:
    await connection.execute(
        "UPDATE refresh_token SET revoked_at = now() WHERE family_id = $1 AND revoked_at IS NULL", family_id
    )


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _successor(token: str, key: bytes) -> str:
    return base64.urlsafe_b64encode(hmac.digest(key, token.encode(), hashlib.sha256)).rstrip(b"=").decode()
