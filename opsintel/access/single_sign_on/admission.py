"""Whom a provider's word lets in: accounts that are linked, are linked now, or are made by an invitation.

No sign-on makes a tenant, and none joins one without the link of an invitation: the link says which tenant it is, which
the person has read before. What is decided here is explained in docs/security.md.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from opsintel.access import invitations, members
from opsintel.access.account_tokens import Link, LinkError
from opsintel.access.audit import SYSTEM, Actor, Entry, Subject, record_async
from opsintel.access.own_password import record_for_person
from opsintel.access.passwords import NO_PASSWORD
from opsintel.access.single_sign_on.claims import Person
from opsintel.db.engine import AsyncDatabase
from opsintel.errors import AccessError

Reason = Literal[
    "email_unverified",
    "domain_refused",
    "account_unknown",
    "account_not_linked",
    "account_linked_otherwise",
    "not_a_member",
    "invitation_unusable",
    "invitation_for_another",
]


class NotAdmitted(AccessError):
    """The provider knows the person, and they do not come in; `reason` says why."""

    code = "sign_on_refused"

    def __init__(self, reason: Reason, user_id: UUID | None = None) -> None:
        super().__init__(f"Single sign-on is refused: {reason}")
        self.reason = reason
        self.user_id = user_id


@dataclass(frozen=True, slots=True)
class Admitted:
    """Who comes in, and into which tenant; `newly_linked` is the address of an account that was there before."""

    user_id: UUID
    tenant_id: UUID
    newly_linked: str | None = None


async def admit(
    database: AsyncDatabase, person: Person, domains: Collection[str], invitation: Link | None = None
) -> Admitted:
    """Return whom the provider's word lets in; raises and records `NotAdmitted`.

    `domains` are those of the operator's list: with one, nobody of another domain comes in, and only with one an
    account that exists is linked by its address.
    """
    try:
        if person.email is None:
            raise NotAdmitted("email_unverified")
        if domains and person.email.rpartition("@")[2] not in domains:
            raise NotAdmitted("domain_refused")
        async with database.system_tx() as connection:
            if invitation is not None:
                return await _by_invitation(connection, person, person.email, bool(domains), invitation)
            return await _by_account(connection, person, person.email, bool(domains))
    except NotAdmitted as refused:
        await _record_refusal(database, person, refused)
        raise


async def _by_account(connection: Any, person: Person, email: str, may_link: bool) -> Admitted:
    """Open the account of an identity, or link it to that of its address."""
    user_id, newly_linked = await _linked(connection, person), None
    if user_id is None:
        account = await connection.fetchrow("SELECT id, email FROM app_user WHERE email = $1", email)
        if account is None:
            raise NotAdmitted("account_unknown")
        user_id = account["id"]
        newly_linked = account["email"] if await _link(connection, person, user_id, may_link) else None
    tenant_id = await connection.fetchval(_OLDEST_MEMBERSHIP, user_id)
    if tenant_id is None:
        raise NotAdmitted("not_a_member", user_id)
    if newly_linked is not None:
        await _record_link(connection, person, user_id)
    return Admitted(user_id, tenant_id, newly_linked)


async def _by_invitation(connection: Any, person: Person, email: str, may_link: bool, invitation: Link) -> Admitted:
    """Join by an invitation to the address that the provider vouches for, with the account that it has or a new one."""
    assert invitation.tenant_id is not None
    try:
        await members.hold_still(connection, invitation.tenant_id)  # first, as who invites does
        opened = await invitations.open_link(connection, invitation, lock=True)
        if opened.email != email or opened.is_disabled:
            raise NotAdmitted("invitation_for_another", opened.user_id)
        linked = await _linked(connection, person)
        if linked is not None and linked != opened.user_id:
            raise NotAdmitted("account_linked_otherwise", linked)
        is_new = opened.user_id is None
        user_id = opened.user_id or await invitations.new_account(connection, email, person.name, NO_PASSWORD)
        is_link_new = await _link(connection, person, user_id, may_link or is_new)
        await invitations.join(connection, invitation, opened, user_id)
    except LinkError:
        raise NotAdmitted("invitation_unusable") from None
    if is_link_new:
        await _record_link(connection, person, user_id)
    return Admitted(user_id, invitation.tenant_id, email if is_link_new and not is_new else None)


_OLDEST_MEMBERSHIP = """
    SELECT membership.tenant_id
    FROM membership JOIN tenant ON tenant.id = membership.tenant_id
    JOIN app_user ON app_user.id = membership.user_id
    WHERE user_id = $1 AND suspended_at IS NULL AND disabled_at IS NULL
    ORDER BY membership.created_at, tenant.id LIMIT 1
"""


async def _linked(connection: Any, person: Person) -> UUID | None:
    found: UUID | None = await connection.fetchval(
        "SELECT user_id FROM identity WHERE issuer = $1 AND subject = $2", person.issuer, person.subject
    )
    return found


async def _link(connection: Any, person: Person, user_id: UUID, may_link: bool) -> bool:
    """Link an identity to an account, for good: who has the address later is somebody else. False when it is already.

    Two first sign-ons go one after the other.
    """
    await connection.execute("SELECT FROM app_user WHERE id = $1 FOR NO KEY UPDATE", user_id)
    present = await connection.fetchval(
        "SELECT subject FROM identity WHERE user_id = $1 AND issuer = $2", user_id, person.issuer
    )
    if present == person.subject:
        return False
    if present is not None:
        raise NotAdmitted("account_linked_otherwise", user_id)
    if not may_link:
        raise NotAdmitted("account_not_linked", user_id)
    await connection.execute(
        "INSERT INTO identity (issuer, subject, user_id) VALUES ($1, $2, $3)", person.issuer, person.subject, user_id
    )
    return True


async def unlink(database: AsyncDatabase, account: str, actor: Actor) -> bool:
    """Take every identity from the account of an address, for the operator; False when there is nothing to take."""
    async with database.system_tx() as connection:
        user_id = await connection.fetchval("SELECT id FROM app_user WHERE email = $1", account.strip().lower())
        taken = await connection.fetch("DELETE FROM identity WHERE user_id = $1 RETURNING issuer", user_id)
        for row in taken:
            await record_for_person(connection, actor, "identity.unlinked", user_id, {"provider": row["issuer"]})
    return bool(taken)


async def _record_link(connection: Any, person: Person, user_id: UUID) -> None:
    actor = Actor("person", str(user_id))
    await record_for_person(connection, actor, "identity.linked", user_id, {"provider": person.issuer})


async def _record_refusal(database: AsyncDatabase, person: Person, refused: NotAdmitted) -> None:
    """Record a refusal where its account is a member; else in the chain of the installation, which names nobody."""
    details = {"provider": person.issuer, "reason": refused.reason}
    async with database.system_tx() as connection:
        if refused.user_id is not None:
            await record_for_person(connection, SYSTEM, "sign_on.refused", refused.user_id, details)
        else:
            subject = Subject("provider", person.issuer)
            await record_async(connection, Entry(None, SYSTEM, "sign_on.refused", subject, details))
