"""Two new tenants of a world for the length of one attempt: what is done in one must leave the other as it was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg

from opsintel.access.opaque import digest
from opsintel.access.roles import Role
from opsintel.clock import now
from opsintel.db.tables import metadata
from opsintel.ids import new_id
from tests.isolation.world import World

LATER = timedelta(days=1)
_OF_TENANTS = [
    table.name
    for table in metadata.sorted_tables
    if "tenant_id" in table.columns and table.name not in ("audit_log", "audit_head")
]


@dataclass
class Pair:
    """The one that is acted in and the other, and a connection that nothing binds."""

    connection: psycopg.Connection
    one: UUID
    other: UUID
    people: list[UUID] = field(default_factory=list)

    def person(self, **roles: Role) -> UUID:
        """Make an account, a member with these roles: `one="viewer", other="owner"`."""
        user_id = new_id()
        self.people.append(user_id)
        email = f"p{user_id.hex}@pair.example"
        self.write("app_user", id=user_id, email=email, name="Somebody", password_hash="!")
        for name, role in roles.items():
            self.write("membership", tenant_id=getattr(self, name), user_id=user_id, role=role)
        return user_id

    def session(self, tenant_id: UUID, user_id: UUID) -> UUID:
        """Make a session and return it."""
        session_id = new_id()
        self.write(
            "refresh_token", id=new_id(), user_id=user_id, tenant_id=tenant_id, family_id=session_id,
            token_hash=session_id.bytes, expires_at=now() + LATER,
        )  # fmt: skip
        return session_id

    def link(self, tenant_id: UUID, invitation_id: UUID, token: str) -> None:
        """Make the link of an invitation."""
        self.write(
            "account_token", id=new_id(), purpose="invitation", token_hash=digest(token), expires_at=now() + LATER,
            tenant_id=tenant_id, invitation_id=invitation_id,
        )  # fmt: skip

    def write(self, table: str, **row: Any) -> None:
        """Write a row."""
        places = ", ".join(f"%({name})s" for name in row)
        self.connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})", row)

    def value(self, statement: str, *values: Any) -> Any:
        """Return the first column of the first row; None without one."""
        row = self.connection.execute(statement, values).fetchone()
        return row[0] if row else None

    def suspend(self, tenant_id: UUID) -> None:
        """Suspend a tenant."""
        self.connection.execute("UPDATE tenant SET suspended_at = now() WHERE id = %s", (tenant_id,))


@contextmanager
def pair(world: World) -> Iterator[Pair]:
    """Yield two new tenants; they are gone at the end, with their people and whatever was written for them."""
    with psycopg.connect(world.admin_url, autocommit=True) as connection:
        made = Pair(connection, new_id(), new_id())
        for tenant_id in (made.one, made.other):
            made.write("tenant", id=tenant_id, slug=f"p-{tenant_id.hex}", name=f"Pair {tenant_id.hex}")
        try:
            yield made
        finally:
            forget(connection, [made.one, made.other], made.people)


def forget(connection: psycopg.Connection, tenants: Sequence[UUID], people: Sequence[UUID]) -> None:
    """Remove tenants, their rows and these accounts; their audit logs stay, which nobody can delete from."""
    connection.execute("SET session_replication_role = replica")
    for name in _OF_TENANTS:
        connection.execute(f"DELETE FROM {name} WHERE tenant_id = ANY(%s)", (list(tenants),))
    connection.execute("DELETE FROM tenant WHERE id = ANY(%s)", (list(tenants),))
    connection.execute("DELETE FROM app_user WHERE id = ANY(%s)", (list(people),))
    connection.execute("RESET session_replication_role")
