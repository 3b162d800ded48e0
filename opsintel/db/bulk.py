"""Many rows at a time: by one statement, or without waiting for the answer to each."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from sqlalchemy.dialects import postgresql

from opsintel.db.tables import metadata

FEW = 50
"""Up to so many rows a statement for each is no slower than the way through a temporary table."""


def insert_rows(
    connection: psycopg.Connection,
    table: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    on_conflict: LiteralString = "",
) -> None:
    """Insert rows, given in the order of `columns`; `on_conflict` ends each statement.

    No two rows may be in conflict with each other where `on_conflict` updates.
    """
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    if len(rows) > FEW:
        _copy(connection, table, columns, names, rows, on_conflict)
    elif rows:
        places = sql.SQL(", ").join([sql.Placeholder()] * len(columns))
        statement = sql.SQL("INSERT INTO {} ({}) VALUES ({}) ").format(sql.Identifier(table), names, places)
        with connection.cursor() as cursor:
            cursor.executemany(statement + sql.SQL(on_conflict), rows)


def insert_returning(
    connection: psycopg.Connection, statement: LiteralString, rows: Sequence[Sequence[Any]]
) -> list[Any]:
    """Run an INSERT ... RETURNING for each row and return the first column that each gave back, in the same order."""
    if not rows:
        return []
    with connection.cursor() as cursor:
        cursor.executemany(statement, rows, returning=True)
        found = []
        while True:
            row = cursor.fetchone()
            assert row is not None
            found.append(row[0])
            if not cursor.nextset():
                return found


def _copy(
    connection: psycopg.Connection,
    table: str,
    columns: Sequence[str],
    names: sql.Composable,
    rows: Sequence[Sequence[Any]],
    on_conflict: LiteralString,
) -> None:
    """Insert rows by one statement, out of a temporary table: row security refuses COPY into a table of tenants.

    The temporary table stays with the connection and is empty outside of this function.
    """
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
