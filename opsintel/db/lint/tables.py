"""Tables: those declared and no others, each with row security, comments, and nothing that copies its rows."""

from typing import LiteralString

from opsintel.db.lint.catalogue import CHILDREN, OWN_RELATION
from opsintel.db.lint.rule import Rule

_TRIGGERS: LiteralString = """
    ('audit_log', 'audit_link'), ('audit_log', 'audit_refuse_change'), ('audit_log', 'audit_refuse_truncate'),
    ('tenant', 'follow_tenant'), ('analyst', 'follow_analyst')
"""
"""Tables and their triggers."""

RULES = (
    Rule(
        "table-undeclared",
        "is declared nowhere: nothing says who may read it, when it is deleted or how a person is erased from it",
        f"""SELECT pg_class.oid::regclass FROM pg_class
            WHERE relkind IN ('r', 'p', 'f') AND {OWN_RELATION} AND pg_class.oid NOT IN ({CHILDREN})
                AND NOT (relnamespace = 'public'::regnamespace
                         AND (relname = ANY(%(tables)s) OR relname = 'alembic_version'))""",
        "Drop it, or move it to a database of its own",
    ),
    Rule(
        "column-undeclared",
        "is declared nowhere",
        """SELECT format('%%s.%%I', attrelid::regclass, attname)
           FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
           WHERE relnamespace = 'public'::regnamespace AND relname = ANY(%(tables)s) AND relkind IN ('r', 'p')
               AND attnum > 0 AND NOT attisdropped
               AND (relname, attname) NOT IN (
                   SELECT relation, "column"
                   FROM jsonb_to_recordset(%(comments)s) AS declared (relation text, "column" text))""",
        "Drop it",
    ),
    Rule(
        "column-missing",
        "is declared and not there",
        """SELECT concat_ws('.', relation, nullif("column", ''))
           FROM jsonb_to_recordset(%(comments)s) AS declared (relation text, "column" text)
           WHERE NOT EXISTS (
               SELECT FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
               WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND relname = relation
                   AND ("column" = '' OR attname = "column") AND attnum > 0 AND NOT attisdropped)""",
        "Restore a back-up: somebody changed the schema by hand",
    ),
    Rule(
        "row-security-enabled",
        "has no row security: every tenant's rows are open to whoever may read it",
        f"""SELECT pg_class.oid::regclass FROM pg_class
            WHERE NOT relrowsecurity AND relkind IN ('r', 'p')
                AND ((relnamespace = 'public'::regnamespace AND relname = ANY(%(tables)s))
                     OR pg_class.oid IN ({CHILDREN}))""",
    ),
    Rule(
        "row-security-forced",
        "does not bind its owner by row security",
        f"""SELECT pg_class.oid::regclass FROM pg_class
            WHERE NOT relforcerowsecurity AND relkind IN ('r', 'p')
                AND ((relnamespace = 'public'::regnamespace AND relname = ANY(%(tables)s))
                     OR pg_class.oid IN ({CHILDREN}))""",
    ),
    Rule(
        "comment",
        "has no comment, or another than the declared one",
        """SELECT concat_ws('.', relation, nullif("column", ''))
           FROM jsonb_to_recordset(%(comments)s) AS declared (relation text, "column" text, comment text)
               JOIN pg_class ON relnamespace = 'public'::regnamespace AND relname = relation
               LEFT JOIN pg_attribute ON attrelid = pg_class.oid AND attname = "column"
           WHERE comment IS DISTINCT FROM CASE "column" WHEN '' THEN obj_description(pg_class.oid, 'pg_class')
                                          ELSE col_description(pg_class.oid, attnum) END
               AND ("column" = '' OR attnum > 0)""",
    ),
    Rule(
        "inheritance",
        "inherits from a table of tenants: a query of that table reads it, and its own policies bind nobody there",
        f"""SELECT oid::regclass FROM pg_class
            WHERE oid IN ({CHILDREN}) AND relkind IN ('r', 'f') AND NOT relispartition""",
        "Take it off with ALTER TABLE ... NO INHERIT, or drop it",
    ),
    Rule(
        "partition-reach",
        "gives others than its table's owner and the back-ups a way around the policies of its table",
        f"""SELECT DISTINCT pg_class.oid::regclass FROM pg_class, aclexplode(relacl) AS granted
            WHERE pg_class.oid IN ({CHILDREN}) AND relispartition AND granted.grantee <> relowner
                AND (granted.grantee <> 'opsintel_backup'::regrole OR privilege_type <> 'SELECT')
            UNION
            SELECT polrelid::regclass FROM pg_policy
            WHERE polrelid IN ({CHILDREN})
                AND NOT (polroles = ARRAY['opsintel_backup'::regrole::oid] AND polcmd = 'r')""",
    ),
    Rule(
        "trigger-off",
        "is switched off",
        """SELECT format('%%I of %%s', tgname, tgrelid::regclass)
           FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
           WHERE relnamespace = 'public'::regnamespace AND tgenabled IN ('D', 'R')""",
        "Switch it on with ALTER TABLE ... ENABLE TRIGGER, then check what was written meanwhile",
    ),
    Rule(
        "trigger-undeclared",
        "runs on a table of ours and is none of ours",
        f"""SELECT format('%%I of %%s', tgname, tgrelid::regclass)
            FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
            WHERE relnamespace = 'public'::regnamespace AND NOT tgisinternal
                AND (relname, tgname) NOT IN ({_TRIGGERS})""",
        "Drop it",
    ),
    Rule(
        "trigger-missing",
        "is not there",
        f"""SELECT format('%%s of %%s', trigger, relation) FROM (VALUES {_TRIGGERS}) AS wanted (relation, trigger)
            WHERE NOT EXISTS (
                SELECT FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
                WHERE relnamespace = 'public'::regnamespace AND relname = relation AND tgname = trigger)""",
        "Run `opsintel migrate`; one of audit_log comes back from a back-up only: run `opsintel audit verify` after it",
    ),
    Rule(
        "rewrite-rule",
        "rewrites statements on a table of ours: rows can go elsewhere, or nowhere",
        """SELECT format('%%I of %%s', rulename, ev_class::regclass)
           FROM pg_rewrite JOIN pg_class ON pg_class.oid = ev_class
           WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')""",
        "Drop it with DROP RULE",
    ),
    Rule(
        "publication",
        "sends rows of all tenants to its subscribers, without row security",
        "SELECT pubname FROM pg_publication",
        "Drop it; a copy of the database is made by `opsintel backup`",
        weight="warning",
    ),
)
