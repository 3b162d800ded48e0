"""Rights: those declared on tables, schemas and the database; none for everybody."""

from typing import LiteralString

from opsintel.db.lint.catalogue import DECLARED_GRANTS, GRANTS
from opsintel.db.lint.rule import Rule

_FOUND: LiteralString = GRANTS.replace("%(schema)s", "'public'")
_SUBJECT: LiteralString = (
    "format('%%s on %%s for %%s', privilege, concat_ws('.', relation, nullif(\"column\", '')), grantee)"
)
_ANALYSTS: LiteralString = "'opsintel_analyst' = grantee OR grantee = ANY(%(analysts)s)"

RULES = (
    Rule(
        "grant-undeclared",
        "is granted and declared nowhere",
        f"""SELECT {_SUBJECT} FROM (
                SELECT relation, grantee, privilege, "column" FROM ({_FOUND}) AS found
                WHERE grantee <> 'PUBLIC' AND NOT ({_ANALYSTS})
                    AND (relation = ANY(%(tables)s) OR relation = 'alembic_version')
                EXCEPT SELECT relation, grantee, privilege, "column" FROM {DECLARED_GRANTS}) AS undeclared""",
    ),
    Rule(
        "grant-missing",
        "is declared and not granted",
        f"""SELECT {_SUBJECT} FROM (
                SELECT relation, grantee, privilege, "column" FROM {DECLARED_GRANTS}
                EXCEPT SELECT relation, grantee, privilege, "column" FROM ({_FOUND}) AS found) AS missing""",
    ),
    Rule(
        "grant-to-everybody",
        "is open to everybody who can connect",
        """SELECT pg_class.oid::regclass::text FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace,
               aclexplode(relacl) AS granted
           WHERE grantee = 0 AND nspname = ANY(%(schemas)s)
           UNION
           SELECT format('%%s.%%I', attrelid::regclass, attname) FROM pg_attribute
               JOIN pg_class ON pg_class.oid = attrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace,
               aclexplode(attacl) AS granted
           WHERE grantee = 0 AND nspname = ANY(%(schemas)s)
           UNION
           SELECT format('schema %%I', nspname) FROM pg_namespace, aclexplode(nspacl) AS granted
           WHERE grantee = 0 AND nspname = ANY(%(schemas)s)
           UNION
           SELECT format('database %%I', datname)
           FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba))) AS granted
           WHERE grantee = 0 AND datname = current_database()""",
    ),
    Rule(
        "grant-by-default",
        "gives rights on whatever is made from now on",
        """SELECT format('ALTER DEFAULT PRIVILEGES of %%s', defaclrole::regrole) FROM pg_default_acl""",
        "Take it back with ALTER DEFAULT PRIVILEGES ... REVOKE",
    ),
    Rule(
        "schema-grant",
        "is granted and declared nowhere",
        """SELECT format('%%s on schema %%I for %%s', privilege_type, nspname, grantee::regrole)
           FROM pg_namespace, aclexplode(nspacl) AS granted,
               unnest(%(schemas)s::text[], %(owners)s::text[]) AS ours (name, owner)
           WHERE nspname = name AND grantee <> 0 AND grantee <> nspowner
               AND NOT (privilege_type = 'CREATE' AND grantee::regrole::text = quote_ident(owner))
               AND NOT (privilege_type = 'USAGE' AND EXISTS (
                   SELECT FROM jsonb_to_recordset(%(usage)s) AS declared (schema text, roles text[])
                       JOIN pg_roles ON rolname = ANY(roles)
                   WHERE schema = nspname AND pg_roles.oid = grantee))""",
        "Take it back with REVOKE",
    ),
    Rule(
        "database-grant",
        "is granted on the database and declared nowhere",
        """SELECT format('%%s for %%s', privilege_type, rolname)
           FROM pg_database, aclexplode(datacl) AS granted JOIN pg_roles ON pg_roles.oid = grantee
           WHERE datname = current_database() AND grantee <> datdba AND privilege_type <> 'CONNECT'
               AND (privilege_type, rolname) NOT IN (('TEMPORARY', 'opsintel_app'), ('CREATE', 'opsintel_owner'))
               AND rolname <> 'opsintel_analyst' AND NOT rolname = ANY(%(analysts)s)""",
        "Take it back with REVOKE",
    ),
    Rule(
        "login-undeclared",
        "may connect to the database and is none of its logins",
        """SELECT rolname FROM pg_database, aclexplode(datacl) AS granted JOIN pg_roles ON pg_roles.oid = grantee
           WHERE datname = current_database() AND privilege_type = 'CONNECT' AND grantee <> datdba
               AND rolname NOT IN (%(login)s, session_user, 'opsintel_analyst')""",
        "Take it back with REVOKE CONNECT ON DATABASE, unless you know whose it is",
        weight="warning",
    ),
)
