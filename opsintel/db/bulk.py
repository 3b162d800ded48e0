"""Many rows at a time: sent without waiting for the answer to each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, LiteralString

import psycopg


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
