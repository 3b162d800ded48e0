"""What the catalogue must hold, as PostgreSQL itself writes it.

A policy or a view comes back from the catalogue in words other than those it was made with. So each declared table and
view gets a twin in the temporary schema, with the statements that `apply_security` runs; the twin is read by the query
that reads the table, and is rolled back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb
from sqlalchemy import Table
from sqlalchemy.dialects import postgresql

from opsintel.db.engine import SYSTEM_ROLE
from opsintel.db.lint.catalogue import GRANTS, POLICIES
from opsintel.db.mart_security import MART_READS, SCHEMA_USAGE
from opsintel.db.marts import VIEWS, View
from opsintel.db.policies import statements_for
from opsintel.db.roles import BACKUP_ROLE, MIGRATION_ROLES, ROLES, SCHEMAS, SERVICE_ROLES
from opsintel.db.tables import declaration_of, metadata

_COLUMNS_OF_POLICY = ("relation", "name", "permissive", "roles", "command", "condition", "check")
_TWIN_SCHEMA = "SELECT nspname FROM pg_namespace WHERE oid = pg_my_temp_schema()"


@dataclass(frozen=True)
class Declared:
    """What is declared, as parameters of the rules' queries."""

    parameters: dict[str, Any]


def declared(connection: psycopg.Connection, login: str) -> Declared:
    """Return what is declared for a database whose DB_URL names `login`; takes no lock on any table."""
    reads = _reads_of_views(connection)
    found_policies: list[tuple[Any, ...]] = []
    found_grants: list[tuple[Any, ...]] = []
    for table in metadata.sorted_tables:
        with connection.transaction(force_rollback=True):
            schema = _make_twin(connection, table, reads[table.name])
            found_policies += connection.execute(POLICIES, {"schema": schema}).fetchall()
            found_grants += connection.execute(GRANTS, {"schema": schema}).fetchall()
    migrator = str(connection.execute("SELECT session_user").fetchone()[0])  # type: ignore[index]
    found_grants += [("alembic_version", role, "SELECT", "") for role in {SYSTEM_ROLE, BACKUP_ROLE, login, migrator}]
    return Declared(
        _of_tables()
        | {
            "policies": Jsonb([dict(zip(_COLUMNS_OF_POLICY, row, strict=True)) for row in found_policies]),
            "grants": Jsonb([_grant(*row) for row in found_grants]),
            "views": Jsonb(list(_views(connection))),
            "schemas": list(SCHEMAS),
            "owners": list(SCHEMAS.values()),
            "usage": Jsonb(
                [{"schema": schema, "roles": list(roles)} for schema, roles in SCHEMA_USAGE.items()]
                + [{"schema": "public", "roles": [login, migrator]}]
            ),
            "roles": list(ROLES),
            "service_roles": list(SERVICE_ROLES),
            "migration_roles": list(MIGRATION_ROLES),
            "login": login,
        }
    )


def _grant(relation: str, grantee: str, privilege: str, column: str) -> dict[str, str]:
    return {"relation": relation, "grantee": grantee, "privilege": privilege, "column": column}


def _reads_of_views(connection: psycopg.Connection) -> dict[str, list[str]]:
    """Return the statements that let the analysts' views read a table, by table."""
    found: dict[str, list[str]] = defaultdict(list)
    for (statement,) in connection.execute(MART_READS).fetchall():
        found[statement.partition(" ON ")[2].split(" ")[0]].append(statement)
    return found


def _make_twin(connection: psycopg.Connection, table: Table, reads: list[str]) -> str:
    """Make the twin of a table, which stands in its place for this session, and return its schema."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    columns = ", ".join(f'"{column.name}" {column.type.compile(dialect)}' for column in table.columns)
    applied = [statement for statement in statements_for(table) if not statement.startswith("COMMENT")]
    statements = [f"CREATE TEMPORARY TABLE {table.name} ({columns})", *applied, *reads]
    connection.execute("; ".join(statements).encode())
    return str(connection.execute(_TWIN_SCHEMA).fetchone()[0])  # type: ignore[index]


def _of_tables() -> dict[str, Any]:
    """Return the tables' names, comments and references."""
    tables = metadata.sorted_tables
    comments = [{"relation": table.name, "column": "", "comment": table.comment} for table in tables]
    comments += [
        {"relation": table.name, "column": column.name, "comment": column.comment}
        for table in tables
        for column in table.columns
    ]
    references = [
        {"relation": table.name, "columns": list(key.column_keys), "target": key.referred_table.name}
        for table in tables
        for key in table.foreign_key_constraints
    ]
    return {
        "tables": [table.name for table in tables],
        "tenant_tables": [table.name for table in tables if declaration_of(table).tenant_column == "tenant_id"],
        "comments": Jsonb(comments),
        "references": Jsonb(references),
    }


def _views(connection: psycopg.Connection) -> Iterator[dict[str, str]]:
    for view in VIEWS:
        yield {"view": view.name, "column": "", "comment": view.comment, "definition": _definition(connection, view)}
        for column in view.columns:
            yield {"view": view.name, "column": column.name, "comment": column.comment, "definition": ""}


def _definition(connection: psycopg.Connection, view: View) -> str:
    """Return what a view selects, in PostgreSQL's own words."""
    twin = view.definition().replace(f"mart.{view.name}", f"pg_temp.{view.name}", 1)
    with connection.transaction(force_rollback=True):
        connection.execute(twin.encode())
        found = connection.execute(
            sql.SQL("SELECT pg_get_viewdef({}::regclass)").format(sql.Literal(f"pg_temp.{view.name}"))
        ).fetchone()
    assert found is not None
    return str(found[0])
