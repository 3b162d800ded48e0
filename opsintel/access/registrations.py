"""Open registration: a person makes an account and a tenant, once the address has answered."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from opsintel.access import account_tokens, members
from opsintel.access.account_tokens import Link
from opsintel.access.audit import Actor, Entry, Subject, record_async
from opsintel.access.invitations import new_account
from opsintel.access.members import Rights
from opsintel.access.opaque import digest
from opsintel.db.engine import AsyncDatabase
from opsintel.ids import new_id


@dataclass(frozen=True, slots=True)
class Registration:
    """What a person asks for; the password as its hash."""

    email: str
    name: str
    organization: str
    password_hash: str


async def issue(database: AsyncDatabase, wanted: Registration) -> str | None:
    """Return the token of the link that confirms a registration; None when the address has an account."""
    async with database.system_tx() as connection:
        if await connection.fetchval("SELECT EXISTS (SELECT FROM app_user WHERE email = $1)", wanted.email):
            return None
        await connection.execute(
            "UPDATE account_token SET used_at = now() WHERE purpose = 'registration' AND used_at IS NULL"
            " AND details ->> 'email' = $1",
            wanted.email,
        )
        details = {
            "email": wanted.email,
            "name": wanted.name,
            "organization": wanted.organization,
            "password_hash": wanted.password_hash,
        }
        return await account_tokens.issue(connection, "registration", Link(details=details))


async def confirm(database: AsyncDatabase, token: str) -> UUID:
    """Make the account and its tenant, of which it is the owner, and return the tenant's id.

    Raises `LinkError` when the link is not good or the address has an account by now.
    """
    async with database.system_tx() as connection:
        link = await account_tokens.redeem(connection, "registration", token)
        wanted = Registration(**link.details)
        user_id = await new_account(connection, wanted.email, wanted.name, wanted.password_hash)
        tenant_id = await _new_tenant(connection, wanted.organization)
        await members.join(connection, tenant_id, user_id, Rights("owner"))
        # What it asked for is in the account now, and nothing personal stays beside it.
        await connection.execute("UPDATE account_token SET details = NULL WHERE token_hash = $1", digest(token))
        subject = Subject("person", str(user_id))
        actor = Actor("person", str(user_id))
        await record_async(connection, Entry(tenant_id, actor, "account.registered", subject, {"role": "owner"}))
    return tenant_id


async def _new_tenant(connection: Any, organization: str) -> UUID:
    """Make a tenant. Its short name stands in partition keys, which operators read, so it names nobody."""
    tenant_id = new_id()
    await connection.execute(
        "INSERT INTO tenant (id, slug, name) VALUES ($1, $2, $3)", tenant_id, f"t-{secrets.token_hex(6)}", organization
    )
    return tenant_id
