"""What a tenant's transaction can see and do of another's rows, tried on every table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import psycopg
from psycopg import sql
from sqlalchemy import Table

from opsintel.db.tables import declaration_of, metadata
from tests.isolation.canaries import Scanner
from tests.isolation.rows import TABLES
from tests.isolation.world import TenantOfWorld, World

Pairs = Iterable[tuple[TenantOfWorld, TenantOfWorld]]
BOUND = [table for table in metadata.sorted_tables if declaration_of(table).tenant_column is not None]
"""Tables whose rows are each of one tenant: all of tenants, and the list of them."""

HIDDEN = [table for table in metadata.sorted_tables if declaration_of(table).tenant_column is None]
"""Tables of the installation: nothing of them is for tenants."""


def read_own(world: World, scanner: Scanner, tables: Iterable[Table] = TABLES) -> None:
    """Read each table as each tenant: all of its own rows, and no bytes of any other."""
    for tenant in world.tenants:
        with world.database.tenant_tx(tenant.id) as connection:
            for table in tables:
                rows = connection.execute(f"SELECT row_to_json(seen)::text FROM {table.name} AS seen").fetchall()
                answer = "\n".join(row[0] for row in rows).encode()
                scanner.scan(f"{table.name} as {tenant.number}", answer, [tenant.number])
                assert len(rows) >= len(tenant.rows.rows[table.name]), f"{table.name} hides a tenant's own rows"


def read_others(world: World, scanner: Scanner, pairs: Pairs, tables: Iterable[Table] = TABLES) -> None:
    """Ask as one tenant for the rows of another, by tenant and by key: there are none."""
    for one, other in pairs:
        with world.database.tenant_tx(one.id) as connection:
            for table in tables:
                for question, values in _questions(table, other):
                    rows = connection.execute(question, values).fetchall()
                    scanner.scan(f"{table.name} as {one.number}", str(rows or "").encode(), [one.number])
                    if rows:
                        scanner.foreign.append(f"{table.name}: {len(rows)} rows of {other.number} for {one.number}")


def _questions(table: Table, other: TenantOfWorld) -> Iterator[tuple[str, dict[str, object]]]:
    row = other.rows.rows[table.name][0]
    key = {column.name: row[column.name] for column in table.primary_key if column.name in row}
    yield _read(table), {"tenant_id": other.id}
    yield f"SELECT * FROM {table.name} WHERE {' AND '.join(f'{name} = %({name})s' for name in key)}", key


def change_others(world: World, scanner: Scanner, pairs: Pairs, tables: Iterable[Table] = TABLES) -> None:
    """Change, remove, add and give away rows as one tenant for another: none is touched, and none can be stored."""
    for one, other in pairs:
        for table in tables:
            for statement in _changes(table):
                with world.database.tenant_tx(one.id) as connection:
                    answer = _tried(connection, statement, {"tenant_id": other.id})
                    scanner.scan(f"{table.name} as {one.number}", answer.encode(), [one.number], sent=[str(other.id)])
                    if answer not in ("0 rows", "refused"):
                        scanner.foreign.append(f"{table.name}: {one.number} did to {other.number}: {statement}")


def act_as_each_role(world: World, scanner: Scanner, pairs: Pairs, tables: Iterable[Table] = BOUND) -> None:
    """Read and change another tenant's rows in each role that the tenant of the transaction binds."""
    for one, other in pairs:
        with psycopg.connect(world.admin_url) as connection:
            wholly = set(connection.execute(_SEEN_WHOLLY).fetchall())
            for (role,) in connection.execute(_BOUND_ROLES).fetchall():
                _bind(connection, one, other)
                connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
                connection.commit()
                for table in tables:
                    place = f"{table.name} in the role {role}"
                    mine = _tried(connection, f"SELECT FROM {table.name}", {})
                    if mine == "0 rows" and (role, table.name) in wholly:
                        scanner.foreign.append(f"{place} hides a tenant's own rows")
                    for statement in (_read(table), *_changes(table)):
                        answer = _tried(connection, statement, {"tenant_id": other.id})
                        scanner.scan(place, answer.encode(), [one.number], sent=[str(other.id)])
                        if answer not in ("0 rows", "refused"):
                            scanner.foreign.append(f"{place}: {one.number} did to {other.number}: {statement}")
                connection.execute("RESET ROLE")


def _bind(connection: psycopg.Connection, one: TenantOfWorld, other: TenantOfWorld) -> None:
    """Bind the session to a tenant, and to sources of both where a role heeds them."""
    connection.execute("SELECT set_config('app.tenant_id', %s, false)", (str(one.id),))
    sources = [str(id_) for tenant in (one, other) for id_ in tenant.rows.ids("source")]
    connection.execute("SELECT set_config('app.source_ids', %s, false)", (f"{{{','.join(sources)}}}",))


_SEEN_WHOLLY = r"""
    SELECT unnest(roles)::text, tablename FROM pg_policies
    WHERE qual ~ '^\((tenant_)?id = \(current_setting\(''app.tenant_id''::text\)\)::uuid\)$'
"""
"""Roles and tables of which all rows of the tenant are seen."""

_BOUND_ROLES = """
    SELECT DISTINCT unnest(roles)::text FROM pg_policies
    WHERE coalesce(qual, with_check) LIKE '%app.tenant_id%' ORDER BY 1
"""


def _read(table: Table) -> str:
    return f"SELECT * FROM {table.name} WHERE {_tenant_of(table)} = %(tenant_id)s"


def _changes(table: Table) -> Iterator[str]:
    tenant = _tenant_of(table)
    yield f"UPDATE {table.name} SET {tenant} = {tenant} WHERE {tenant} = %(tenant_id)s"
    yield f"DELETE FROM {table.name} WHERE {tenant} = %(tenant_id)s"
    yield f"UPDATE {table.name} SET {tenant} = %(tenant_id)s"
    yield _copy(table)


def _copy(table: Table) -> str:
    """Return a statement that gives a row of one's own to the other tenant."""
    tenant = _tenant_of(table)
    names = [f'"{column.name}"' for column in table.columns if column.computed is None and column.name != tenant]
    listed = ", ".join([tenant, *names])
    return (
        f"INSERT INTO {table.name} ({listed}) SELECT {', '.join(['%(tenant_id)s', *names])} FROM {table.name} LIMIT 1"
    )


def _tenant_of(table: Table) -> str:
    """Return the column that says whose a row is."""
    column = declaration_of(table).tenant_column
    assert column is not None
    return column


def _tried(connection: psycopg.Connection, statement: str, values: dict[str, object]) -> str:
    """Return what came of a statement, which is taken back."""
    try:
        return f"{connection.execute(statement, values).rowcount} rows"
    except psycopg.errors.InsufficientPrivilege:
        return "refused"
    except psycopg.Error as error:
        return f"{type(error).__name__}: {error}"
    finally:
        connection.rollback()
