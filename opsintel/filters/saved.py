"""Filters that a tenant keeps by name. A change is a new version; none is ever changed, and what is put away stays
readable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from opsintel.access.audit import Actor, Entry, Subject, record
from opsintel.errors import ConflictError, FilterError, InputError, NotFoundError, one_line
from opsintel.filters.document import document_of, tree_of
from opsintel.filters.parse import parse
from opsintel.filters.syntax import Node
from opsintel.filters.text import written
from opsintel.ids import new_id

NAME_LIMIT = 200
"""Characters of the name of a filter."""


@dataclass(frozen=True, slots=True)
class Author:
    """Who writes a filter: as the audit log names them, and the person or service key that tables refer to."""

    actor: Actor
    person: UUID | None = None
    service_key: UUID | None = None


def read_filter(text: str | None, document: Mapping[str, Any] | None) -> Node:
    """Return the tree of a filter given as text or as a document. Raises `FilterError` with the place."""
    if (text is None) is (document is None):
        raise FilterError("A filter is given as text or as a tree, not as both", path="text")
    return parse(text) if text is not None else tree_of(document or {})


def save_filter(connection: psycopg.Connection, tenant_id: UUID, name: str, tree: Node, author: Author) -> UUID:
    """Keep a filter under a name that no other of the tenant's has; return its id. `ConflictError` for one that has."""
    filter_id = new_id()
    row = connection.execute(
        "INSERT INTO filter (tenant_id, id, name, version, created_by, service_key_id) VALUES (%s, %s, %s, 1, %s, %s)"
        " ON CONFLICT (tenant_id, name) WHERE archived_at IS NULL DO NOTHING RETURNING id",
        (tenant_id, filter_id, _checked(name), author.person, author.service_key),
    ).fetchone()
    if row is None:
        raise _taken()
    _write(connection, tenant_id, filter_id, 1, tree, author)
    _record(connection, tenant_id, filter_id, author, "filter.created", 1)
    return filter_id


def change_filter(
    connection: psycopg.Connection, tenant_id: UUID, filter_id: UUID, name: str, tree: Node, author: Author
) -> bool:
    """Give a filter a name and, where it says something else now, a new version; tell whether it does.

    Raises `NotFoundError` for none of the tenant's or one that was put away, `ConflictError` for a name that is taken.
    """
    version, held = _locked(connection, filter_id)
    try:
        with connection.transaction():
            connection.execute("UPDATE filter SET name = %s WHERE id = %s", (_checked(name), filter_id))
    except psycopg.errors.UniqueViolation:
        raise _taken() from None
    is_another = document_of(tree) != held
    if is_another:
        version += 1
        connection.execute("UPDATE filter SET version = %s WHERE id = %s", (version, filter_id))
        _write(connection, tenant_id, filter_id, version, tree, author)
    _record(connection, tenant_id, filter_id, author, "filter.changed", version)
    return is_another


def archive_filter(connection: psycopg.Connection, tenant_id: UUID, filter_id: UUID, author: Author) -> None:
    """Put a filter away: its name is free again. Raises `ConflictError` while a source goes by it."""
    version, _ = _locked(connection, filter_id)
    if connection.execute("SELECT FROM source WHERE filter_id = %s LIMIT 1", (filter_id,)).fetchone() is not None:
        raise ConflictError("A source goes by this filter", remedy="Give the source another filter, or none")
    connection.execute("UPDATE filter SET archived_at = now() WHERE id = %s", (filter_id,))
    _record(connection, tenant_id, filter_id, author, "filter.archived", version)


def filter_named(connection: psycopg.Connection, named: str) -> UUID:
    """Return the id of the filter of a name or id; `NotFoundError` where there is none, or it was put away."""
    row = connection.execute(
        "SELECT id FROM filter WHERE archived_at IS NULL AND (name = %(named)s OR id::text = %(named)s)",
        {"named": named},
    ).fetchone()
    if row is None:
        raise NotFoundError(f"There is no filter {named!r}", remedy="`opsintel filter list` names them")
    found: UUID = row[0]
    return found


def _locked(connection: psycopg.Connection, filter_id: UUID) -> tuple[int, dict[str, Any]]:
    """Return the newest version of a filter and what it says; nobody else changes it meanwhile."""
    row = connection.execute(
        "SELECT version FROM filter WHERE id = %s AND archived_at IS NULL FOR UPDATE", (filter_id,)
    ).fetchone()
    if row is None:
        raise NotFoundError("There is no such filter")
    held = connection.execute(
        "SELECT tree FROM filter_version WHERE filter_id = %s AND version = %s", (filter_id, row[0])
    ).fetchone()
    assert held is not None
    return row[0], held[0]


def _write(
    connection: psycopg.Connection, tenant_id: UUID, filter_id: UUID, version: int, tree: Node, author: Author
) -> None:
    connection.execute(
        "INSERT INTO filter_version (tenant_id, filter_id, version, tree, text, created_by, service_key_id)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (tenant_id, filter_id, version, Jsonb(document_of(tree)), written(tree), author.person, author.service_key),
    )


def _checked(name: str) -> str:
    shown = one_line(name)
    if not shown or len(shown) > NAME_LIMIT:
        raise InputError(f"A filter has a name of {NAME_LIMIT} characters at most")
    return shown


def _taken() -> ConflictError:
    return ConflictError("There is a filter of this name", remedy="Name it otherwise")


def _record(
    connection: psycopg.Connection, tenant_id: UUID, filter_id: UUID, author: Author, action: str, version: int
) -> None:
    record(connection, Entry(tenant_id, author.actor, action, Subject("filter", str(filter_id)), {"version": version}))
