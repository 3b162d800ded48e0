"""Sessions in the database: memberships, and refresh tokens that rotate within a family."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from opsintel.access.audit import SYSTEM, Actor, Entry, Subject, record_async
from opsintel.clock import now
from opsintel.db.engine import AsyncDatabase
from opsintel.ids import moment_of, new_id

REFRESH_LIFETIME = timedelta(days=14)
SESSION_LIFETIME = timedelta(days=30)
"""After this long one logs in again, however often the session was refreshed (NIST SP 800-63B-4, section 2.1.3)."""

REUSE_TOLERANCE = timedelta(seconds=10)
"""Two tabs may refresh with the same token; later use of a replaced one is theft and ends the session."""

Method = Literal["password", "invitation", "switch", "single_sign_on"]
"""How a session was opened, as the audit log has it."""

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


async def replace_hash(database: AsyncDatabase, account: Account, password_hash: str) -> bool:
    """Store a stronger hash of the same password; False when the account has another password by now."""
    async with database.system_tx() as connection:
        stored = await connection.fetchval(
            "UPDATE app_user SET password_hash = $3 WHERE id = $1 AND password_hash = $2 RETURNING id",
            account.id,
            account.password_hash,
            password_hash,
        )
    return stored is not None


async def memberships(database: AsyncDatabase, user_id: UUID) -> list[TenantRole]:
    """Return the memberships in active tenants, oldest first."""
    async with database.system_tx() as connection:
        return [TenantRole(*row) for row in await connection.fetch(_MEMBERSHIPS, user_id)]


async def open_session(
    database: AsyncDatabase, user_id: UUID, tenant_id: UUID, method: Method, *, proved: str | None = None
) -> Grant | None:
    """Return the first refresh token of a new family.

    `proved` is the hash that a password was checked against: None comes back when the account has another by now, as a
    new password ends what the old one opens.
    """
    async with database.system_tx() as connection:
        stored = await connection.fetchval(
            "SELECT password_hash FROM app_user WHERE id = $1 AND disabled_at IS NULL FOR SHARE", user_id
        )
        if stored is None or proved not in (None, stored):
            return None
        return await _open(connection, user_id, tenant_id, method)


async def move_session(database: AsyncDatabase, user_id: UUID, session_id: UUID, tenant_id: UUID) -> Grant | None:
    """End a session and return one of the same person in another tenant; None when it is over already."""
    async with database.system_tx() as connection:
        present = await connection.fetchval(
            "SELECT tenant_id FROM refresh_token WHERE family_id = $1 AND user_id = $2 LIMIT 1", session_id, user_id
        )
        if present is None or not await _revoke(connection, session_id):
            return None
        grant = await _insert(connection, _first(user_id, tenant_id))
        told: list[tuple[UUID, str, dict[str, str]]] = [
            (present, "session.ended", {}),
            (tenant_id, "session.opened", {"method": "switch"}),
        ]
        for tenant, action, details in sorted(told, key=lambda entry: entry[0]):  # so that no two wait in a circle
            await _record(connection, replace(grant, tenant_id=tenant), action, _person(user_id), **details)
        return grant


async def refresh(database: AsyncDatabase, token: str, key: bytes) -> Grant | None:
    """Return the successor of a refresh token; None when the session is over, which a late reuse makes it.

    The successor is computed from the token and a key, so that all who refresh at once get one and the same. How long
    ago a token was replaced is told by the database's clock alone: ours may be minutes away from it.
    """
    async with database.system_tx() as connection:
        row = await connection.fetchrow(
            "SELECT id, user_id, tenant_id, family_id, expires_at > now() AS is_good,"
            " now() - replaced_at AS replaced_for FROM refresh_token WHERE token_hash = $1 FOR UPDATE",
            _digest(token),
        )
        if row is None or not _may_go_on(row) or await _is_revoked(connection, row["family_id"]):
            return None
        successor = Grant(
            row["user_id"], row["tenant_id"], row["family_id"], _successor(token, key), now() + REFRESH_LIFETIME
        )
        if row["replaced_for"] is None:
            await connection.execute("UPDATE refresh_token SET replaced_at = now() WHERE id = $1", row["id"])
            return await _insert(connection, successor)
        if row["replaced_for"] <= REUSE_TOLERANCE:
            return successor
        await _revoke(connection, row["family_id"])
        await _record(connection, successor, "session.reuse_detected", SYSTEM)
        return None


async def close_session(database: AsyncDatabase, token: str) -> None:
    """Revoke the family of a refresh token, with every access token of it."""
    async with database.system_tx() as connection:
        row = await connection.fetchrow(
            "SELECT user_id, tenant_id, family_id, expires_at FROM refresh_token WHERE token_hash = $1", _digest(token)
        )
        if row is not None and await _revoke(connection, row["family_id"]):
            ended = Grant(row["user_id"], row["tenant_id"], row["family_id"], "", row["expires_at"])
            await _record(connection, ended, "session.ended", _person(ended.user_id))


async def _open(connection: Any, user_id: UUID, tenant_id: UUID, method: Method) -> Grant:
    grant = await _insert(connection, _first(user_id, tenant_id))
    await _record(connection, grant, "session.opened", _person(user_id), method=method)
    return grant


def _first(user_id: UUID, tenant_id: UUID) -> Grant:
    """Return the first token of a new session."""
    return Grant(user_id, tenant_id, new_id(), secrets.token_urlsafe(32), now() + REFRESH_LIFETIME)


def _person(user_id: UUID) -> Actor:
    return Actor("person", str(user_id))


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


def _may_go_on(row: Any) -> bool:
    """Tell whether neither the token nor its whole session is too old."""
    return bool(row["is_good"] and moment_of(row["family_id"]) + SESSION_LIFETIME > now())


async def _is_revoked(connection: Any, family_id: UUID) -> bool:
    found: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM refresh_token WHERE family_id = $1 AND revoked_at IS NOT NULL)", family_id
    )
    return found


async def _revoke(connection: Any, family_id: UUID) -> bool:
    """End a session; False when it had ended before, also for all but one of those who end it at once."""
    await connection.execute("SELECT FROM refresh_token WHERE family_id = $1 ORDER BY id FOR UPDATE", family_id)
    if await _is_revoked(connection, family_id):
        return False
    await connection.execute("UPDATE refresh_token SET revoked_at = now() WHERE family_id = $1", family_id)
    return True


async def _record(connection: Any, grant: Grant, action: str, actor: Actor, **details: str) -> None:
    subject = Subject("person", str(grant.user_id))
    await record_async(connection, Entry(grant.tenant_id, actor, action, subject, details))


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _successor(token: str, key: bytes) -> str:
    return base64.urlsafe_b64encode(hmac.digest(key, token.encode(), hashlib.sha256)).rstrip(b"=").decode()
