"""The roles of an installation: who may take which, and what `opsintel_owner` comes to own.

A migration needs no superuser: a login with CREATEROLE that owns the database does. What it creates it administers
(https://www.postgresql.org/docs/16/role-attributes.html), and it takes a role only for as long as it acts as it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources

from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError

from opsintel.db.engine import APP_ROLE, KEYS_ROLE, LIMITED_ROLE, SYSTEM_ROLE
from opsintel.errors import DatabaseError

OWNER_ROLE = "opsintel_owner"
BACKUP_ROLE = "opsintel_backup"
ERASER_ROLE = "opsintel_eraser"
MART_ROLE = "opsintel_mart"
ANALYST_ROLE = "opsintel_analyst"
GATEKEEPER_ROLE = "opsintel_gatekeeper"

SERVICE_ROLES = (APP_ROLE, LIMITED_ROLE, SYSTEM_ROLE, KEYS_ROLE)
"""What the login of DB_URL takes, one in each transaction."""

MIGRATION_ROLES = (OWNER_ROLE, MART_ROLE, GATEKEEPER_ROLE, ERASER_ROLE, BACKUP_ROLE, SYSTEM_ROLE)
"""What the login of migrations takes, each for what it makes as that role."""

ROLES = (
    APP_ROLE,
    LIMITED_ROLE,
    SYSTEM_ROLE,
    KEYS_ROLE,
    OWNER_ROLE,
    BACKUP_ROLE,
    ERASER_ROLE,
    MART_ROLE,
    ANALYST_ROLE,
    GATEKEEPER_ROLE,
)
"""All of them; none may log in."""

_MAY_TAKE = """
    SELECT EXISTS (
        SELECT FROM pg_auth_members
        WHERE roleid = CAST(:role AS regrole) AND member = CAST(:member AS regrole)
            AND set_option AND NOT inherit_option
    )
"""

SCHEMAS = {
    "public": OWNER_ROLE,
    "limited": OWNER_ROLE,
    "mart": MART_ROLE,
    "gate": GATEKEEPER_ROLE,
    "erasure": ERASER_ROLE,
}
"""Our schemas, each with the role that owns what is in it; `opsintel_owner` owns the schemas themselves.

A function that acts as its owner (SECURITY DEFINER) is made in the schema of the role that it shall act as.
"""

_FOREIGN = """
    SELECT 2 AS place, format('ALTER %s %I.%I OWNER TO %I',
                CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, nspname, relname, owner)
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
        JOIN unnest(CAST(:schemas AS text[]), CAST(:owners AS text[])) AS ours (name, owner) ON name = nspname
    WHERE relkind IN ('r', 'p', 'v', 'S') AND relowner <> owner::regrole AND NOT EXISTS (
        SELECT FROM pg_depend
        WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND objsubid = 0
            AND (deptype IN ('e', 'i') OR deptype = 'a' AND NOT relispartition)
    )
    UNION ALL
    SELECT 2, format('ALTER ROUTINE %s OWNER TO %I', pg_proc.oid::regprocedure, owner)
    FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
        JOIN unnest(CAST(:schemas AS text[]), CAST(:owners AS text[])) AS ours (name, owner) ON name = nspname
    WHERE proowner <> owner::regrole AND NOT EXISTS (
        SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = pg_proc.oid AND deptype = 'e'
    )
    UNION ALL
    SELECT 1, format('GRANT USAGE, CREATE ON SCHEMA %I TO %I, opsintel_owner', name, owner)
    FROM unnest(CAST(:schemas AS text[]), CAST(:owners AS text[])) AS ours (name, owner)
        JOIN pg_namespace ON nspname = name
    WHERE nspowner <> 'opsintel_owner'::regrole
    UNION ALL
    SELECT 3, format('ALTER SCHEMA %I OWNER TO opsintel_owner', nspname)
    FROM pg_namespace WHERE nspname = ANY(CAST(:schemas AS text[])) AND nspowner <> 'opsintel_owner'::regrole
    ORDER BY 1, 2
"""
"""What of ours belongs to somebody else."""


def apply_roles(connection: Connection, login: str) -> None:
    """Make the roles; let `login` (the one of DB_URL) take its own, and this connection's login those of migrations.

    Raises `DatabaseError` where the roles belong to another login that has not handed them on.
    """
    connection.execute(text(resources.files("opsintel.db").joinpath("roles.sql").read_text()))
    current = str(connection.execute(text("SELECT session_user")).scalar_one())
    _let_take(connection, login, SERVICE_ROLES)
    if not connection.execute(text("SELECT rolsuper FROM pg_roles WHERE rolname = session_user")).scalar_one():
        _let_take(connection, current, MIGRATION_ROLES)
    _let_gatekeeper_hand_on(connection)


def take_ownership(connection: Connection) -> None:
    """Make our schemas, and give each role what it shall own; nothing is touched where all is so already."""
    for schema in SCHEMAS:
        if connection.execute(text("SELECT to_regnamespace(:name) IS NULL"), {"name": schema}).scalar_one():
            connection.execute(text(f"CREATE SCHEMA {schema}"))
    parameters = {"schemas": list(SCHEMAS), "owners": list(SCHEMAS.values())}
    foreign = [row[1] for row in connection.execute(text(_FOREIGN), parameters)]
    if foreign:
        database = connection.execute(text("SELECT quote_ident(current_database())")).scalar_one()
        connection.execute(text(f"GRANT CREATE ON DATABASE {database} TO {OWNER_ROLE}"))
    for statement in foreign:
        connection.exec_driver_sql(statement)


@contextmanager
def acting_as(connection: Connection, role: str) -> Iterator[None]:
    """Act as a role for a while; the transaction must end where an exception passes."""
    before = str(connection.execute(text("SELECT current_user")).scalar_one())
    connection.execute(text("SELECT set_config('role', :role, true)"), {"role": role})
    yield
    connection.execute(text("SELECT set_config('role', :role, true)"), {"role": before})


def _let_take(connection: Connection, login: str, roles: tuple[str, ...]) -> None:
    """Let a login take roles, one at a time: it has none of their rights while it has taken none."""
    quoted = connection.dialect.identifier_preparer.quote(login)
    for role in roles:
        if connection.execute(text(_MAY_TAKE), {"role": role, "member": quoted}).scalar_one():
            continue
        try:
            connection.execute(text(f"GRANT {role} TO {quoted} WITH INHERIT FALSE, SET TRUE"))
        except ProgrammingError as error:
            raise DatabaseError(
                f"The role {role} belongs to another login and cannot be given to {login}: {error.orig}",
                remedy="Migrate with the login that made the roles, or have it run:"
                f" GRANT {role} TO {quoted} WITH ADMIN OPTION",
            ) from None


def _let_gatekeeper_hand_on(connection: Connection) -> None:
    """Let the gatekeeper make analysts' logins members of `opsintel_analyst`, without being one."""
    held = text(
        "SELECT EXISTS (SELECT FROM pg_auth_members WHERE roleid = CAST(:role AS regrole)"
        " AND member = CAST(:member AS regrole) AND admin_option)"
    )
    if not connection.execute(held, {"role": ANALYST_ROLE, "member": GATEKEEPER_ROLE}).scalar_one():
        connection.execute(
            text(f"GRANT {ANALYST_ROLE} TO {GATEKEEPER_ROLE} WITH ADMIN OPTION, INHERIT FALSE, SET FALSE")
        )
