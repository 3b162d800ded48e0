"""What a hostile analyst tries by SQL: a name and statements, run one after another in a session of his own.

`{tenant}`, `{message}` and `{canary}` stand for the other tenant's id, one of its messages, and what is in its texts;
`{other}` for the login of its analyst, `{me}` for his own.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Attack:
    """One attempt; where it is `refused`, the last statement must fail."""

    name: str
    statements: tuple[str, ...]
    refused: bool = False


def tries(name: str, *statements: str) -> Attack:
    """Return an attempt that may succeed, but must show and change nothing of others."""
    return Attack(name, statements)


def fails(name: str, *statements: str) -> Attack:
    """Return an attempt whose last statement must be refused."""
    return Attack(name, statements, refused=True)


READ_WRITE = "SET default_transaction_read_only = off"

SETTINGS = (
    tries("tenant of the application", "SET app.tenant_id = '{tenant}'"),
    tries("tenant by set_config", "SELECT set_config('app.tenant_id', '{tenant}', false) IS NULL"),
    tries("sources of a limited member", "SET app.source_ids = '{{}}'"),
    fails("row_security off", "SET row_security = off", "SELECT * FROM public.message"),
    tries("row_security off on a view", "SET row_security = off"),
    fails("role of the application", "SET ROLE opsintel_app"),
    fails("role of the system", "SET ROLE opsintel_system"),
    fails("role of the owner", "SET ROLE opsintel_owner"),
    fails("role of the views", "SET ROLE opsintel_mart"),
    fails("role of all analysts", "SET ROLE opsintel_analyst"),
    fails("role of back-ups", "SET ROLE opsintel_backup"),
    fails("role of the gatekeeper", "SET ROLE opsintel_gatekeeper"),
    fails("role of the eraser", "SET ROLE opsintel_eraser"),
    fails("role by set_config", "SELECT set_config('role', 'opsintel_app', false)"),
    fails("role of the other analyst", "SET ROLE \"{other}\""),
    fails("session authorization of the other analyst", "SET SESSION AUTHORIZATION \"{other}\""),
    fails("session authorization by set_config", "SELECT set_config('session_authorization', '{other}', false)"),
    fails("session_replication_role", "SET session_replication_role = replica"),
    fails("local_preload_libraries", "SET local_preload_libraries = 'x'", "LOAD '/tmp/x'"),
    tries("search_path to the tables", "SET search_path = public, mart", "SELECT current_schemas(true)"),
    fails("search_path shadowing", READ_WRITE, "SET search_path = mart, pg_catalog",
          "CREATE FUNCTION mart.now() RETURNS timestamptz LANGUAGE sql AS 'SELECT NULL::timestamptz'"),
    tries("planner settings that reorder filters", "SET enable_seqscan = off", "SET enable_nestloop = off",
          "SET from_collapse_limit = 1", "SELECT count(*) FROM mart.v_message WHERE text::text ~ '{canary}'"),
    tries("parallel workers", "SET min_parallel_table_scan_size = 0", "SET parallel_setup_cost = 0",
          "SET debug_parallel_query = on", "SELECT count(*) FROM mart.v_message"),
    fails("client_min_messages", "SET client_min_messages = debug5", "SELECT * FROM public.tenant"),
    tries("plpgsql variable conflict", "SET plpgsql.extra_errors = 'all'"),
)  # fmt: skip

TABLES = (
    *(fails(f"table {name}", f"SELECT * FROM public.{name}")
      for name in ("tenant", "message", "analysis", "issue", "participant", "secret", "data_key", "analyst",
                   "audit_log", "app_user", "membership", "raw_payload", "alembic_version")),
    fails("a column of a table", "SELECT tenant_id FROM public.message"),
    fails("count of a table", "SELECT count(*) FROM public.message"),
    fails("TABLE", "TABLE public.message"),
    fails("ctid of a table", "SELECT ctid, tableoid FROM public.message"),
    fails("TABLESAMPLE", "SELECT * FROM public.message TABLESAMPLE SYSTEM (100)"),
    fails("TABLESAMPLE of a view", "SELECT * FROM mart.v_message TABLESAMPLE BERNOULLI (100)"),
    fails("system columns of a view", "SELECT ctid, xmin FROM mart.v_message"),
    fails("children of a table", "SELECT * FROM ONLY public.message"),
    fails("tid of a table", "SELECT currtid2('public.message', '(0,1)')"),
    fails("views of limited members", "SELECT * FROM limited.issue"),
    fails("statistics", "SELECT * FROM pg_statistic"),
    tries("statistics by their view", "SELECT * FROM pg_stats", "SELECT * FROM pg_stats_ext"),
    fails("statistics of expressions", "SELECT * FROM pg_statistic_ext_data"),
    fails("toast", "SELECT * FROM pg_toast.pg_toast_1262"),
    fails("passwords", "SELECT * FROM pg_authid"),
    tries("password view", "SELECT usename, passwd FROM pg_user"),
    fails("shadow", "SELECT * FROM pg_shadow"),
    fails("large objects by table", "SELECT * FROM pg_largeobject"),
    fails("user mappings", "SELECT * FROM pg_user_mapping"),
    fails("subscriptions", "SELECT subconninfo FROM pg_subscription"),
)  # fmt: skip

THROUGH_VIEWS = (
    tries("a cast that fails", "SELECT count(*) FROM mart.v_message WHERE subject::integer = 1"),
    tries("a cast to date", "SELECT count(*) FROM mart.v_message WHERE text::date > now()"),
    tries("a cast to json", "SELECT count(*) FROM mart.v_message WHERE (text::json ->> 'a') = '1'"),
    tries("a cast to uuid", "SELECT count(*) FROM mart.v_issue_current WHERE title::uuid = '{tenant}'"),
    tries("a cast to xml", "SELECT count(*) FROM mart.v_message WHERE xmlparse(document text) IS NOT NULL"),
    tries("a cast to regclass", "SELECT count(*) FROM mart.v_issue_current WHERE title::regclass IS NULL"),
    tries("a cast to an enum-like range", "SELECT count(*) FROM mart.v_message WHERE text::int4range = '[1,2)'"),
    tries("division by zero on their rows",
          "SELECT count(*) FROM mart.v_message WHERE 1 / (CASE WHEN message_id = '{message}' THEN 0 ELSE 1 END) = 1"),
    tries("division by zero on their text",
          "SELECT count(*) FROM mart.v_message WHERE 1 / (length(text) * 0 + (text !~ '{canary}')::int) = 1"),
    tries("a pattern that does not end", "SET statement_timeout = 300",
          "SELECT count(*) FROM mart.v_message WHERE text ~ '(.*.*.*.*.*)*{canary}'"),
    tries("a pattern that is none", "SELECT count(*) FROM mart.v_message WHERE 'x' ~ text"),
    tries("a number format", "SELECT count(*) FROM mart.v_message WHERE to_number(text, '9') = 1"),
    tries("a time format", "SELECT count(*) FROM mart.v_message WHERE to_timestamp(text, 'YYYY') IS NULL"),
    tries("an encoding", "SELECT count(*) FROM mart.v_message WHERE decode(text, 'hex') IS NULL"),
    tries("their id", "SELECT * FROM mart.v_message WHERE message_id = '{message}'"),
    tries("always true", "SELECT * FROM mart.v_message WHERE true OR message_id = '{message}'"),
    tries("UNION", "SELECT title FROM mart.v_issue_current UNION ALL SELECT text FROM mart.v_message"),
    tries("recursive query", "WITH RECURSIVE t AS (SELECT text FROM mart.v_message UNION SELECT text FROM t) TABLE t"),
    tries("LATERAL", "SELECT * FROM mart.v_issue_current AS i, LATERAL (SELECT * FROM mart.v_message) AS m LIMIT 500"),
    tries("full join on nothing", "SELECT * FROM mart.v_message FULL JOIN mart.v_issue_daily ON true LIMIT 500"),
    tries("window", "SELECT text, lag(text) OVER (ORDER BY at) FROM mart.v_message"),
    tries("aggregate", "SELECT string_agg(text, ' ') FROM mart.v_message"),
    tries("grouping sets", "SELECT title, count(*) FROM mart.v_issue_daily GROUP BY CUBE (title, category)"),
    tries("whole rows", "SELECT v, to_json(v) FROM mart.v_message AS v"),
    tries("materialised CTE", "WITH m AS MATERIALIZED (TABLE mart.v_message) SELECT * FROM m"),
    tries("cursor WITH HOLD", "BEGIN", "DECLARE c CURSOR WITH HOLD FOR SELECT * FROM mart.v_message", "COMMIT",
          "SET app.tenant_id = '{tenant}'", "FETCH ALL FROM c"),
    tries("prepared statement under other settings", "PREPARE p AS SELECT * FROM mart.v_message",
          "SET app.tenant_id = '{tenant}'", "EXECUTE p"),
    tries("EXPLAIN ANALYZE VERBOSE", "EXPLAIN (ANALYZE, VERBOSE, BUFFERS, SETTINGS) SELECT * FROM mart.v_message"),
    tries("query_to_xml", "SELECT query_to_xml('SELECT * FROM mart.v_message', true, false, '')"),
    fails("query_to_xml of a table", "SELECT query_to_xml('SELECT * FROM public.message', true, false, '')"),
    fails("table_to_xml", "SELECT table_to_xml('public.message', true, false, '')"),
    tries("database_to_xml", "SELECT database_to_xml(true, false, '')"),
    tries("schema_to_xml", "SELECT schema_to_xml('public', true, false, '')"),
    tries("ts_stat", "SELECT * FROM ts_stat('SELECT to_tsvector(text) FROM mart.v_message')"),
    fails("ts_stat of a table", "SELECT * FROM ts_stat('SELECT search FROM public.message')"),
    fails("vectors", "SELECT vector FROM public.embedding"),
    fails("FOR UPDATE", READ_WRITE, "SELECT * FROM mart.v_message FOR UPDATE"),
    tries("COPY of a view", "COPY (SELECT * FROM mart.v_message) TO STDOUT"),
    tries("definitions of views", "SELECT pg_get_viewdef('mart.v_message'::regclass)"),
)  # fmt: skip

WRITES = tuple(
    fails(name, READ_WRITE, statement)
    for name, statement in (
        ("INSERT into a table", "INSERT INTO public.tenant (id, slug, name) VALUES (gen_random_uuid(), 'mine', 'x')"),
        ("INSERT into a view", "INSERT INTO mart.v_issue_daily (day) VALUES (now())"),
        ("UPDATE of a view", "UPDATE mart.v_analysis_current SET severity = 1"),
        ("DELETE of a view", "DELETE FROM mart.v_analysis_current"),
        ("binding to the other tenant", "UPDATE public.analyst SET tenant_id = '{tenant}'"),
        ("a second login", "INSERT INTO public.analyst (role_name, tenant_id, name) VALUES ('{me}', '{tenant}', 'b')"),
        ("TRUNCATE", "TRUNCATE public.message"),
        ("MERGE", "MERGE INTO mart.v_analysis_current AS t USING (SELECT 1) AS s ON true WHEN MATCHED THEN DELETE"),
        ("temporary table", "CREATE TEMP TABLE t AS SELECT 1"),
        ("temporary view", "CREATE TEMP VIEW t AS SELECT * FROM mart.v_message"),
        ("temporary function", "CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1'"),
        ("table in mart", "CREATE TABLE mart.t (a int)"),
        ("table in public", "CREATE TABLE public.t (a int)"),
        ("view over a view", "CREATE VIEW mart.mine AS SELECT * FROM mart.v_message"),
        ("own schema", "CREATE SCHEMA mine"),
        ("operator", "CREATE OPERATOR mart.=== (LEFTARG = text, RIGHTARG = text, FUNCTION = texteq)"),
        ("cast", "CREATE CAST (text AS integer) WITH INOUT AS IMPLICIT"),
        ("rule", "CREATE RULE r AS ON SELECT TO mart.v_message DO INSTEAD SELECT 1"),
        ("trigger", "CREATE TRIGGER t INSTEAD OF INSERT ON mart.v_message EXECUTE FUNCTION gate.follow_tenant()"),
        ("policy", "CREATE POLICY p ON public.message USING (true)"),
        ("no row security", "ALTER TABLE public.message DISABLE ROW LEVEL SECURITY"),
        ("view without barrier", "ALTER VIEW mart.v_message SET (security_barrier = false)"),
        ("GRANT", "GRANT SELECT ON public.message TO PUBLIC"),
        ("own group", 'GRANT opsintel_app TO "{me}"'),
        ("default privileges", "ALTER DEFAULT PRIVILEGES FOR ROLE opsintel_owner GRANT SELECT ON TABLES TO PUBLIC"),
        ("extension", "CREATE EXTENSION dblink"),
        ("foreign data", "CREATE EXTENSION postgres_fdw"),
        ("foreign server", "CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw"),
        ("language", "CREATE EXTENSION plperlu"),
        ("event trigger", "CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION gate.follow_tenant()"),
        ("publication", "CREATE PUBLICATION p FOR ALL TABLES"),
        ("subscription", "CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1' PUBLICATION p"),
        ("replication slot", "SELECT pg_create_logical_replication_slot('s', 'test_decoding')"),
        ("large object", "SELECT lo_from_bytea(0, 'x')"),
        ("large object by create", "SELECT lo_create(0)"),
        ("import of a file", "SELECT lo_import('/etc/passwd')"),
        ("message into the log", "SELECT pg_logical_emit_message(false, 'x', repeat('x', 1000))"),
        ("comment", "COMMENT ON VIEW mart.v_message IS 'mine'"),
        ("security label", "SECURITY LABEL ON VIEW mart.v_message IS 'x'"),
        ("new role", "CREATE ROLE mine LOGIN"),
        ("superuser", 'ALTER ROLE "{me}" SUPERUSER'),
        ("bypassing row security", 'ALTER ROLE "{me}" BYPASSRLS'),
        ("more sessions", 'ALTER ROLE "{me}" CONNECTION LIMIT 100'),
        ("a longer life", "ALTER ROLE \"{me}\" VALID UNTIL 'infinity'"),
        ("password of another", "ALTER ROLE \"{other}\" PASSWORD 'x'"),
        ("settings of another", 'ALTER ROLE "{other}" SET search_path = pg_temp'),
        ("another name", 'ALTER ROLE "{me}" RENAME TO "{other}"'),
        ("drop another", 'DROP ROLE "{other}"'),
        ("settings of the database", 'ALTER DATABASE "{database}" SET search_path = pg_temp'),
        ("settings of the server", "ALTER SYSTEM SET fsync = off"),
        ("the gatekeeper's functions", "SELECT gate.set_defaults('{me}')"),
        ("ending sessions by the gatekeeper", "SELECT gate.keep_limits()"),
        ("the audit log's functions", "SELECT public.audit_opaque('{tenant}', 'person', 'x')"),
        ("a block", "DO $$ BEGIN EXECUTE 'INSERT INTO public.tenant (id) VALUES (NULL)'; END $$"),
        ("prepared transaction", "BEGIN; SELECT 1; PREPARE TRANSACTION 'x'"),
        ("REINDEX", "REINDEX TABLE public.message"),
        ("CLUSTER", "CLUSTER public.message USING ix_message_time"),
        ("CHECKPOINT", "CHECKPOINT"),
        ("REFRESH", "REFRESH MATERIALIZED VIEW mart.v_message"),
        ("sequence", "CREATE SEQUENCE mart.s"),
        ("COPY into a table", "COPY public.tenant FROM PROGRAM 'echo'"),
    )
)

SERVER = (
    fails("COPY to a file", "COPY (SELECT 1) TO '/tmp/opsintel-attack'"),
    fails("COPY to a program", "COPY (SELECT 1) TO PROGRAM 'cat'"),
    fails("reading a file", "SELECT pg_read_file('postgresql.conf')"),
    fails("reading a binary file", "SELECT pg_read_binary_file('global/pg_control')"),
    fails("listing a folder", "SELECT pg_ls_dir('.')"),
    fails("listing logs", "SELECT pg_ls_waldir()"),
    fails("hba file", "SELECT * FROM pg_hba_file_rules"),
    fails("settings from files", "SELECT * FROM pg_file_settings"),
    fails("reload", "SELECT pg_reload_conf()"),
    fails("ending another's session", "SELECT pg_terminate_backend({pid})"),
    fails("cancelling another's statement", "SELECT pg_cancel_backend({pid})"),
    tries("statements of others", "SELECT * FROM pg_stat_activity"),
    fails("pg_stat_statements", "SELECT * FROM pg_stat_statements"),
    tries("locks of others", "SELECT * FROM pg_locks"),
    tries("prepared statements and cursors", "SELECT * FROM pg_prepared_statements", "SELECT * FROM pg_cursors"),
    fails("advisory lock of migrations", "SELECT pg_advisory_lock(1869640553)"),
    fails("advisory lock of a transaction", "SELECT pg_advisory_xact_lock(1)"),
    fails("advisory lock tried", "SELECT pg_try_advisory_lock_shared(1, 2)"),
    fails("lock of a table", "BEGIN", "LOCK TABLE public.message IN ACCESS EXCLUSIVE MODE"),
    fails("lock of a view", "BEGIN", "LOCK TABLE mart.v_message IN ACCESS EXCLUSIVE MODE"),
    tries("LISTEN and NOTIFY", "LISTEN opsintel", "NOTIFY opsintel, '{canary}x'", "SELECT 1"),
    tries("catalogue", "SELECT * FROM pg_class", "SELECT * FROM pg_attribute LIMIT 2000",
          "SELECT * FROM pg_description"),
    tries("information_schema", "SELECT * FROM information_schema.columns", "SELECT * FROM information_schema.tables"),
    tries("settings of roles", "SELECT * FROM pg_db_role_setting"),
    tries("policies", "SELECT * FROM pg_policies"),
    tries("sequences", "SELECT * FROM pg_sequences"),
    fails("currval", "SELECT currval('public.message_id_seq')"),
    tries("progress of others", "SELECT * FROM pg_stat_progress_analyze"),
    tries("replication", "SELECT * FROM pg_stat_replication"),
    tries("sizes", "SELECT pg_total_relation_size('mart.v_message'::regclass)"),
    tries("replication messages", "SELECT * FROM pg_replication_slots"),
    tries("default values", "SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef"),
    tries("bodies of functions", "SELECT prosrc FROM pg_proc WHERE pronamespace > 16000"),
    tries("constraints", "SELECT pg_get_constraintdef(oid) FROM pg_constraint"),
    fails("a dump's locks", "BEGIN", "LOCK TABLE public.analysis IN ACCESS SHARE MODE"),
    fails("a bomb of rows", "SET statement_timeout = 200", "SELECT count(*) FROM generate_series(1, 1000000000000)"),
    fails("a bomb of joins", "SET statement_timeout = 200",
          "SELECT count(*) FROM " + ", ".join(f"mart.v_message AS m{place}" for place in range(24))),
    fails("a bomb of text", "SELECT repeat(repeat('x', 1000000), 1000000)"),
    tries("a deep expression", "SELECT " + "(" * 20000 + "1" + ")" * 20000),
)  # fmt: skip

CHANGES = (*SETTINGS, *WRITES, *SERVER)
"""Those after which the whole state of the database is compared."""

ATTACKS = (*SETTINGS, *TABLES, *THROUGH_VIEWS, *WRITES, *SERVER)
