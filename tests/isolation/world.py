"""An installation of twenty tenants, each full of its canary; and who may ask in it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from uuid import UUID

import psycopg
from fastapi import FastAPI
from psycopg.types.json import Jsonb

from opsintel.access import passwords, tokens
from opsintel.access.roles import ROLES, Role
from opsintel.clock import now
from opsintel.db.engine import Database
from opsintel.settings import Settings
from tests.isolation.canaries import Scanner, canary_of, marked_id
from tests.isolation.rows import TenantRows, write_rows

TENANTS = 20
PASSWORD = "a long enough password"
ABSENT = 0xFFFFFFF
"""Number of a row that no tenant has."""


@dataclass(frozen=True)
class Person:
    """Somebody of a tenant, logged in."""

    user_id: UUID
    session_id: UUID
    role: Role
    token: str


@dataclass
class TenantOfWorld:
    """A tenant: what was written of it, and its people by role."""

    rows: TenantRows
    people: dict[Role, Person]

    @property
    def number(self) -> int:
        """Return its place among the tenants."""
        return self.rows.number

    @property
    def id(self) -> UUID:
        """Return its id."""
        return self.rows.tenant_id

    @property
    def canary(self) -> str:
        """Return what stands in all its texts; it is its slug too."""
        return canary_of(self.number)

    @property
    def absent_id(self) -> UUID:
        """Return an id of its own of which there is no row."""
        return marked_id(self.number, ABSENT)


@dataclass(frozen=True)
class World:
    """The seeded installation and the ways into it."""

    database: Database
    admin_url: str
    settings: Settings
    tenants: list[TenantOfWorld]

    @cached_property
    def pairs(self) -> list[tuple[TenantOfWorld, TenantOfWorld]]:
        """Return every ordered pair of different tenants: who asks, and for whose."""
        return [(one, other) for one in self.tenants for other in self.tenants if one is not other]

    def pairs_in(self, share: int) -> list[tuple[TenantOfWorld, TenantOfWorld]]:
        """Return one in so many of the pairs; with a share of 19 each tenant asks once, and is asked for once."""
        return self.pairs[::share]

    def scanner(self) -> Scanner:
        """Return a scanner that knows all tenants."""
        return Scanner(len(self.tenants))


Channel = Callable[[World, FastAPI, Scanner], Awaitable[None]]
"""A way from tenant to tenant, tried; it fails with an AssertionError, or leaves what is foreign with the scanner."""


def build_world(database: Database, admin_url: str, settings: Settings, tenants: int = TENANTS) -> World:
    """Write the tenants into an empty migrated database."""
    hashed = passwords.hash_password(PASSWORD)
    with psycopg.connect(admin_url) as connection:
        built = [write_tenant(connection, settings, number, hashed) for number in range(tenants)]
    return World(database, admin_url, settings, built)


def write_tenant(connection: psycopg.Connection, settings: Settings, number: int, hashed: str) -> TenantOfWorld:
    """Write a tenant with a person of each role, whose passwords have this hash, and rows in every table."""
    canary = canary_of(number)
    rows = TenantRows(number, marked_id(number, 0), [])
    connection.execute(
        "INSERT INTO tenant (id, slug, name, own_domains) VALUES (%s, %s, %s, %s)",
        (rows.tenant_id, canary, f"{canary}.tenant.name", Jsonb([f"{canary}.example"])),
    )
    people: dict[Role, Person] = {role: _person(connection, settings, rows, role, hashed) for role in ROLES}
    write_rows(connection, rows)
    return TenantOfWorld(rows, people)


def _person(connection: psycopg.Connection, settings: Settings, tenant: TenantRows, role: Role, hashed: str) -> Person:
    user_id, session_id = tenant.new_id(), tenant.new_id()
    canary = canary_of(tenant.number)
    tenant.users.append(user_id)
    connection.execute(
        "INSERT INTO app_user (id, email, name, password_hash) VALUES (%s, %s, %s, %s)",
        (user_id, f"{role}@{canary}.example", f"{canary}.app_user.name", hashed),
    )
    connection.execute(
        "INSERT INTO membership (tenant_id, user_id, role) VALUES (%s, %s, %s)", (tenant.tenant_id, user_id, role)
    )
    tenant.rows.setdefault("membership", []).append({"tenant_id": tenant.tenant_id, "user_id": user_id})
    connection.execute(
        "INSERT INTO refresh_token (id, user_id, tenant_id, family_id, token_hash, expires_at)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        (tenant.new_id(), user_id, tenant.tenant_id, session_id, session_id.bytes, now() + timedelta(days=1)),
    )
    signed = tokens.issue(tokens.AccessToken(user_id, tenant.tenant_id, session_id), settings.jwt_key())
    return Person(user_id, session_id, role, signed)
