"""Functions: none acts for its owner unguarded, none is open to everybody, none looks at rows before a policy."""

from opsintel.db.lint.catalogue import OWN_FUNCTION
from opsintel.db.lint.rule import Rule

RULES = (
    Rule(
        "definer-search-path",
        "acts with its owner's rights and finds tables by the caller's search_path",
        f"""SELECT pg_proc.oid::regprocedure FROM pg_proc
            WHERE prosecdef AND {OWN_FUNCTION}
                AND NOT EXISTS (SELECT FROM unnest(proconfig) AS setting WHERE setting ~ '^search_path=.*pg_temp$')""",
        "Run ALTER FUNCTION ... SET search_path = pg_catalog, pg_temp",
    ),
    Rule(
        "function-open",
        "may be called by everybody who can connect",
        f"""SELECT pg_proc.oid::regprocedure
            FROM pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner))) AS granted
            WHERE granted.grantee = 0 AND {OWN_FUNCTION}""",
        "Run REVOKE ALL ON FUNCTION ... FROM PUBLIC",
    ),
    Rule(
        "function-leakproof",
        "says of itself that it tells nothing: the planner lets it see rows before a policy does",
        f"SELECT pg_proc.oid::regprocedure FROM pg_proc WHERE proleakproof AND {OWN_FUNCTION}",
        "Run ALTER FUNCTION ... NOT LEAKPROOF",
    ),
    Rule(
        "function-of-the-server-open",
        "lets an analyst write large objects or hold up others",
        """SELECT pg_proc.oid::regprocedure
           FROM pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner))) AS granted
           WHERE granted.grantee = 0 AND pronamespace = 'pg_catalog'::regnamespace
               AND proname ~ '^lo_|^lowrite$|^pg_(try_)?advisory_|^pg_logical_emit_message$'""",
        "Migrate once with a superuser; on a server that gives you none, give logins to analysts whom you trust",
        weight="warning",
    ),
    Rule(
        "extension",
        "reads files, other servers or pages of tables, past row security",
        """SELECT extname FROM pg_extension WHERE extname IN (
               'adminpack', 'amcheck', 'dblink', 'file_fdw', 'lo', 'pageinspect', 'pg_surgery', 'pg_visibility',
               'pg_walinspect', 'plperlu', 'plpython3u', 'pltclu', 'postgres_fdw')""",
        "Run DROP EXTENSION; what needs it belongs in a database of its own",
    ),
)
