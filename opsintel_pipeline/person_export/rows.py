"""Rows as records: every column that says something, by the tables' declarations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import psycopg
from sqlalchemy import LargeBinary, Table

from opsintel.db.tables import metadata

HIDDEN = frozenset({"tenant_id", "password_hash", "config_key", "secret_id", "object_key", "object_offset"})
"""Columns that say nothing of a person, or that open something."""

Record = dict[str, Any]


def rows_of(
    connection: psycopg.Connection, table: str, condition: str, values: Sequence[Any] | Mapping[str, Any]
) -> Iterator[Record]:
    """Yield the rows of a table that meet a condition, without hashes and what is `HIDDEN`."""
    names = ", ".join(f'"{name}"' for name in _columns(metadata.tables[table]))
    statement = f"SELECT to_jsonb(chosen) FROM (SELECT {names} FROM {table} WHERE {condition}) AS chosen"
    for row in connection.execute(statement.encode(), values):
        yield row[0]


def _columns(table: Table) -> list[str]:
    return [
        column.name
        for column in table.columns
        if column.name not in HIDDEN and column.computed is None and not isinstance(column.type, LargeBinary)
    ]
