"""Invitations: who is asked to join a tenant, and how they do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from opsintel.access import members
from opsintel.access.account_tokens import LIFETIMES, Link, LinkError, issue, look_up, redeem
from opsintel.access.accounts import normalized_email
from opsintel.access.audit import Actor, Entry, Subject, record_async
from opsintel.access.members import Giver, Rights, rights_from
from opsintel.clock import now
from opsintel.db.engine import AsyncDatabase
from opsintel.errors import InputError, NotFoundError
from opsintel.ids import new_id

MOST_OPEN = 1000
"""Invitations of a tenant that nobody has answered yet: more are refused, as each sends a mail."""


@dataclass(frozen=True, slots=True)
class Invited:
    """An invitation that was made, and the token of its link."""

    id: UUID
    email: str
    token: str
    tenant_name: str
    tenant_slug: str


@dataclass(frozen=True, slots=True)
class Opened:
    """What the holder of a link is shown: who is asked, to what, and whether the address has an account already."""

    email: str
    tenant_name: str
    rights: Rights
    user_id: UUID | None
    password_hash: str | None
    is_disabled: bool


_OPENED = """
    SELECT invitation.email, tenant.name AS tenant_name, role, grants, source_ids, invited_by,
           app_user.id AS user_id, app_user.password_hash, app_user.disabled_at IS NOT NULL AS is_disabled
    FROM invitation JOIN tenant ON tenant.id = invitation.tenant_id
    LEFT JOIN app_user ON app_user.email = invitation.email
    WHERE invitation.tenant_id = $1 AND invitation.id = $2 AND tenant.suspended_at IS NULL
      AND accepted_at IS NULL AND revoked_at IS NULL AND invitation.expires_at > now()
"""


async def invite(database: AsyncDatabase, tenant_id: UUID, email: str, rights: Rights, giver: Giver) -> Invited:
    """Invite an address; an earlier open invitation of it ends. Says nothing about whether it has an account.

    Raises `InputError` for an unusable address or grant, a member, or too many open invitations; `AccessError` for
    rights above the giver's own.
    """
    address = normalized_email(email)
    async with database.system_tx() as connection:
        giver = await members.lock(connection, tenant_id, giver)
        giver.require(rights)
        await members.check_rights(connection, tenant_id, rights)
        if await _is_member(connection, tenant_id, address):
            raise InputError("This person is a member already")
        replaced = await connection.fetchval(
            "UPDATE invitation SET revoked_at = now() WHERE tenant_id = $1 AND email = $2"
            " AND accepted_at IS NULL AND revoked_at IS NULL RETURNING id",
            tenant_id,
            address,
        )
        await _require_room(connection, tenant_id)
        invitation_id = new_id()
        await connection.execute(
            "INSERT INTO invitation (tenant_id, id, email, role, grants, source_ids, invited_by, expires_at)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            tenant_id,
            invitation_id,
            address,
            rights.role,
            list(rights.grants),
            None if rights.source_ids is None else list(rights.source_ids),
            UUID(giver.actor.id) if giver.actor.kind == "person" else None,
            now() + LIFETIMES["invitation"],
        )
        token = await issue(connection, "invitation", Link(tenant_id=tenant_id, invitation_id=invitation_id))
        tenant = await connection.fetchrow("SELECT name, slug FROM tenant WHERE id = $1", tenant_id)
        details = rights.details | {"replaces": str(replaced) if replaced else None}
        await record_async(connection, _entry(tenant_id, giver.actor, "invitation.created", invitation_id, details))
    return Invited(invitation_id, address, token, tenant["name"], tenant["slug"])


async def renew(database: AsyncDatabase, tenant_id: UUID, invitation_id: UUID, actor: Actor) -> Invited:
    """Return a new link of a tenant's open invitation, for the operator to hand out; the earlier one is dead.

    Raises `NotFoundError` when there is no such invitation.
    """
    async with database.system_tx() as connection:
        email = await connection.fetchval(
            "UPDATE invitation SET expires_at = $3 WHERE tenant_id = $1 AND id = $2"
            " AND accepted_at IS NULL AND revoked_at IS NULL RETURNING email",
            tenant_id,
            invitation_id,
            now() + LIFETIMES["invitation"],
        )
        if email is None:
            raise NotFoundError("There is no such invitation")
        tenant = await connection.fetchrow("SELECT name, slug FROM tenant WHERE id = $1", tenant_id)
        token = await issue(connection, "invitation", Link(tenant_id=tenant_id, invitation_id=invitation_id))
        await record_async(connection, _entry(tenant_id, actor, "invitation.renewed", invitation_id))
    return Invited(invitation_id, email, token, tenant["name"], tenant["slug"])


async def revoke(database: AsyncDatabase, tenant_id: UUID, invitation_id: UUID, giver: Giver) -> None:
    """Take an open invitation back; `NotFoundError` when there is none, `AccessError` for one above the giver."""
    async with database.system_tx() as connection:
        giver = await members.lock(connection, tenant_id, giver)
        row = await connection.fetchrow(
            "UPDATE invitation SET revoked_at = now() WHERE tenant_id = $1 AND id = $2"
            " AND accepted_at IS NULL AND revoked_at IS NULL RETURNING role, grants, source_ids",
            tenant_id,
            invitation_id,
        )
        if row is None:
            raise NotFoundError("There is no such invitation")
        giver.require(rights_from(row))
        await record_async(connection, _entry(tenant_id, giver.actor, "invitation.revoked", invitation_id))


async def inspect(database: AsyncDatabase, token: str) -> Opened:
    """Return what a link invites to and leave it good; `LinkError` when it is not.

    An invitation is worth what its sender may give at this moment: it ends with the sender's membership or rights.
    """
    async with database.system_tx() as connection:
        return await open_link(connection, await look_up(connection, "invitation", token))


async def link_of(database: AsyncDatabase, token: str) -> Link:
    """Return which invitation a link is about and leave it good; `LinkError` when it is not."""
    async with database.system_tx() as connection:
        link = await look_up(connection, "invitation", token)
        await open_link(connection, link)
    return link


async def accept(database: AsyncDatabase, token: str, name: str, password_hash: str | None) -> tuple[UUID, UUID]:
    """Use a link and return the ids of person and tenant; the account is made where there is none.

    `password_hash` is for a new account; None says that the caller has checked the password of the one that is there.
    Raises `LinkError` when the link is not good, or the account came or went since it was looked at.
    """
    async with database.system_tx() as connection:
        # The tenant is locked before the link is used, in the order of `invite`, so that no two wait in a circle.
        link = await look_up(connection, "invitation", token)
        assert link.tenant_id is not None
        await members.hold_still(connection, link.tenant_id)
        await redeem(connection, "invitation", token)
        opened = await open_link(connection, link, lock=True)
        if opened.is_disabled or (opened.user_id is None) is not (password_hash is not None):
            raise LinkError
        user_id = opened.user_id or await new_account(connection, opened.email, name, password_hash or "")
        await join(connection, link, opened, user_id)
    return user_id, link.tenant_id


async def join(connection: Any, link: Link, opened: Opened, user_id: UUID) -> None:
    """Make somebody the member that an invitation asks for, in the caller's transaction, which holds tenant and it.

    Raises `LinkError` for who is a member already.
    """
    assert link.tenant_id is not None
    if not await members.join(connection, link.tenant_id, user_id, opened.rights):
        raise LinkError
    await connection.execute(
        "UPDATE invitation SET accepted_at = now() WHERE tenant_id = $1 AND id = $2", link.tenant_id, link.invitation_id
    )
    await connection.execute(
        "UPDATE account_token SET used_at = now() WHERE tenant_id = $1 AND invitation_id = $2 AND used_at IS NULL",
        link.tenant_id,
        link.invitation_id,
    )
    who = Actor("person", str(user_id))
    # Not whether the account is new: one that is there already may be another tenant's member.
    accepted = _entry(link.tenant_id, who, "invitation.accepted", link.invitation_id, opened.rights.details)
    await record_async(connection, accepted)


async def new_account(connection: Any, email: str, name: str, password_hash: str) -> UUID:
    """Make an account in the caller's transaction; `LinkError` when the address has one by now."""
    user_id: UUID | None = await connection.fetchval(
        "INSERT INTO app_user (id, email, name, password_hash) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT (email) DO NOTHING RETURNING id",
        new_id(),
        email,
        name,
        password_hash,
    )
    if user_id is None:
        raise LinkError
    return user_id


async def open_link(connection: Any, link: Link, *, lock: bool = False) -> Opened:
    """Return what an invitation is to; `LinkError` when it was accepted, taken back, has expired or never was."""
    statement = _OPENED + (" FOR UPDATE OF invitation" if lock else "")
    row = await connection.fetchrow(statement, link.tenant_id, link.invitation_id)
    if row is None or not await members.may_give(connection, link.tenant_id, row["invited_by"], rights_from(row)):
        raise LinkError
    return Opened(
        row["email"], row["tenant_name"], rights_from(row), row["user_id"], row["password_hash"], row["is_disabled"]
    )


async def _is_member(connection: Any, tenant_id: UUID, email: str) -> bool:
    found: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM membership JOIN app_user ON app_user.id = user_id"
        " WHERE tenant_id = $1 AND email = $2)",
        tenant_id,
        email,
    )
    return found


async def _require_room(connection: Any, tenant_id: UUID) -> None:
    waiting = await connection.fetchval(
        "SELECT count(*) FROM invitation WHERE tenant_id = $1 AND accepted_at IS NULL AND revoked_at IS NULL"
        " AND expires_at > now()",
        tenant_id,
    )
    if waiting >= MOST_OPEN:
        raise InputError(f"{MOST_OPEN:,} invitations are open", remedy="Take some back first")


def _entry(tenant_id: UUID, actor: Actor, action: str, invitation_id: UUID | None, details: Any = None) -> Entry:
    return Entry(tenant_id, actor, action, Subject("invitation", str(invitation_id)), details or {})
