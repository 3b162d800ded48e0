"""Tenants: make one, find one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from opsintel.db.engine import Database
from opsintel.errors import InputError, NotFoundError
from opsintel.ids import new_id

SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_DOMAIN_OR_ADDRESS = re.compile(r"(?:[^\s@<>,;]{1,64}@)?\w[\w.-]{0,252}")


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant as the pipeline needs it."""

    id: UUID
    slug: str
    name: str
    language: str
    window_days: int
    own_domains: tuple[str, ...]
    retention_days: int | None = None
    payload_days: int | None = None
    fact_days: int | None = None

    def keeps(self, occurred_at: datetime | None, at: datetime) -> bool:
        """Tell whether what happened then is still kept at a moment; what has no time is."""
        return (
            occurred_at is None
            or self.retention_days is None
            or occurred_at >= at - timedelta(days=self.retention_days)
        )


_COLUMNS = "id, slug, name, language, window_days, own_domains, retention_days, payload_days, fact_days"


def create_tenant(database: Database, slug: str, name: str, *, own_domains: tuple[str, ...] = ()) -> Tenant:
    """Return the tenant of this slug, making it when it is not there yet.

    `own_domains` are the domains or addresses of the tenant's own people; they are added to those that are known.
    Raises `InputError` for an unusable slug, domain or address.
    """
    if not SLUG.fullmatch(slug):
        raise InputError(
            f"'{slug}' cannot be a tenant's short name", remedy="Use a to z, 0 to 9 and -, at most 63 characters"
        )
    own = [_own_domain(text) for text in own_domains]
    with database.system_tx() as connection:
        connection.execute(
            "INSERT INTO tenant (id, slug, name) VALUES (%s, %s, %s) ON CONFLICT (slug) DO NOTHING",
            (new_id(), slug, name or slug),
        )
        connection.execute(
            "UPDATE tenant SET own_domains = own_domains || to_jsonb(ARRAY("
            " SELECT given FROM unnest(%s::text[]) WITH ORDINALITY AS listed (given, place)"
            " WHERE NOT own_domains ? given ORDER BY place)) WHERE slug = %s",
            (list(dict.fromkeys(own)), slug),
        )
    return find_tenant(database, slug)


def _own_domain(text: str) -> str:
    """Return a domain or address as messages are compared with it; people also write `@acme.example`."""
    domain = text.strip().lower().removeprefix("@")
    if not _DOMAIN_OR_ADDRESS.fullmatch(domain):
        raise InputError(f"'{text}' is neither an e-mail domain nor an address", remedy="Give one such as acme.example")
    return domain


def find_tenant(database: Database, slug: str) -> Tenant:
    """Return a tenant by its slug; `NotFoundError` when there is none."""
    row = None
    if SLUG.fullmatch(slug):
        with database.system_tx() as connection:
            row = connection.execute(f"SELECT {_COLUMNS} FROM tenant WHERE slug = %s", (slug,)).fetchone()
    if row is None:
        raise NotFoundError(f"There is no tenant '{slug}'", remedy="`opsintel import --tenant` makes one")
    return _tenant(row)


def tenant_by_id(database: Database, tenant_id: UUID) -> Tenant:
    """Return a tenant by its id; `NotFoundError` when there is none."""
    with database.system_tx() as connection:
        row = connection.execute(f"SELECT {_COLUMNS} FROM tenant WHERE id = %s", (tenant_id,)).fetchone()
    if row is None:
        raise NotFoundError("There is no such tenant")
    return _tenant(row)


def all_tenants(database: Database) -> list[Tenant]:
    """Return every tenant that is not suspended, oldest first."""
    with database.system_tx() as connection:
        rows = connection.execute(
            f"SELECT {_COLUMNS} FROM tenant WHERE suspended_at IS NULL ORDER BY created_at, id"
        ).fetchall()
    return [_tenant(row) for row in rows]


def all_slugs(database: Database) -> set[str]:
    """Return the short names of every tenant, suspended ones as well."""
    with database.system_tx() as connection:
        return {row[0] for row in connection.execute("SELECT slug FROM tenant").fetchall()}


def set_paused(database: Database, tenant_id: UUID, *, paused: bool) -> None:
    """Hold back a tenant's work and polls, or let them flow again; what is under way ends, and nothing is lost."""
    with database.system_tx() as connection:
        connection.execute(
            "UPDATE tenant SET paused_at = CASE WHEN %s THEN coalesce(paused_at, now()) END WHERE id = %s",
            (paused, tenant_id),
        )


def set_retention(database: Database, tenant_id: UUID, days: int | None) -> None:
    """Keep a tenant's messages for so many days; None for ever. Raises `InputError` below one day."""
    if days is not None and days < 1:
        raise InputError(f"Messages cannot be kept for {days} days", remedy="Give at least 1")
    with database.system_tx() as connection:
        connection.execute("UPDATE tenant SET retention_days = %s WHERE id = %s", (days, tenant_id))


def _tenant(row: tuple[Any, ...]) -> Tenant:
    return Tenant(row[0], row[1], row[2], row[3], row[4], tuple(row[5]), *row[6:])
