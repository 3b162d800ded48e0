"""The versions of a tenant's taxonomy. What one says is never changed; one of them is in force."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from opsintel.access.audit import Actor, Entry, Subject, record
from opsintel.errors import NotFoundError
from opsintel.ids import new_id
from opsintel.taxonomy.shipped import unchosen
from opsintel.taxonomy.taxonomy import Category, Taxonomy, checked_name, documents_of

_COLUMNS = "version, name, categories"


def taxonomy_in_force(connection: psycopg.Connection) -> Taxonomy:
    """Return the taxonomy that analyses of the transaction's tenant choose from."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM taxonomy WHERE current").fetchone()
    return unchosen() if row is None else _taxonomy(row)


def taxonomy_of_version(connection: psycopg.Connection, version: int) -> Taxonomy:
    """Return a version of the tenant's taxonomy; `NotFoundError` for none."""
    if version == 0:
        return unchosen()
    row = connection.execute(f"SELECT {_COLUMNS} FROM taxonomy WHERE version = %s", (version,)).fetchone()
    if row is None:
        raise NotFoundError(f"There is no version {version} of the taxonomy", remedy="opsintel taxonomy list")
    return _taxonomy(row)


def id_of_version(connection: psycopg.Connection, version: int) -> UUID:
    """Return the id of a version of the tenant's taxonomy; `NotFoundError` for none."""
    row = connection.execute("SELECT id FROM taxonomy WHERE version = %s", (version,)).fetchone()
    if row is None:
        raise NotFoundError(f"There is no version {version} of the taxonomy", remedy="opsintel taxonomy list")
    found: UUID = row[0]
    return found


def versions(connection: psycopg.Connection) -> list[dict[str, Any]]:
    """Return the versions of the tenant's taxonomy, the newest first, with the number of their categories."""
    rows = connection.execute(
        "SELECT id, version, name, base, jsonb_array_length(categories), created_at, current, promoted_at FROM taxonomy"
        " ORDER BY version DESC"
    )
    names = ("id", "version", "name", "base", "categories", "created_at", "current", "promoted_at")
    return [dict(zip(names, row, strict=True)) for row in rows]


def propose(
    connection: psycopg.Connection,
    tenant_id: UUID,
    name: str,
    categories: Sequence[Category],
    actor: Actor,
    base: str = "",
) -> tuple[UUID, int]:
    """Keep a version in the caller's transaction and return its id and number; nothing goes by it yet.

    Where a version says the very same it is that one. `base`: the shipped taxonomy it was made of. Raises `InputError`
    for a name that is none.
    """
    shown = checked_name(name)
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('taxonomy ' || %s, 0))", (str(tenant_id),))
    said = Jsonb(documents_of(categories))
    held = connection.execute(
        "SELECT id, version FROM taxonomy WHERE name = %s AND categories = %s ORDER BY version LIMIT 1", (shown, said)
    ).fetchone()
    if held is not None:
        return held[0], held[1]
    row = connection.execute(
        "INSERT INTO taxonomy (tenant_id, id, version, name, base, categories, actor_kind, actor_id)"
        " SELECT %s, %s, coalesce(max(version), 0) + 1, %s, %s, %s, %s, %s FROM taxonomy RETURNING id, version",
        (tenant_id, new_id(), shown, base, said, actor.kind, actor.id),
    ).fetchone()
    assert row is not None
    _record(connection, tenant_id, actor, "taxonomy.proposed", row[0], row[1])
    return row[0], row[1]


def promote(connection: psycopg.Connection, tenant_id: UUID, taxonomy_id: UUID, actor: Actor) -> bool:
    """Put a version in force in the caller's transaction; tell whether it was not so already.

    Nothing is analysed anew by it. Raises `NotFoundError` for none of the tenant's.
    """
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('taxonomy ' || %s, 0))", (str(tenant_id),))
    row = connection.execute("SELECT version, current FROM taxonomy WHERE id = %s", (taxonomy_id,)).fetchone()
    if row is None:
        raise NotFoundError("There is no such version of the taxonomy")
    if row[1]:
        return False
    connection.execute("UPDATE taxonomy SET current = false WHERE current")
    connection.execute("UPDATE taxonomy SET current = true, promoted_at = now() WHERE id = %s", (taxonomy_id,))
    _record(connection, tenant_id, actor, "taxonomy.promoted", taxonomy_id, row[0])
    return True


def _taxonomy(row: tuple[Any, ...]) -> Taxonomy:
    """Return what is kept, unchecked: an erasure may have put other words into it."""
    categories = (Category(tuple(each["path"]), each["description"], tuple(each["examples"])) for each in row[2])
    return Taxonomy(row[0], row[1], tuple(categories))


def _record(
    connection: psycopg.Connection, tenant_id: UUID, actor: Actor, action: str, taxonomy_id: UUID, version: int
) -> None:
    record(connection, Entry(tenant_id, actor, action, Subject("taxonomy", str(taxonomy_id)), {"version": version}))
