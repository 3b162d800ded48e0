"""Members of a tenant: who may give whom which role, and that an owner is always left."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from opsintel.access.audit import Actor, Detail, Entry, Subject, record_async
from opsintel.access.roles import NOTHING, Role, matrix
from opsintel.db.engine import AsyncDatabase
from opsintel.errors import AccessError, InputError, NotFoundError

MEMBERS, OWNERS = "members.manage", "members.manage_owners"


@dataclass(frozen=True, slots=True)
class Rights:
    """What a member has: a role, scopes granted beyond it, and the sources it is limited to (None: all)."""

    role: Role
    grants: tuple[str, ...] = ()
    source_ids: tuple[UUID, ...] | None = None

    @property
    def scopes(self) -> frozenset[str]:
        """Return every scope of the member."""
        return matrix().of_member(self.role, self.grants, limited=self.source_ids is not None)

    @property
    def details(self) -> dict[str, Detail]:
        """Return them as the audit log has them."""
        sources = [str(source) for source in self.source_ids or ()]
        return {"role": self.role, "grants": list(self.grants), "limited_to_sources": sources}


@dataclass(frozen=True, slots=True)
class Giver:
    """Who gives or takes rights: as the audit log names it, and its scopes; None for the operator, who may all."""

    actor: Actor
    scopes: frozenset[str] | None

    def require(self, *rights: Rights) -> None:
        """Raise `AccessError` where somebody would give, change or take what is above their own scopes."""
        if self.scopes is None:
            return
        for wanted in rights:
            held = matrix().of_member(wanted.role, wanted.grants)
            if not held <= self.scopes or (wanted.role == "owner" and OWNERS not in self.scopes):
                raise AccessError("Your role does not allow to give, change or take away this one")


@dataclass(frozen=True, slots=True)
class Change:
    """New rights of a member; None leaves one as it is."""

    role: Role | None = None
    grants: tuple[str, ...] | None = None
    source_ids: tuple[UUID, ...] | None = None
    all_sources: bool = False
    """Whether a limit to sources ends."""

    def applied_to(self, rights: Rights) -> Rights:
        """Return the rights that follow; grants that the new role cannot have go with the old one."""
        role = self.role or rights.role
        kept = tuple(g for g in rights.grants if g in matrix().grantable.get(role, ()))
        sources = rights.source_ids if self.source_ids is None else self.source_ids
        return Rights(role, kept if self.grants is None else self.grants, None if self.all_sources else sources)


async def change(database: AsyncDatabase, tenant_id: UUID, user_id: UUID, giver: Giver, wanted: Change) -> None:
    """Change a member's rights, from the next request on.

    Raises `NotFoundError` when there is no such member, `AccessError` for what is above the giver's own scopes,
    `InputError` for the last owner, or for grants and sources that are none.
    """
    async with database.system_tx() as connection:
        giver = await lock(connection, tenant_id, giver)
        before = await _rights_of(connection, tenant_id, user_id)
        after = wanted.applied_to(before)
        giver.require(before, after)
        await check_rights(connection, tenant_id, after)
        if before.role == "owner" and after.role != "owner":
            await _require_another_owner(connection, tenant_id, user_id)
        await connection.execute(
            "UPDATE membership SET role = $3, grants = $4, source_ids = $5 WHERE tenant_id = $1 AND user_id = $2",
            tenant_id,
            user_id,
            after.role,
            list(after.grants),
            None if after.source_ids is None else list(after.source_ids),
        )
        details = after.details | {"role_before": before.role}
        action = "member.role_changed" if after.role != before.role else "member.rights_changed"
        await record_async(connection, _entry(tenant_id, giver, action, user_id, details))


async def remove(database: AsyncDatabase, tenant_id: UUID, user_id: UUID, giver: Giver) -> None:
    """Remove a member; the next request is refused, and the sessions there stay dead should the person come back.

    Raises `NotFoundError` when there is no such member, `AccessError` for one above the giver, `InputError` for the
    last owner.
    """
    async with database.system_tx() as connection:
        giver = await lock(connection, tenant_id, giver)
        before = await _rights_of(connection, tenant_id, user_id)
        giver.require(before)
        if before.role == "owner":
            await _require_another_owner(connection, tenant_id, user_id)
        await connection.execute("DELETE FROM membership WHERE tenant_id = $1 AND user_id = $2", tenant_id, user_id)
        # Nobody stands behind them any more, and once the account is erased nobody would be named behind them.
        await connection.execute(
            "UPDATE invitation SET revoked_at = now() WHERE tenant_id = $1 AND invited_by = $2"
            " AND accepted_at IS NULL AND revoked_at IS NULL",
            tenant_id,
            user_id,
        )
        await end_sessions(connection, user_id, tenant_id=tenant_id)
        await record_async(connection, _entry(tenant_id, giver, "member.removed", user_id, {"role": before.role}))


async def join(connection: Any, tenant_id: UUID, user_id: UUID, rights: Rights) -> bool:
    """Make somebody a member in the caller's transaction; False, and nothing changes, for one who is a member."""
    added = await connection.fetchval(
        "INSERT INTO membership (tenant_id, user_id, role, grants, source_ids) VALUES ($1, $2, $3, $4, $5)"
        " ON CONFLICT DO NOTHING RETURNING user_id",
        tenant_id,
        user_id,
        rights.role,
        list(rights.grants),
        None if rights.source_ids is None else list(rights.source_ids),
    )
    return added is not None


async def end_sessions(connection: Any, user_id: UUID, *, tenant_id: UUID | None = None) -> int:
    """End the sessions of a person, in one tenant or everywhere, and return how many there were."""
    ended = await connection.fetch(
        "UPDATE refresh_token SET revoked_at = now() WHERE user_id = $1 AND revoked_at IS NULL"
        " AND ($2::uuid IS NULL OR tenant_id = $2) RETURNING family_id",
        user_id,
        tenant_id,
    )
    return len({row["family_id"] for row in ended})


async def check_rights(connection: Any, tenant_id: UUID, rights: Rights) -> None:
    """Raise `InputError` for a scope that the role cannot be granted, or a source that the tenant does not have."""
    unknown = set(rights.grants) - matrix().grantable.get(rights.role, frozenset())
    if unknown:
        raise InputError(f"The role {rights.role} cannot be granted {', '.join(sorted(unknown))}")
    if rights.source_ids is not None:
        await _check_sources(connection, tenant_id, rights.source_ids)


async def _check_sources(connection: Any, tenant_id: UUID, wanted: Sequence[UUID]) -> None:
    found = await connection.fetchval(
        "SELECT count(*) FROM source WHERE tenant_id = $1 AND id = ANY($2)", tenant_id, list(wanted)
    )
    if found != len(set(wanted)):
        raise InputError("There is no such source")


async def lock(connection: Any, tenant_id: UUID, giver: Giver) -> Giver:
    """Return the giver with the scopes of this moment; no other change of members runs until the transaction ends."""
    await hold_still(connection, tenant_id)
    if giver.actor.kind != "person":
        return giver
    try:
        rights = await _rights_of(connection, tenant_id, UUID(giver.actor.id))
    except NotFoundError:
        raise AccessError("You are no member of this tenant any more") from None
    return Giver(giver.actor, rights.scopes)


async def hold_still(connection: Any, tenant_id: UUID) -> None:
    """Let no change of a tenant's members run until the transaction ends."""
    await connection.execute("SELECT FROM tenant WHERE id = $1 FOR NO KEY UPDATE", tenant_id)


async def may_give(connection: Any, tenant_id: UUID | None, user_id: UUID | None, rights: Rights) -> bool:
    """Tell whether somebody may give these rights now; None is the operator, who may give all."""
    if user_id is None:
        return True
    row = await connection.fetchrow(
        "SELECT role, grants, source_ids FROM membership JOIN app_user ON app_user.id = user_id"
        " WHERE tenant_id = $1 AND user_id = $2 AND disabled_at IS NULL",
        tenant_id,
        user_id,
    )
    held = rights_from(row).scopes if row else NOTHING
    try:
        Giver(Actor("person", str(user_id)), held).require(rights)
    except AccessError:
        return False
    return MEMBERS in held


async def _rights_of(connection: Any, tenant_id: UUID, user_id: UUID) -> Rights:
    row = await connection.fetchrow(
        "SELECT role, grants, source_ids FROM membership WHERE tenant_id = $1 AND user_id = $2", tenant_id, user_id
    )
    if row is None:
        raise NotFoundError("There is no such member")
    return rights_from(row)


def rights_from(row: Any) -> Rights:
    """Return the rights of a row with role, grants and source_ids."""
    sources: Collection[UUID] | None = row["source_ids"]
    return Rights(row["role"], tuple(row["grants"]), None if sources is None else tuple(sources))


async def _require_another_owner(connection: Any, tenant_id: UUID, user_id: UUID) -> None:
    others = await connection.fetchval(
        "SELECT count(*) FROM membership JOIN app_user ON app_user.id = user_id"
        " WHERE tenant_id = $1 AND user_id <> $2 AND role = 'owner' AND disabled_at IS NULL",
        tenant_id,
        user_id,
    )
    if not others:
        raise InputError("The last owner of a tenant stays its owner", remedy="Make somebody else an owner first")


def _entry(tenant_id: UUID, giver: Giver, action: str, user_id: UUID, details: dict[str, Detail]) -> Entry:
    return Entry(tenant_id, giver.actor, action, Subject("person", str(user_id)), details)
