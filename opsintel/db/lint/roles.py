"""Roles: none bypasses a policy or logs in, each is taken by whom it is meant for, and owns what it shall."""

from typing import LiteralString

from opsintel.db.lint.rule import Rule

_BOUND: LiteralString = "'opsintel_app', 'opsintel_limited', 'opsintel_system', 'opsintel_keys', 'opsintel_analyst'"
"""Roles that work with rows, and shall own nothing."""

RULES = (
    Rule(
        "role-bypasses",
        "bypasses row security",
        "SELECT rolname FROM pg_roles WHERE rolname = ANY(%(roles)s) AND (rolsuper OR rolbypassrls)",
        "Run ALTER ROLE ... NOSUPERUSER NOBYPASSRLS",
    ),
    Rule(
        "role-logs-in",
        "may log in by itself",
        "SELECT rolname FROM pg_roles WHERE rolname = ANY(%(roles)s) AND rolcanlogin",
        "Run ALTER ROLE ... NOLOGIN",
    ),
    Rule(
        "role-makes",
        "may make databases, roles or copies of the server",
        """SELECT rolname FROM pg_roles WHERE rolname = ANY(%(roles)s)
               AND (rolcreatedb OR rolreplication OR (rolcreaterole AND rolname <> 'opsintel_gatekeeper'))""",
        "Run ALTER ROLE ... NOCREATEDB NOCREATEROLE NOREPLICATION",
    ),
    Rule(
        "login-bypasses",
        "is the login of DB_URL and bypasses row security",
        "SELECT rolname FROM pg_roles WHERE rolname = %(login)s AND (rolsuper OR rolbypassrls)",
        "Give DB_URL a login without rights; OPSINTEL_MIGRATION_URL names the one that migrates",
        weight="warning",
    ),
    Rule(
        "membership",
        "is a membership that is declared nowhere: it hands on rights",
        """SELECT format('%%s in %%s', member::regrole, roleid::regrole)
           FROM pg_auth_members
               JOIN pg_roles AS taken ON taken.oid = roleid JOIN pg_roles AS taker ON taker.oid = member
           WHERE (inherit_option OR set_option)
               AND (taken.rolname = ANY(%(roles)s) OR taker.rolname = ANY(%(roles)s))
               AND NOT (taken.rolname = 'opsintel_analyst' AND NOT set_option AND NOT taker.rolname = ANY(%(roles)s))
               AND NOT (taker.rolname = 'opsintel_gatekeeper' AND NOT set_option AND EXISTS (
                   SELECT FROM pg_auth_members AS analyst
                   WHERE analyst.member = taken.oid AND analyst.roleid = 'opsintel_analyst'::regrole))
               AND (inherit_option
                    OR NOT (taken.rolname = ANY(%(service_roles)s) AND taker.rolname = %(login)s
                            OR taken.rolname = ANY(%(migration_roles)s) AND taker.rolname = session_user))""",
        "Take it back with REVOKE ... FROM ..., or grant it WITH INHERIT FALSE",
    ),
    Rule(
        "owner",
        "belongs to another role than the declared one",
        """SELECT format('schema %%I', nspname) FROM pg_namespace
           WHERE nspname = ANY(%(schemas)s) AND nspowner <> 'opsintel_owner'::regrole
           UNION
           SELECT pg_class.oid::regclass::text FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
               JOIN unnest(%(schemas)s::text[], %(owners)s::text[]) AS ours (name, owner) ON name = nspname
           WHERE relkind IN ('r', 'p', 'v', 'm', 'S') AND nspname <> 'mart' AND relowner <> owner::regrole
           UNION
           SELECT pg_proc.oid::regprocedure::text FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
               JOIN unnest(%(schemas)s::text[], %(owners)s::text[]) AS ours (name, owner) ON name = nspname
           WHERE proowner <> owner::regrole AND NOT EXISTS (
               SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = pg_proc.oid AND deptype = 'e')""",
    ),
    Rule(
        "owns-something",
        "owns something in this database, and can hand it on",
        f"""SELECT DISTINCT rolname FROM pg_shdepend JOIN pg_roles ON pg_roles.oid = refobjid
                JOIN pg_database ON pg_database.oid = dbid AND datname = current_database()
            WHERE refclassid = 'pg_authid'::regclass AND deptype = 'o'
                AND (rolname IN ({_BOUND}) OR rolname = ANY(%(analysts)s))
                AND NOT (classid = 'pg_class'::regclass AND EXISTS (
                    SELECT FROM pg_class WHERE pg_class.oid = objid AND relpersistence = 't'))
                AND NOT (classid = 'pg_namespace'::regclass AND EXISTS (
                    SELECT FROM pg_namespace WHERE pg_namespace.oid = objid AND nspname LIKE 'pg\\_%%temp\\_%%'))""",
        "Hand it to its owner with REASSIGN OWNED BY, or drop it",
    ),
    Rule(
        "setting-by-default",
        "is set by default: a transaction that forgets its tenant works in that one, or without a guard",
        """SELECT split_part(setting, '=', 1)
           FROM pg_db_role_setting LEFT JOIN pg_database ON pg_database.oid = setdatabase, unnest(setconfig) AS setting
           WHERE (setdatabase = 0 OR datname = current_database())
               AND setting ~ '^(app\\.|role=|row_security=|session_replication_role=)'""",
        "Take it back with ALTER ROLE ... RESET, or ALTER DATABASE ... RESET",
    ),
)
