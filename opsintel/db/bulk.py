"""Many rows at a time: in one statement, or without waiting for the answer to each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from sqlalchemy.dialects import postgresql

from opsintel.db.tables import metadata


def insert_rows(
    connection: psycopg.Connection,
    table: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    on_conflict: LiteralString = "",
) -> None:
    """Insert rows, given in the order of `columns`, with one statement that ends in `on_conflict`.

    Row security refuses COPY into a table of tenants: the rows are copied into a temporary one, which stays with the
    connection and is empty outside of this function.
    """
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    target, incoming = sql.Identifier(table), sql.Identifier(f"incoming_{table}")
    parts = {"names": names, "target": target, "incoming": incoming}
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
    connection.execute(
        sql.SQL("INSERT INTO {target} ({names}) SELECT {names} FROM {incoming} ").format(**parts) + sql.SQL(on_conflict)
    )
    connection.execute(sql.SQL("DELETE FROM {incoming}").format(**parts))


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


@cache
def _types(table: str, columns: tuple[str, ...]) -> tuple[str, ...]:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    declared = metadata.tables[table].columns
    return tuple(declared[name].type.compile(dialect).lower() for name in columns)
