"""Rows for every table, made from its declaration: a new table is seeded, and so tried, without a word here.

Each text, each JSON and each array of text holds the tenant's canary with the names of table and column. Where a CHECK
lists the values that a column may have, the first of them is taken; where a column refers to a row, one of the same
tenant. What the product reads by a form of its own stands in tests/isolation/shapes.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb
from sqlalchemy import (
    ARRAY,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Float,
    Integer,
    LargeBinary,
    Numeric,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB

from opsintel.clock import now, today
from opsintel.db.tables import declaration_of, metadata
from tests.isolation.canaries import canary_of, marked_id
from tests.isolation.shapes import ROWS, SHAPES, WORD

_ONE_OF = re.compile(r"(\w+) IN \('([^']*)'")
_BETWEEN = re.compile(r"(\w+) BETWEEN (-?\d+) AND (-?\d+)")
TABLES = [table for table in metadata.sorted_tables if declaration_of(table).tenant_column == "tenant_id"]
"""Tables of tenants, parents before their children."""


@dataclass
class TenantRows:
    """What was written for a tenant: the rows of each table by the names of their columns."""

    number: int
    tenant_id: UUID
    users: list[UUID]
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    _last: int = 0

    def new_id(self) -> UUID:
        """Return an id that tells whose it is."""
        self._last += 1
        return marked_id(self.number, self._last)

    def ids(self, table: str) -> list[UUID]:
        """Return the ids of the rows of a table."""
        return [row["id"] for row in self.rows.get(table, ()) if "id" in row]

    def every_id(self) -> Iterator[UUID]:
        """Yield all ids of rows."""
        for rows in self.rows.values():
            yield from (row["id"] for row in rows if "id" in row)


def write_rows(connection: psycopg.Connection, tenant: TenantRows) -> None:
    """Write `ROWS` rows into each table of tenants; fewer where its keys allow fewer, at least one."""
    for table in TABLES:
        written = tenant.rows.setdefault(table.name, [])
        if table.name == "membership" or declaration_of(table).written_by_owner:
            continue  # written with the people, and by triggers
        for place in range(ROWS):
            row = _row(table, tenant, place)
            if row is not None and _insert(connection, table, row):
                written.append(row)
        assert written, f"{table.name}: no row could be made of its declaration; give it a form in shapes.py"
    for table in TABLES:
        if declaration_of(table).written_by_owner:
            with connection.cursor(row_factory=dict_row) as cursor:
                cursor.execute(f"SELECT * FROM {table.name} WHERE tenant_id = %s", (tenant.tenant_id,))
                tenant.rows[table.name] = cursor.fetchall()


def _insert(connection: psycopg.Connection, table: Table, row: dict[str, Any]) -> bool:
    names = ", ".join(f'"{name}"' for name in row)
    places = ", ".join(f"%({name})s" for name in row)
    statement = f"INSERT INTO {table.name} ({names}) VALUES ({places}) ON CONFLICT DO NOTHING"
    return connection.execute(statement, row).rowcount == 1


def _row(table: Table, tenant: TenantRows, place: int) -> dict[str, Any] | None:
    """Return a row by its columns; None where it would need more rows of a parent than there are."""
    row: dict[str, Any] = {"tenant_id": tenant.tenant_id}
    _refer(table, tenant, place, row)
    for column in table.columns:
        if column.name in row or column.computed is not None:
            continue
        value = _value(table, column, tenant, place)
        if value is not None or not column.nullable:
            row[column.name] = value
    return row


def _refer(table: Table, tenant: TenantRows, place: int, row: dict[str, Any]) -> None:
    """Fill the columns that refer to another row."""
    for key in table.foreign_key_constraints:
        parents = tenant.rows.get(key.referred_table.name, [])
        for element in key.elements:
            column = element.parent
            if column.name in row:
                continue
            if key.referred_table is table and place < ROWS - 1:
                row[column.name] = None  # one row of a table that refers to itself does so
            elif parents:
                row[column.name] = parents[min(place, len(parents) - 1)][element.column.name]
            elif key.referred_table.name == "app_user":
                row[column.name] = tenant.users[place % len(tenant.users)]
            elif column.nullable:
                row[column.name] = None


def _value(table: Table, column: Column[Any], tenant: TenantRows, place: int) -> Any:
    shape = SHAPES.get((table.name, column.name), SHAPES.get(("*", column.name)))
    text = f"{canary_of(tenant.number)}.{table.name}.{column.name}.{place} {WORD}"
    if shape is not None:
        return shape(text, place)
    if column.name == "id":
        return tenant.new_id()
    kind = column.type
    if isinstance(kind, Text):
        return _checked(table, column.name, text)
    if isinstance(kind, JSONB):
        return Jsonb([{"kind": text, "value": text, "name": text}] if _is_list(column) else {"note": text})
    if isinstance(kind, ARRAY):
        return [_meant(column, tenant, place)] if isinstance(kind.item_type, Uuid) else [text]
    if isinstance(kind, LargeBinary):
        return text.encode()
    if isinstance(kind, Uuid):
        return _meant(column, tenant, place)
    if isinstance(kind, Date):
        return today() - timedelta(days=place)
    if isinstance(kind, DateTime):
        return None if column.nullable and not column.name.startswith(("first", "last", "occurred")) else _moment(place)
    if isinstance(kind, Boolean):
        return True
    if isinstance(kind, Integer | Numeric | Float):
        return _within(table, column.name, place + 1)
    return "[1,0,0]" if type(kind).__name__.upper() == "VECTOR" else None


def _moment(place: int) -> datetime:
    return now() - timedelta(hours=place)


def _is_list(column: Column[Any]) -> bool:
    default = column.server_default
    return default is not None and str(getattr(default, "arg", "")).startswith("'[")


def _checks(table: Table) -> Iterator[str]:
    for constraint in table.constraints:
        if isinstance(constraint, CheckConstraint):
            yield str(constraint.sqltext)


def _checked(table: Table, name: str, text: str) -> str:
    for check in _checks(table):
        for column, first in _ONE_OF.findall(check):
            if column == name:
                return str(first)
        if check == f"{name} = lower({name})":
            return text.lower()
    return text


def _within(table: Table, name: str, number: int) -> int:
    for check in _checks(table):
        for column, least, most in _BETWEEN.findall(check):
            if column == name:
                return max(int(least), min(number, int(most)))
    return number


def _meant(column: Column[Any], tenant: TenantRows, place: int) -> UUID:
    """Return the row that a column without a foreign key means by its name, else a person of the tenant."""
    words = column.name.removesuffix("s").removesuffix("_id").split("_")
    for start in range(len(words)):
        parents = tenant.rows.get("_".join(words[start:]), [])
        if parents and "id" in parents[0]:
            found = parents[min(place, len(parents) - 1)]["id"]
            assert isinstance(found, UUID)
            return found
    return tenant.users[place % len(tenant.users)]
