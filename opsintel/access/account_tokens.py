"""Links that are sent to people: a token of 256 random bits, kept as its hash, good once and for a while.

By the OWASP Forgot Password Cheat Sheet: single use, random, short-lived, stored hashed; a newer link ends the older.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal
from uuid import UUID

from opsintel.access.opaque import digest, is_well_formed, new_token
from opsintel.errors import AccessError
from opsintel.ids import new_id

Purpose = Literal["invitation", "reset", "registration"]

PREFIX = "opl_"

LIFETIMES: Mapping[Purpose, timedelta] = {
    "invitation": timedelta(days=7),
    "reset": timedelta(hours=1),
    "registration": timedelta(days=1),
}


class LinkError(AccessError):
    """A link that was used, has expired, was taken back or never was: all four look the same."""

    code = "link_invalid"

    def __init__(self) -> None:
        super().__init__("This link is not valid, or no longer", remedy="Ask for a new one")


@dataclass(frozen=True, slots=True)
class Link:
    """What a link is about: an account, an invitation, or what a registration asked for."""

    user_id: UUID | None = None
    tenant_id: UUID | None = None
    invitation_id: UUID | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


_ABOUT = "user_id, tenant_id, invitation_id, details"
_LIVES = "token_hash = $1 AND purpose = $2 AND used_at IS NULL AND expires_at > now()"


async def issue(connection: Any, purpose: Purpose, link: Link) -> str:
    """Return a new token; earlier ones about the same account or invitation end."""
    await connection.execute(
        "UPDATE account_token SET used_at = now() WHERE purpose = $1 AND used_at IS NULL"
        " AND (user_id = $2 OR (tenant_id, invitation_id) = ($3, $4))",
        purpose,
        link.user_id,
        link.tenant_id,
        link.invitation_id,
    )
    token = new_token(PREFIX)
    await connection.execute(
        f"INSERT INTO account_token (id, purpose, token_hash, expires_at, {_ABOUT})"
        " VALUES ($1, $2, $3, now() + $4, $5, $6, $7, $8)",
        new_id(),
        purpose,
        digest(token),
        LIFETIMES[purpose],
        link.user_id,
        link.tenant_id,
        link.invitation_id,
        json.dumps(dict(link.details)) if link.details else None,
    )
    return token


async def look_up(connection: Any, purpose: Purpose, token: str) -> Link:
    """Return what a token is about and leave it good; `LinkError` when it is not."""
    if not is_well_formed(token, PREFIX):
        raise LinkError
    return _link(
        await connection.fetchrow(f"SELECT {_ABOUT} FROM account_token WHERE {_LIVES}", digest(token), purpose)
    )


async def redeem(connection: Any, purpose: Purpose, token: str) -> Link:
    """Use a token up and return what it is about; `LinkError` when it is not good, also for all but one at once."""
    if not is_well_formed(token, PREFIX):
        raise LinkError
    return _link(
        await connection.fetchrow(
            f"UPDATE account_token SET used_at = now() WHERE {_LIVES} RETURNING {_ABOUT}", digest(token), purpose
        )
    )


def _link(row: Any) -> Link:
    if row is None:
        raise LinkError
    return Link(row["user_id"], row["tenant_id"], row["invitation_id"], json.loads(row["details"] or "{}"))
