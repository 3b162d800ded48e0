"""Every other table: whatever column holds text is searched for what names the person, by the tables' declarations.

So a table that is added later is searched without a word here (opsintel_pipeline/erasure/coverage.py).
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg.types.json import Jsonb
from sqlalchemy import Table, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB

from opsintel.db.tables import metadata
from opsintel_pipeline.erasure.coverage import searched_columns
from opsintel_pipeline.erasure.work import Work

_NATURAL_KEYS = frozenset({"native_id", "key"})


def swept_tables() -> list[Table]:
    """Return the tables that are searched: all of tenants with columns that no step of its own looks after."""
    return [table for table in metadata.sorted_tables if searched_columns(table)]


def sweep(work: Work) -> None:
    """Replace what names the person in every table that is searched."""
    for table in swept_tables():
        with work.page() as connection:
            for row in list(naming(connection, work, table)):
                _replace(connection, work, table, row)
                work.counts[table.name] += 1


def keys_of(table: Table) -> list[str]:
    """Return the columns of a table's primary key."""
    return [column.name for column in table.primary_key.columns]


def naming(connection: psycopg.Connection, work: Work, table: Table) -> Iterator[dict[str, Any]]:
    """Yield the rows, as far as their keys and texts go, in which a term occurs."""
    terms = work.person.terms
    wanted = [*terms.addresses, *terms.ids, *(name for name in terms.names if " " in name)]
    patterns = [f"%{_literal(term)}%" for term in wanted]
    patterns += [f"%{_literal(address.replace('@', '%40'))}%" for address in terms.addresses]
    texts, keys = searched_columns(table), keys_of(table)
    columns = list(dict.fromkeys([*keys, *texts]))
    joined = ", ".join(f'"{name}"::text' for name in texts)
    names = ", ".join(f'"{name}"' for name in columns)
    rows = connection.execute(
        f"SELECT {names} FROM {table.name} WHERE concat_ws(E'\\n', {joined}) ILIKE ANY(%s)".encode(), (patterns,)
    ).fetchall()
    for row in rows:
        found = dict(zip(columns, row, strict=True))
        if any(_redacted(work, table, name, found[name]) != found[name] for name in texts):
            yield found


def _replace(connection: psycopg.Connection, work: Work, table: Table, row: dict[str, Any]) -> None:
    changes = {name: _redacted(work, table, name, row[name]) for name in searched_columns(table)}
    changes = {name: value for name, value in changes.items() if value != row[name]}
    assignments = ", ".join(f'"{name}" = %s' for name in changes)
    where = " AND ".join(f'"{name}" = %s' for name in keys_of(table))
    values = [Jsonb(v) if isinstance(table.columns[n].type, JSONB) else v for n, v in changes.items()]
    connection.execute(
        f"UPDATE {table.name} SET {assignments} WHERE {where}".encode(),
        (*values, *(row[name] for name in keys_of(table))),
    )


def _redacted(work: Work, table: Table, name: str, value: Any) -> Any:
    """Return a value without the person; a key stays a key, the same everywhere, by its keyed hash."""
    if isinstance(value, str) and _is_key(table, name):
        return erased_key(work.key, value) if work.redactor.names(value) else value
    if isinstance(value, str):
        return work.redactor.redacted(value)
    return work.redactor.redacted_value(value)


def erased_key(key: bytes, value: str) -> str:
    """Return what takes the place of a provider's id, or another key, that names a person."""
    return "erased:" + hmac.digest(key, value.encode(), "sha256").hex()[:32]


def _is_key(table: Table, name: str) -> bool:
    unique = [c for c in table.constraints if isinstance(c, UniqueConstraint)]
    return (
        name in _NATURAL_KEYS
        or name in keys_of(table)
        or any(name in {column.name for column in constraint.columns} for constraint in unique)
    )


def _literal(term: str) -> str:
    return term.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
