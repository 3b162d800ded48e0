"""Row security, grants and comments, made from the tables' declarations and applied after every migration."""

from __future__ import annotations

import hashlib
from importlib import resources

from sqlalchemy import Connection, Table, text

from opsintel.db.engine import APP_ROLE, SYSTEM_ROLE
from opsintel.db.tables import declaration_of, metadata

TENANT = "current_setting('app.tenant_id')::uuid"


def apply_roles(connection: Connection, login: str) -> None:
    """Make the roles and let `login` (the one of DB_URL) take them."""
    connection.execute(text(resources.files("opsintel.db").joinpath("roles.sql").read_text()))
    quoted = connection.dialect.identifier_preparer.quote(login)
    for role in (APP_ROLE, SYSTEM_ROLE):
        connection.execute(text(f"GRANT {role} TO {quoted}"))


def apply_security(connection: Connection, login: str) -> None:
    """Make policies, grants and comments in the database equal to the declarations.

    `login` may look up types of the schema (vector) and which revision it is at, and nothing else. Where all is equal
    already no table is touched: the statements would wait for whatever runs, and it for them.
    """
    quoted = connection.dialect.identifier_preparer.quote(login)
    database = connection.execute(text("SELECT quote_ident(current_database())")).scalar_one()
    statements = [
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
        f"GRANT USAGE ON SCHEMA public TO {APP_ROLE}, {SYSTEM_ROLE}, {quoted}",
        f"GRANT SELECT ON alembic_version TO {SYSTEM_ROLE}, {quoted}",
        f"REVOKE ALL ON DATABASE {database} FROM PUBLIC",
        f"GRANT TEMPORARY ON DATABASE {database} TO {APP_ROLE}",
        *(statement for table in metadata.sorted_tables for statement in statements_for(table)),
    ]
    wanted = hashlib.sha256("\n".join(statements).encode()).hexdigest()
    if connection.execute(text(_MARK)).scalar() == f"{wanted} {connection.execute(text(_STATE)).scalar_one()}":
        return
    for statement in statements:
        connection.exec_driver_sql(statement.replace("%", "%%"))
    state = connection.execute(text(_STATE)).scalar_one()
    connection.execute(text(f"COMMENT ON TABLE alembic_version IS '{wanted} {state}'"))


_MARK = "SELECT obj_description('alembic_version'::regclass, 'pg_class')"
"""What was applied last: the digest of the statements, and of the state that they led to."""

_STATE = """
    SELECT md5(string_agg(line, E'\n' ORDER BY line)) FROM (
        SELECT concat_ws(' ', relname, relrowsecurity, relforcerowsecurity, relacl,
                         CASE WHEN relname <> 'alembic_version' THEN obj_description(oid, 'pg_class') END) AS line
        FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
        UNION ALL
        SELECT concat_ws(' ', relname, attname, attacl, col_description(attrelid, attnum))
        FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND attnum > 0 AND NOT attisdropped
        UNION ALL
        SELECT concat_ws(' ', tablename, policyname, permissive, roles, cmd, qual, with_check)
        FROM pg_policies WHERE schemaname = 'public'
        UNION ALL SELECT concat_ws(' ', nspname, nspacl) FROM pg_namespace WHERE nspname = 'public'
        UNION ALL SELECT concat_ws(' ', 'database', datacl) FROM pg_database WHERE datname = current_database()
    ) AS lines
"""


def statements_for(table: Table) -> list[str]:
    """Return the statements that give one table its policies, grants and comments."""
    declared = declaration_of(table)
    name = table.name
    statements = [
        f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY",
        f"REVOKE ALL ON {name} FROM PUBLIC, {APP_ROLE}, {SYSTEM_ROLE}",
        f"DROP POLICY IF EXISTS tenant ON {name}",
        f"DROP POLICY IF EXISTS system ON {name}",
        f"DROP POLICY IF EXISTS owner ON {name}",
    ]
    if declared.tenant_column:
        bound = f"{declared.tenant_column} = {TENANT}"
        statements.append(f"CREATE POLICY tenant ON {name} TO {APP_ROLE} USING ({bound}) WITH CHECK ({bound})")
        statements.append(f"GRANT {', '.join(declared.tenant_rights)} ON {name} TO {APP_ROLE}")
    if declared.system_select or declared.system_write:
        statements.append(f"CREATE POLICY system ON {name} TO {SYSTEM_ROLE} USING (true) WITH CHECK (true)")
        statements.extend(_system_grants(name, declared.system_select, declared.system_write))
    if declared.written_by_owner:
        statements.append(f"CREATE POLICY owner ON {name} TO CURRENT_USER USING (true) WITH CHECK (true)")
    statements.append(f"COMMENT ON TABLE {name} IS {_literal(table.comment or '')}")
    statements.extend(
        f'COMMENT ON COLUMN {name}."{column.name}" IS {_literal(column.comment or "")}' for column in table.columns
    )
    return statements


def _system_grants(name: str, select: tuple[str, ...], write: tuple[str, ...]) -> list[str]:
    grants = []
    if select:
        grants.append(f"GRANT SELECT{_columns(select)} ON {name} TO {SYSTEM_ROLE}")
    if "*" in write:
        grants.append(f"GRANT INSERT, UPDATE, DELETE ON {name} TO {SYSTEM_ROLE}")
    else:
        columns = tuple(column for column in write if column not in ("INSERT", "DELETE"))
        if columns:
            grants.append(f"GRANT UPDATE{_columns(columns)} ON {name} TO {SYSTEM_ROLE}")
        grants.extend(f"GRANT {right} ON {name} TO {SYSTEM_ROLE}" for right in ("INSERT", "DELETE") if right in write)
    return grants


def _columns(columns: tuple[str, ...]) -> str:
    return "" if "*" in columns else f" ({', '.join(columns)})"


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
