"""Views: the analysts' are those declared, each a barrier that its own role reads through."""

from typing import LiteralString

from opsintel.db.lint.catalogue import OWN_RELATION
from opsintel.db.lint.rule import Rule

_DECLARED: LiteralString = (
    'jsonb_to_recordset(%(views)s) AS declared (view text, "column" text, comment text, definition text)'
)
_MART: LiteralString = "relnamespace = to_regnamespace('mart') AND relkind = 'v'"

RULES = (
    Rule(
        "view-missing",
        "is declared and not there",
        f"""SELECT format('mart.%%s', view) FROM {_DECLARED}
            WHERE "column" = '' AND NOT EXISTS (SELECT FROM pg_class WHERE {_MART} AND relname = view)""",
    ),
    Rule(
        "view-undeclared",
        "is declared nowhere",
        f"""SELECT oid::regclass FROM pg_class
            WHERE {_MART} AND relname NOT IN (SELECT view FROM {_DECLARED})""",
    ),
    Rule(
        "view-changed",
        "selects something else than declared",
        f"""SELECT oid::regclass FROM pg_class JOIN {_DECLARED} ON relname = view AND "column" = ''
            WHERE {_MART} AND pg_get_viewdef(oid) <> definition""",
    ),
    Rule(
        "view-owner",
        "does not belong to opsintel_mart, which row security binds to the analyst's tenant",
        f"SELECT oid::regclass FROM pg_class WHERE {_MART} AND relowner <> 'opsintel_mart'::regrole",
    ),
    Rule(
        "view-barrier",
        "is no barrier: a function in an analyst's WHERE can see rows before the policies do",
        f"""SELECT oid::regclass FROM pg_class
            WHERE {_MART} AND NOT coalesce(reloptions, '{{}}') && '{{security_barrier=true,security_barrier=on}}'""",
    ),
    Rule(
        "view-comment",
        "has no comment, or another than the declared one",
        f"""SELECT concat_ws('.', 'mart', view, nullif("column", ''))
            FROM pg_class JOIN {_DECLARED} ON relname = view
                LEFT JOIN pg_attribute ON attrelid = pg_class.oid AND attname = "column"
            WHERE {_MART} AND ("column" = '' OR attnum > 0)
                AND comment IS DISTINCT FROM CASE "column" WHEN '' THEN obj_description(pg_class.oid, 'pg_class')
                                             ELSE col_description(pg_class.oid, attnum) END""",
    ),
    Rule(
        "view-invoker",
        "reads with its owner's rights, and not with those of the member who is limited to some sources",
        """SELECT oid::regclass FROM pg_class
           WHERE relnamespace = to_regnamespace('limited') AND relkind = 'v'
               AND NOT coalesce(reloptions, '{}') && '{security_invoker=true,security_invoker=on}'""",
        "Run ALTER VIEW ... SET (security_invoker = true)",
    ),
    Rule(
        "materialized-view",
        "keeps rows of all tenants where no policy binds anybody",
        f"SELECT oid::regclass FROM pg_class WHERE relkind = 'm' AND {OWN_RELATION}",
        "Drop it; what is read often is a table of facts",
    ),
)
