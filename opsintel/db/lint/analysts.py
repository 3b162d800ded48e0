"""Analysts' logins: each bound to its tenant, held in its limits, and within reach of the views alone."""

from __future__ import annotations

from typing import Any, LiteralString

import psycopg

from opsintel.db.engine import SYSTEM_ROLE
from opsintel.db.lint.catalogue import OWN_RELATION
from opsintel.db.lint.rule import Rule
from opsintel.db.roles import GATEKEEPER_ROLE

_LOGINS: LiteralString = "pg_roles AS login JOIN unnest(%(analysts)s::text[]) AS bound (name) ON name = login.rolname"
_AGAIN = "Remove the analyst and add it again (`opsintel analyst remove`, `add`)"


def bindings(connection: psycopg.Connection) -> dict[str, Any]:
    """Return the analysts' logins that rows of `analyst` bind, those that must be locked, and their settings."""
    with connection.transaction():
        connection.execute(f"SET LOCAL ROLE {SYSTEM_ROLE}")
        rows = connection.execute(
            "SELECT role_name, suspended_at IS NOT NULL FROM analyst JOIN tenant ON tenant.id = tenant_id"
        ).fetchall()
        connection.execute(f"SET LOCAL ROLE {GATEKEEPER_ROLE}")
        settings = connection.execute("SELECT gate.settings_of_analysts()").fetchone()
        connection.execute("RESET ROLE")
    assert settings is not None
    return {
        "analysts": [name for name, _ in rows],
        "locked_analysts": [name for name, is_locked in rows if is_locked],
        "settings_of_analysts": [str(setting).lower() for setting in settings[0]],
    }


RULES = (
    Rule(
        "analyst-reach",
        "is within reach of analysts",
        f"""SELECT DISTINCT pg_class.oid::regclass FROM pg_class
                JOIN pg_roles ON rolname = 'opsintel_analyst' OR rolname = ANY(%(analysts)s)
                JOIN (SELECT oid, (aclexplode(relacl)).* FROM pg_class
                      UNION ALL SELECT attrelid, (aclexplode(attacl)).* FROM pg_attribute
                     ) AS granted (relation, grantor, grantee, privilege, is_grantable)
                    ON relation = pg_class.oid AND grantee = pg_roles.oid
            WHERE {OWN_RELATION} AND NOT (
                relnamespace = to_regnamespace('mart') AND rolname = 'opsintel_analyst' AND privilege = 'SELECT')""",
        "Take it back with REVOKE: analysts read the views of schema mart",
    ),
    Rule(
        "analyst-without-login",
        "has a row that binds it and no login",
        "SELECT name FROM unnest(%(analysts)s::text[]) AS bound (name) WHERE to_regrole(quote_ident(name)) IS NULL",
        _AGAIN,
    ),
    Rule(
        "analyst-rights",
        "may do more than read, or connects more than five times",
        f"""SELECT rolname FROM {_LOGINS}
            WHERE rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls OR rolconnlimit <> 5""",
        _AGAIN,
    ),
    Rule(
        "analyst-settings",
        "has other time-outs or defaults than an analyst's",
        f"""SELECT rolname FROM {_LOGINS}
            WHERE EXISTS (SELECT FROM pg_db_role_setting WHERE setrole = login.oid AND setdatabase <> 0)
                OR ARRAY(SELECT lower(setting) FROM pg_db_role_setting, unnest(setconfig) AS setting
                         WHERE setrole = login.oid AND setdatabase = 0 ORDER BY 1)
                    <> ARRAY(SELECT unnest(%(settings_of_analysts)s::text[]) ORDER BY 1)""",
        "The worker puts them back within a minute; look for who changes them",
    ),
    Rule(
        "analyst-membership",
        "is a member of another role than opsintel_analyst, or not of that one",
        f"""SELECT rolname FROM {_LOGINS}
            WHERE ARRAY(SELECT (roleid::regrole::text, inherit_option, set_option, admin_option)::text
                        FROM pg_auth_members WHERE member = login.oid)
                <> ARRAY[('opsintel_analyst'::text, true, false, false)::text]""",
        _AGAIN,
    ),
    Rule(
        "analyst-makes",
        "may make tables, temporary ones among them, or schemas",
        f"""SELECT rolname FROM {_LOGINS}
            WHERE NOT rolsuper AND (
                has_database_privilege(login.oid, current_database(), 'TEMPORARY')
                OR has_database_privilege(login.oid, current_database(), 'CREATE')
                OR EXISTS (SELECT FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%%'
                           AND has_schema_privilege(login.oid, pg_namespace.oid, 'CREATE')))""",
        "Take it back with REVOKE",
    ),
    Rule(
        "analyst-not-locked",
        "may log in although its tenant is suspended",
        f"SELECT rolname FROM {_LOGINS} WHERE rolcanlogin AND rolname = ANY(%(locked_analysts)s)",
        "Run ALTER ROLE ... NOLOGIN",
    ),
)
