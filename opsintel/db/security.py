"""Row security, grants and comments, made from the declarations and applied after every migration."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib import resources

from sqlalchemy import Connection, text

from opsintel.db.engine import APP_ROLE, SYSTEM_ROLE
from opsintel.db.mart_security import MART_READS, OPEN_FUNCTIONS, Step, closing, mart_steps
from opsintel.db.policies import statements_for
from opsintel.db.roles import BACKUP_ROLE, OWNER_ROLE, ROLES, acting_as
from opsintel.db.tables import metadata


def apply_security(connection: Connection, login: str) -> None:
    """Make policies, grants and comments in the database equal to the declarations.

    `login` may look up types of the schema (vector) and which revision it is at, and nothing else. Where all is equal
    already no table is touched: the statements would wait for whatever runs, and it for them.
    """
    steps = _steps(connection, login)
    wanted = hashlib.sha256("\n".join(statement for _, statement in steps).encode()).hexdigest()
    with acting_as(connection, OWNER_ROLE):
        if connection.execute(text(_MARK)).scalar() == f"{wanted} {_state(connection)}":
            return
    _run(connection, [(OWNER_ROLE, statement) for statement in connection.execute(text(_MADE_ANEW)).scalars()])
    _run(connection, steps)
    for query in (_CLOSED_PARTITIONS, MART_READS):
        _run(connection, [(OWNER_ROLE, statement) for statement in connection.execute(text(query)).scalars()])
    _run(connection, [(OWNER_ROLE, f"COMMENT ON TABLE alembic_version IS '{wanted} {_state(connection)}'")])


def open_for_migrations(connection: Connection) -> None:
    """Let `opsintel_owner` see the rows that its migrations change, and drop nothing that a migration cannot."""
    for query in (_IN_THE_WAY, _UNFORCED):
        _run(connection, [(OWNER_ROLE, statement) for statement in connection.execute(text(query)).scalars()])


def close_after_migrations(connection: Connection, login: str) -> None:
    """Bind the owner again where a migration stopped at an older schema, which has no declarations."""
    forced = [(OWNER_ROLE, statement) for statement in connection.execute(text(_FORCED)).scalars()]
    _run(connection, [*forced, *((OWNER_ROLE, statement) for statement in _revision_is_seen(connection, login))])


def _steps(connection: Connection, login: str) -> list[Step]:
    database = connection.execute(text("SELECT quote_ident(current_database())")).scalar_one()
    on_database = [
        f"REVOKE ALL ON DATABASE {database} FROM PUBLIC",
        f"GRANT TEMPORARY ON DATABASE {database} TO {APP_ROLE}",
    ]
    on_tables = [
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
        *_revision_is_seen(connection, login),
        *(statement for table in metadata.sorted_tables for statement in statements_for(table)),
        resources.files("opsintel.db").joinpath("partitions.sql").read_text(),
    ]
    return [
        *((None, statement) for statement in on_database),
        *((OWNER_ROLE, statement) for statement in on_tables),
        *mart_steps(login, database),
        *((None, statement) for statement in _closed_functions(connection, login)),
    ]


def _closed_functions(connection: Connection, login: str) -> list[str]:
    """Return what closes PostgreSQL's own functions; on a server whose superuser is somebody else, nothing."""
    if not connection.execute(text("SELECT rolsuper FROM pg_roles WHERE rolname = session_user")).scalar_one():
        return []
    quoted = connection.dialect.identifier_preparer.quote(login)
    functions = connection.execute(text(OPEN_FUNCTIONS)).scalars().all()
    return [statement for function in functions for statement in closing(function, quoted)]


def _revision_is_seen(connection: Connection, login: str) -> list[str]:
    """Return what lets the logins of DB_URL and of migrations see the revision, outside of any role."""
    quote = connection.dialect.identifier_preparer.quote
    logins = {quote(login), quote(str(connection.execute(text("SELECT session_user")).scalar_one()))}
    listed = ", ".join(sorted(logins))
    return [
        f"GRANT USAGE ON SCHEMA public TO {listed}",
        f"GRANT SELECT ON alembic_version TO {SYSTEM_ROLE}, {BACKUP_ROLE}, {listed}",
    ]


def _run(connection: Connection, steps: Sequence[Step]) -> None:
    """Run statements one after another, each as its role."""
    login = str(connection.execute(text("SELECT session_user")).scalar_one())
    acting: str | None = None
    with acting_as(connection, login):
        for role, statement in steps:
            if role != acting:
                connection.execute(text("SELECT set_config('role', :role, true)"), {"role": role or login})
                acting = role
            connection.exec_driver_sql(statement.replace("%", "%%"))


def _state(connection: Connection) -> str:
    query = resources.files("opsintel.db").joinpath("security_state.sql").read_text()
    return str(connection.exec_driver_sql(query.replace("%", "%%")).scalar_one())


_MARK = "SELECT obj_description('alembic_version'::regclass, 'pg_class')"
"""What was applied last: the digest of the statements, and of the state that they led to."""

_MADE_ANEW = """
    SELECT format('DROP POLICY %I ON %I', policyname, tablename) FROM pg_policies WHERE schemaname = 'public'
    UNION ALL
    SELECT format('DROP VIEW mart.%I CASCADE', relname) FROM pg_class
    WHERE relnamespace = 'mart'::regnamespace AND relkind = 'v'
"""
"""Policies and views are made anew, so that one that nobody declared goes."""

_CLOSED_PARTITIONS = f"""
    SELECT format('REVOKE ALL ON %1$s FROM PUBLIC, {", ".join(role for role in ROLES if role != OWNER_ROLE)};'
                  ' SELECT facts_close(%1$L)', inhrelid::regclass)
    FROM pg_inherits JOIN pg_partitioned_table ON partrelid = inhparent JOIN pg_class ON pg_class.oid = inhrelid
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
    ORDER BY 1
"""
"""Statements that leave a partition to its table's owner and the back-ups: all others go through the table."""

_IN_THE_WAY = """
    SELECT format('DROP VIEW mart.%I CASCADE', relname) AS statement FROM pg_class
    WHERE relnamespace = 'mart'::regnamespace AND relkind = 'v'
    UNION ALL
    SELECT format('DROP POLICY %I ON %I', policyname, tablename) FROM pg_policies
    WHERE schemaname = 'public' AND roles && '{opsintel_mart, opsintel_limited}'
    UNION ALL
    SELECT format('DROP ROUTINE %s CASCADE', oid::regprocedure) FROM pg_proc
    WHERE pronamespace = 'gate'::regnamespace
"""
"""What refers to tables that a migration may change: it is made again at the newest schema."""

_UNFORCED = """
    SELECT format('ALTER TABLE %I NO FORCE ROW LEVEL SECURITY', relname)
    FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relforcerowsecurity
"""

_FORCED = """
    SELECT format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', relname)
    FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relrowsecurity AND NOT relforcerowsecurity
"""
