"""A person's password: set anew by a link, or changed by who knows the present one. Every session ends with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from opsintel.access import account_tokens
from opsintel.access.account_tokens import Link, LinkError
from opsintel.access.audit import SYSTEM, Actor, Entry, Subject, record_async
from opsintel.access.members import end_sessions
from opsintel.db.engine import AsyncDatabase


@dataclass(frozen=True, slots=True)
class ResetLink:
    """Whose password may be set, where they read mail, and the token of the link."""

    user_id: UUID
    email: str
    token: str


async def issue_reset(database: AsyncDatabase, account: str, actor: Actor = SYSTEM) -> ResetLink | None:
    """Return a link that sets the password of an account, named by address or id; None for no active account."""
    async with database.system_tx() as connection:
        row = await connection.fetchrow(
            "SELECT id, email FROM app_user WHERE (email = $1 OR id = $2) AND disabled_at IS NULL",
            account.strip().lower(),
            _id_or_none(account),
        )
        if row is None:
            return None
        token = await account_tokens.issue(connection, "reset", Link(user_id=row["id"]))
        await record_for_person(connection, actor, "password.reset_asked", row["id"])
    return ResetLink(row["id"], row["email"], token)


async def reset(database: AsyncDatabase, token: str, password_hash: str) -> UUID:
    """Set a password by a link, end every session and return whose it was; `LinkError` when the link is not good."""
    async with database.system_tx() as connection:
        link = await account_tokens.redeem(connection, "reset", token)
        assert link.user_id is not None
        await _store(connection, link.user_id, password_hash)
        await record_for_person(connection, Actor("person", str(link.user_id)), "password.reset", link.user_id)
    return link.user_id


async def change(database: AsyncDatabase, user_id: UUID, password_hash: str, *, proved: str) -> bool:
    """Store a new password of a person who gave the present one, and end every session.

    `proved` is the hash that the present one was checked against: False comes back, and nothing changes, when the
    account has another by now, as somebody who lost the old password to a thief sets a new one by a link.
    """
    async with database.system_tx() as connection:
        present = await connection.fetchval("SELECT password_hash FROM app_user WHERE id = $1 FOR UPDATE", user_id)
        if present != proved:
            return False
        await _store(connection, user_id, password_hash)
        await record_for_person(connection, Actor("person", str(user_id)), "password.changed", user_id)
    return True


async def log_out_everywhere(database: AsyncDatabase, user_id: UUID) -> None:
    """End every session of a person, in every tenant."""
    async with database.system_tx() as connection:
        await end_sessions(connection, user_id)
        # Without their number: it would tell each tenant of sessions in the others.
        await record_for_person(connection, Actor("person", str(user_id)), "sessions.ended", user_id)


async def record_for_person(
    connection: Any, actor: Actor, action: str, user_id: UUID, details: dict[str, Any] | None = None
) -> None:
    """Record what concerns an account in the log of each tenant that it is a member of."""
    tenants = await connection.fetch(
        "SELECT tenant_id FROM membership WHERE user_id = $1 ORDER BY tenant_id", user_id
    )  # in one order, so that no two wait for each other in a circle
    for row in tenants:
        subject = Subject("person", str(user_id))
        await record_async(connection, Entry(row["tenant_id"], actor, action, subject, details or {}))


def _id_or_none(account: str) -> UUID | None:
    try:
        return UUID(account)
    except ValueError:
        return None


async def _store(connection: Any, user_id: UUID, password_hash: str) -> None:
    """Store a hash; sessions and links that came before it are dead."""
    stored = await connection.fetchval(
        "UPDATE app_user SET password_hash = $2 WHERE id = $1 AND disabled_at IS NULL RETURNING id",
        user_id,
        password_hash,
    )
    if stored is None:
        raise LinkError
    await end_sessions(connection, user_id)
    await connection.execute(
        "UPDATE account_token SET used_at = now() WHERE user_id = $1 AND purpose = 'reset' AND used_at IS NULL",
        user_id,
    )
