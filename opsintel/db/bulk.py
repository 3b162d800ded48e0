"""Many rows by one statement: out of one JSON value, or through a temporary table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from functools import cache
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb
from sqlalchemy.dialects import postgresql

from opsintel.db.tables import metadata

FEW = 100
"""Up to so many rows in one JSON value are no slower than the way through a temporary table."""


def insert_rows(
    connection: psycopg.Connection,
    table: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    on_conflict: LiteralString = "",
) -> None:
    """Insert rows, given in the order of `columns`; `on_conflict` ends the statement.

    No two rows may be in conflict with each other where `on_conflict` updates.
    """
    if len(rows) > FEW:
        _copy(connection, table, columns, rows, on_conflict)
    elif rows:
        connection.execute(_insert(table, columns) + sql.SQL(on_conflict), (_json(columns, rows),))


def insert_returning(
    connection: psycopg.Connection,
    table: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    on_conflict: LiteralString,
) -> list[tuple[Any, ...]]:
    """Insert rows and return what the RETURNING at the end of `on_conflict` gives, in no particular order."""
    if not rows:
        return []
    return connection.execute(_insert(table, columns) + sql.SQL(on_conflict), (_json(columns, rows),)).fetchall()


def _insert(table: str, columns: Sequence[str]) -> sql.Composed:
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    return sql.SQL(
        "INSERT INTO {table} ({names}) SELECT {names} FROM json_populate_recordset(NULL::{table}, %s::text::json) "
    ).format(table=sql.Identifier(table), names=names)


def _json(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    documents = [dict(zip(columns, row, strict=True)) for row in rows]
    return json.dumps(documents, ensure_ascii=False, separators=(",", ":"), default=_literal)


def _literal(value: object) -> object:
    """Return a value as PostgreSQL's input of its type reads it."""
    match value:
        case UUID():
            return str(value)
        case date():
            return value.isoformat()
        case bytes():
            return f"\\x{value.hex()}"
        case Jsonb():
            return value.obj
    raise TypeError(f"{type(value).__name__} has no place in a column")


def _copy(
    connection: psycopg.Connection,
    table: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    on_conflict: LiteralString,
) -> None:
    """Insert rows out of a temporary table: row security refuses COPY into a table of tenants.

    The temporary table stays with the connection and is empty outside of this function.
    """
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    parts = {"names": names, "target": sql.Identifier(table), "incoming": sql.Identifier(f"incoming_{table}")}
    connection.execute(
        sql.SQL(
            "CREATE TEMPORARY TABLE IF NOT EXISTS {incoming} ON COMMIT DELETE ROWS"
            " AS SELECT {names} FROM {target} WITH NO DATA"
        ).format(**parts)
    )
    statement = sql.SQL("COPY {incoming} ({names}) FROM STDIN (FORMAT binary)").format(**parts)
    with connection.cursor().copy(statement) as copy:
        copy.set_types(_types(table, tuple(columns)))
        for row in rows:
            copy.write_row(row)
    insert = sql.SQL("INSERT INTO {target} ({names}) SELECT {names} FROM {incoming} ").format(**parts)
    connection.execute(insert + sql.SQL(on_conflict))
    connection.execute(sql.SQL("DELETE FROM {incoming}").format(**parts))


@cache
def _types(table: str, columns: tuple[str, ...]) -> tuple[str, ...]:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    declared = metadata.tables[table].columns
    return tuple(declared[name].type.compile(dialect).lower() for name in columns)
