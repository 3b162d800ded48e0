"""How a table is declared: its tenant column, access, comments, retention and erasure path in one place.

Policies, grants and comments in the database come from these declarations (opsintel/db/security.py); a lint compares
the catalogue with them (tests/db/test_catalogue.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Computed,
    Date,
    DateTime,
    Double,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.schema import SchemaItem

from opsintel.db.engine import LIMITED_ROLE

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s_%(column_1_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Retention = Literal["kept", "with_tenant", "tenant_window", "when_done", "with_parent", "rebuilt"]
Erasure = Literal["with_tenant", "row", "mapping", "recomputed", "none"]


@dataclass(frozen=True)
class Access:
    """What one more role may do with a table, and with which of its rows."""

    role: str
    privileges: tuple[str, ...]
    """As GRANT takes them, e.g. `SELECT (id, kind)`."""

    rows: str
    """Condition of the rows, as a policy takes it."""


@dataclass(frozen=True)
class Declaration:
    """What the database must enforce for a table, beyond its columns."""

    tenant_column: str | None
    retention: Retention
    erasure: Erasure
    system_select: tuple[str, ...] = ()
    system_write: tuple[str, ...] = ()
    tenant_rights: tuple[str, ...] = ("SELECT", "INSERT", "UPDATE", "DELETE")
    written_by_owner: bool = False
    """Whether triggers that run with the owner's rights write it."""
    access: tuple[Access, ...] = ()
    """What further roles may."""


TENANT = "current_setting('app.tenant_id')::uuid"

OF_SOURCES = "source_id = ANY (current_setting('app.source_ids')::uuid[])"
"""Condition of the rows that came from the sources which a member or key is limited to."""


def limited(rows: str) -> Access:
    """Return what members and keys that are limited to some sources may read of a table; nothing without it."""
    return Access(LIMITED_ROLE, ("SELECT",), f"tenant_id = {TENANT} AND ({rows})")


def limited_by_message(table: str, key: str = "message_id") -> Access:
    """Return the same for a table whose rows belong to messages: those with an occurrence in one of the sources."""
    seen = f"seen.tenant_id = {table}.tenant_id AND seen.message_id = {table}.{key} AND seen.deleted_at IS NULL"
    return limited(f"EXISTS (SELECT FROM message_occurrence AS seen WHERE {seen} AND seen.{OF_SOURCES})")


def declaration_of(table: Table) -> Declaration:
    """Return the declaration of a table of this metadata."""
    declared = table.info["declaration"]
    assert isinstance(declared, Declaration)
    return declared


def column(
    name: str, kind: Any, comment: str, *items: SchemaItem, null: bool = False, default: str | None = None
) -> Column[Any]:
    """Return a column with its comment; not nullable unless said."""
    return Column(name, kind, *items, nullable=null, comment=comment, server_default=text(default) if default else None)


def tenant_table(
    name: str,
    comment: str,
    *items: SchemaItem,
    key: Sequence[str] = ("id",),
    retention: Retention,
    erasure: Erasure,
    system_select: Sequence[str] = (),
    system_write: Sequence[str] = (),
    access: Sequence[Access] = (),
    by_month: str | None = None,
) -> Table:
    """Declare a table of tenants: tenant_id comes first, in its columns and in its primary key.

    `by_month` names the day by which it is partitioned, a month a partition (opsintel/db/partitions.sql).
    `system_select` and `system_write` name the columns (or "*") that `system_tx` may read and write; `access` is what
    further roles may.
    """
    declared = Declaration(
        "tenant_id", retention, erasure, tuple(system_select), tuple(system_write), access=tuple(access)
    )
    head: list[SchemaItem] = [column("tenant_id", Uuid(), "Tenant that owns the row; bound by row security")]
    if tuple(key) == ("id",):
        head.append(column("id", Uuid(), "Identifier (UUIDv7)"))
    return Table(
        name,
        metadata,
        *head,
        *items,
        PrimaryKeyConstraint("tenant_id", *key),
        ForeignKeyConstraint(["tenant_id"], ["tenant.id"], ondelete="CASCADE"),
        comment=comment,
        info={"declaration": declared},
        postgresql_partition_by=f"RANGE ({by_month})" if by_month else None,
    )


def control_table(
    name: str,
    comment: str,
    *items: SchemaItem,
    tenant_column: str | None = None,
    system_select: Sequence[str] = ("*",),
    system_write: Sequence[str] = ("*",),
    retention: Retention = "kept",
    erasure: Erasure = "mapping",
    tenant_rights: Sequence[str] = ("SELECT", "INSERT", "UPDATE", "DELETE"),
    written_by_owner: bool = False,
    access: Sequence[Access] = (),
) -> Table:
    """Declare a table of the installation, which only `system_tx` reaches (and the tenant whose id a row is)."""
    declared = Declaration(
        tenant_column,
        retention,
        erasure,
        tuple(system_select),
        tuple(system_write),
        tuple(tenant_rights),
        written_by_owner,
        tuple(access),
    )
    return Table(name, metadata, *items, comment=comment, info={"declaration": declared})


def reference(columns: str, table: str, *, on_delete: str = "CASCADE", target: str = "id") -> ForeignKeyConstraint:
    """Return a foreign key that carries the tenant: a reference across tenants cannot be stored."""
    return ForeignKeyConstraint(["tenant_id", columns], [f"{table}.tenant_id", f"{table}.{target}"], ondelete=on_delete)


TIME = DateTime(timezone=True)
UUID_ = Uuid()
TEXT = Text()
TEXTS = ARRAY(Text())
UUIDS = ARRAY(Uuid())
JSON_ = JSONB()
BYTES = LargeBinary()
DAY = Date()
INT = Integer()
BIG = BigInteger()
SMALL = SmallInteger()
BOOL = Boolean()
REAL: Double[float] = Double()
MONEY = Numeric(18, 9)

__all__ = [
    "BIG",
    "BOOL",
    "BYTES",
    "DAY",
    "INT",
    "JSON_",
    "MONEY",
    "OF_SOURCES",
    "REAL",
    "SMALL",
    "TEXT",
    "TEXTS",
    "TIME",
    "UUID_",
    "Access",
    "Computed",
    "Declaration",
    "column",
    "control_table",
    "declaration_of",
    "limited",
    "limited_by_message",
    "metadata",
    "reference",
    "tenant_table",
]
