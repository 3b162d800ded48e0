"""What makes schema `mart`, binds it to the tenant of the analyst, and closes what an analyst must not reach."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources

from opsintel.db.engine import APP_ROLE, LIMITED_ROLE, SYSTEM_ROLE
from opsintel.db.marts import VIEWS, View
from opsintel.db.policies import literal
from opsintel.db.roles import (
    ANALYST_ROLE,
    BACKUP_ROLE,
    ERASER_ROLE,
    GATEKEEPER_ROLE,
    MART_ROLE,
    OWNER_ROLE,
    SERVICE_ROLES,
)

Step = tuple[str | None, str]
"""A role to act as (None: the login of the migration) and a statement."""

TENANT_OF_ANALYST = "(SELECT tenant.id FROM tenant)"
"""The one tenant that `opsintel_mart` sees: that of `session_user`, while it is not suspended."""

SCHEMA_USAGE: dict[str, tuple[str, ...]] = {
    "public": (*SERVICE_ROLES, BACKUP_ROLE, ERASER_ROLE, MART_ROLE, GATEKEEPER_ROLE),
    "limited": (LIMITED_ROLE,),
    "mart": (MART_ROLE, ANALYST_ROLE),
    "gate": (GATEKEEPER_ROLE, SYSTEM_ROLE),
    "erasure": (ERASER_ROLE,),
}
"""Which roles see what is in a schema, beside its owner."""

CLOSED = ("lo_%", "lowrite", "pg_advisory_%", "pg_try_advisory_%", "pg_logical_emit_message")
"""Functions of PostgreSQL that anybody may call, and that write or hold up others."""

_OPEN_FUNCTIONS = """
    SELECT oid::regprocedure::text FROM pg_proc
    WHERE pronamespace = 'pg_catalog'::regnamespace AND proname LIKE ANY (ARRAY[{patterns}]) ORDER BY 1
"""


def mart_steps(login: str, database: str) -> Iterator[Step]:
    """Yield what makes the views, the gatekeeper's functions and triggers, and their grants; in order."""
    for schema, roles in SCHEMA_USAGE.items():
        yield OWNER_ROLE, f"GRANT USAGE ON SCHEMA {schema} TO {', '.join(roles)}"
    for schema, role in (("mart", MART_ROLE), ("gate", GATEKEEPER_ROLE), ("erasure", ERASER_ROLE)):
        yield OWNER_ROLE, f"GRANT CREATE ON SCHEMA {schema} TO {role}"
    yield GATEKEEPER_ROLE, resources.files("opsintel.db").joinpath("gate.sql").read_text()
    yield from ((OWNER_ROLE, statement) for statement in _TRIGGERS)
    yield None, f"GRANT CONNECT ON DATABASE {database} TO {ANALYST_ROLE}"
    for view in VIEWS:
        yield from ((MART_ROLE, statement) for statement in statements_of(view))
    del login


def statements_of(view: View) -> Iterator[str]:
    """Yield the statements that make one view, with its grant and comments."""
    yield view.definition()
    yield f"GRANT SELECT ON mart.{view.name} TO {ANALYST_ROLE}"
    yield f"COMMENT ON VIEW mart.{view.name} IS {literal(view.comment)}"
    for column in view.columns:
        yield f"COMMENT ON COLUMN mart.{view.name}.{column.name} IS {literal(column.comment)}"


_TRIGGERS = (
    "CREATE OR REPLACE TRIGGER follow_tenant AFTER UPDATE OF suspended_at ON tenant FOR EACH ROW"
    " WHEN ((OLD.suspended_at IS NULL) IS DISTINCT FROM (NEW.suspended_at IS NULL))"
    " EXECUTE FUNCTION gate.follow_tenant()",
    "CREATE OR REPLACE TRIGGER follow_analyst AFTER DELETE ON analyst FOR EACH ROW"
    " EXECUTE FUNCTION gate.follow_analyst()",
)

MART_READS = f"""
    WITH reads AS (
        SELECT base.relname, array_agg(DISTINCT attname ORDER BY attname) AS columns
        FROM pg_depend
            JOIN pg_rewrite ON pg_rewrite.oid = pg_depend.objid AND classid = 'pg_rewrite'::regclass
            JOIN pg_class AS view ON view.oid = ev_class AND view.relnamespace = 'mart'::regnamespace
            JOIN pg_class AS base ON base.oid = refobjid AND refclassid = 'pg_class'::regclass
                AND base.relnamespace = 'public'::regnamespace AND base.relname <> 'analyst'
            JOIN pg_attribute ON attrelid = base.oid AND attnum = refobjsubid AND attnum > 0
        GROUP BY base.relname
    )
    SELECT format('GRANT SELECT (%s) ON %I TO {MART_ROLE}', array_to_string(columns, ', '), relname) FROM reads
    UNION ALL
    SELECT format('CREATE POLICY mart ON %I FOR SELECT TO {MART_ROLE} USING (tenant_id = {TENANT_OF_ANALYST})', relname)
    FROM reads
    ORDER BY 1
"""
"""Statements that let `opsintel_mart` read the columns that its views read, and no others, of the analyst's tenant."""

OPEN_FUNCTIONS = _OPEN_FUNCTIONS.format(patterns=", ".join(literal(pattern.replace("_", r"\_")) for pattern in CLOSED))


def closing(function: str, login: str) -> Iterator[str]:
    """Yield what closes a function to everybody but the product itself."""
    yield f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC"
    if "advisory" in function:
        yield (
            f"GRANT EXECUTE ON FUNCTION {function}"
            f" TO {APP_ROLE}, {SYSTEM_ROLE}, {OWNER_ROLE}, {ERASER_ROLE}, pg_database_owner, {login}"
        )
