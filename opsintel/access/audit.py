"""The audit log: what was done, by whom, to what, in the transaction that did it.

The database gives each entry its place, time and hash, and replaces people by opaque ids of their tenant (migration
0010), so neither an entry's author nor this module can choose them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal
from uuid import UUID

import psycopg

if TYPE_CHECKING:
    import asyncpg

ActorKind = Literal["person", "service_key", "operator", "analyst", "system"]
Detail = str | int | float | bool | None | list[str]

INSTALLATION = UUID(int=0)
"""The chain of acts that concern the installation itself, or a tenant that is gone."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: the id of an account or key, or the name of an operator or analyst."""

    kind: ActorKind
    id: str


@dataclass(frozen=True, slots=True)
class Subject:
    """What is acted on: its kind (a word such as `person`, `source`, `policy`) and id."""

    kind: str
    id: str


SYSTEM = Actor("system", "opsintel")


@dataclass(frozen=True, slots=True)
class Entry:
    """One act. `action` is a dotted verb (`member.role_changed`); `details` hold ids and figures, no personal data.

    `tenant_id` None records it in the chain of the installation.
    """

    tenant_id: UUID | None
    actor: Actor
    action: str
    subject: Subject
    details: Mapping[str, Detail] = field(default_factory=dict)

    def values(self) -> tuple[UUID, str, str, str, str, str, str]:
        """Return the columns that the application gives, in the order of the statements."""
        return (
            self.tenant_id or INSTALLATION,
            self.actor.kind,
            self.actor.id,
            self.action,
            self.subject.kind,
            self.subject.id,
            json.dumps(dict(self.details)),
        )


_COLUMNS = "tenant_id, actor_kind, actor_id, action, subject_kind, subject_id, details"
_INSERT = f"INSERT INTO audit_log ({_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s::jsonb) RETURNING seq"
_INSERT_ASYNC = f"INSERT INTO audit_log ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7::jsonb) RETURNING seq"


def record(connection: psycopg.Connection, entry: Entry) -> int:
    """Append an entry in the caller's transaction and return its place in the chain.

    The chain is held until the transaction ends: record last, and end soon.
    """
    row = connection.execute(_INSERT.encode(), entry.values()).fetchone()
    assert row is not None
    seq: int = row[0]
    return seq


async def record_async(connection: asyncpg.pool.PoolConnectionProxy, entry: Entry) -> int:
    """Append an entry by asyncpg; otherwise as `record`."""
    seq: int = await connection.fetchval(_INSERT_ASYNC, *entry.values())
    return seq
