"""Operators: who runs the installation. They are members of no tenant, and hold a token instead of a password."""

from __future__ import annotations

import getpass
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from opsintel.access import opaque
from opsintel.access.audit import Actor, Entry, Subject, record_async
from opsintel.clock import now
from opsintel.db.engine import AsyncDatabase
from opsintel.errors import InputError, NotFoundError
from opsintel.ids import new_id

LONGEST_LIFETIME = timedelta(days=366)
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator whose token is good until a moment."""

    id: UUID
    name: str
    expires_at: datetime


def at_the_command_line() -> Actor:
    """Return who acts by the command line: the user of the machine."""
    return Actor("operator", f"cli:{getpass.getuser()}")


async def add(database: AsyncDatabase, name: str, lifetime: timedelta, actor: Actor) -> str:
    """Make an operator and return the token, which is kept as its hash only.

    Raises `InputError` for a name that is no name or is taken, or a lifetime that is none or too long.
    """
    if not _NAME.fullmatch(name):
        raise InputError(f"'{name[:100]}' cannot be an operator's name", remedy="Use a to z, 0 to 9 and . _ -")
    if not timedelta(0) < lifetime <= LONGEST_LIFETIME:
        raise InputError(f"A token is good for 1 to {LONGEST_LIFETIME.days} days")
    token, operator_id = opaque.new_token(opaque.OPERATOR), new_id()
    async with database.system_tx() as connection:
        await connection.execute(
            "UPDATE operator SET revoked_at = now() WHERE revoked_at IS NULL AND expires_at < now()"
        )
        made = await connection.fetchval(
            "INSERT INTO operator (id, name, token_hash, expires_at) VALUES ($1, $2, $3, $4)"
            " ON CONFLICT (name) WHERE revoked_at IS NULL DO NOTHING RETURNING id",
            operator_id,
            name,
            opaque.digest(token),
            now() + lifetime,
        )
        if made is None:
            raise InputError(f"There is an operator '{name}' already", remedy=f"opsintel operator revoke {name}")
        details = {"days": lifetime.days}
        await record_async(connection, Entry(None, actor, "operator.added", Subject("operator", name), details))
    return token


async def listed(database: AsyncDatabase) -> list[Operator]:
    """Return the operators whose tokens are good, in the order of their names."""
    async with database.system_tx() as connection:
        rows = await connection.fetch(
            "SELECT id, name, expires_at FROM operator WHERE revoked_at IS NULL AND expires_at > now() ORDER BY name"
        )
    return [Operator(*row) for row in rows]


async def revoke(database: AsyncDatabase, name: str, actor: Actor) -> None:
    """End an operator's token at once; `NotFoundError` when there is no such operator."""
    async with database.system_tx() as connection:
        ended = await connection.fetchval(
            "UPDATE operator SET revoked_at = now() WHERE name = $1 AND revoked_at IS NULL RETURNING id", name
        )
        if ended is None:
            raise NotFoundError(f"There is no operator '{name[:100]}'")
        await record_async(connection, Entry(None, actor, "operator.revoked", Subject("operator", name)))


async def find(database: AsyncDatabase, token: str) -> Operator | None:
    """Return the operator of a token that is good now."""
    async with database.system_tx() as connection:
        row = await connection.fetchrow(
            "SELECT id, name, expires_at FROM operator"
            " WHERE token_hash = $1 AND revoked_at IS NULL AND expires_at > now()",
            opaque.digest(token),
        )
    return Operator(*row) if row else None
