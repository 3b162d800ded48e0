"""For each rule of the lint a violation: SQL that a hasty or hostile administrator could have run.

`{analyst}` is the login of an analyst, `{locked}` that of one whose tenant is suspended.
"""

_ON_DATABASE = "DO $$ BEGIN EXECUTE format('{} %I {}', current_database()); END $$"


def on_database(before: str, after: str) -> str:
    """Return a statement about the database at hand, whose name stands between."""
    return _ON_DATABASE.format(before, after)


VIOLATIONS: dict[str, str] = {
    "table-undeclared": "CREATE SCHEMA side; CREATE TABLE side.copy_of_message AS SELECT * FROM message",
    "column-undeclared": "ALTER TABLE message ADD note text",
    "column-missing": "ALTER TABLE orphan_object DROP COLUMN found_at",
    "row-security-enabled": "ALTER TABLE message DISABLE ROW LEVEL SECURITY",
    "row-security-forced": "ALTER TABLE message NO FORCE ROW LEVEL SECURITY",
    "comment": "COMMENT ON COLUMN message.subject IS NULL",
    "inheritance": "CREATE TABLE message_of_2020 () INHERITS (message); ALTER TABLE message_of_2020 OWNER TO"
    " opsintel_owner, ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
    "partition-reach": "GRANT SELECT ON fact_message_day_rest TO opsintel_system",
    "trigger-off": "ALTER TABLE audit_log DISABLE TRIGGER audit_refuse_change",
    "trigger-undeclared": "CREATE TRIGGER spy AFTER INSERT ON message FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
    "trigger-missing": "DROP TRIGGER audit_refuse_truncate ON audit_log",
    "rewrite-rule": "CREATE RULE nothing AS ON DELETE TO message DO INSTEAD NOTHING",
    "publication": "CREATE PUBLICATION everything FOR ALL TABLES",
    "key-without-tenant": "CREATE UNIQUE INDEX everywhere ON message (id)",
    "reference-without-tenant": "ALTER TABLE issue ADD CONSTRAINT crossing"
    " FOREIGN KEY (merged_into, tenant_id) REFERENCES issue (id, tenant_id)",
    "reference-missing": "ALTER TABLE issue_member DROP CONSTRAINT fk_issue_member_issue_issue_id",
    "constraint-not-validated": "ALTER TABLE message ADD CONSTRAINT odd CHECK (subject <> '') NOT VALID",
    "index-invalid": "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_fact_issue_day_issue'::regclass",
    "index-behind-policy": "CREATE INDEX by_output ON analysis USING gin (output)",
    "policy-missing": "DROP POLICY tenant ON message",
    "policy-undeclared": "CREATE POLICY support ON message FOR SELECT TO opsintel_app USING (true)",
    "policy-changed": "ALTER POLICY tenant ON message USING"
    " (tenant_id = current_setting('app.tenant_id')::uuid OR visibility = 'public')",
    "grant-undeclared": "GRANT SELECT (subject) ON message TO opsintel_system",
    "grant-missing": "REVOKE DELETE ON message FROM opsintel_app",
    "grant-to-everybody": "GRANT SELECT (subject) ON message TO PUBLIC",
    "grant-by-default": "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO opsintel_system",
    "schema-grant": "GRANT CREATE ON SCHEMA public TO opsintel_app",
    "database-grant": on_database("GRANT CREATE ON DATABASE", "TO opsintel_app"),
    "login-undeclared": "CREATE ROLE passer_by LOGIN; " + on_database("GRANT CONNECT ON DATABASE", "TO passer_by"),
    "role-bypasses": "ALTER ROLE opsintel_app BYPASSRLS",
    "role-logs-in": "ALTER ROLE opsintel_owner LOGIN",
    "role-makes": "ALTER ROLE opsintel_app CREATEROLE",
    "login-bypasses": "ALTER ROLE opsintel_service SUPERUSER",
    "membership": "GRANT opsintel_owner TO opsintel_app",
    "owner": "ALTER FUNCTION audit_field(bytea) OWNER TO opsintel_backup",
    "owns-something": "CREATE SCHEMA side AUTHORIZATION opsintel_app",
    "setting-by-default": on_database("ALTER DATABASE", "SET app.tenant_id = ''00000000-0000-7000-8000-000000000000''"),
    "view-missing": "DROP VIEW mart.v_model_cost",
    "view-undeclared": "CREATE VIEW mart.v_all WITH (security_barrier = true) AS SELECT 1 AS one;"
    " ALTER VIEW mart.v_all OWNER TO opsintel_mart",
    "view-changed": "DO $$ BEGIN EXECUTE 'CREATE OR REPLACE VIEW mart.v_model_cost WITH (security_barrier = true) AS '"
    " || rtrim(pg_get_viewdef('mart.v_model_cost'::regclass), ';') || ' HAVING true'; END $$",
    "view-owner": "ALTER VIEW mart.v_message OWNER TO opsintel_owner;"
    " GRANT SELECT ON mart.v_message TO opsintel_analyst",
    "view-barrier": "ALTER VIEW mart.v_message RESET (security_barrier)",
    "view-comment": "COMMENT ON COLUMN mart.v_message.subject IS NULL",
    "view-invoker": "ALTER VIEW limited.issue RESET (security_invoker)",
    "materialized-view": "CREATE SCHEMA side; CREATE MATERIALIZED VIEW side.all_messages AS SELECT * FROM message",
    "definer-search-path": "ALTER FUNCTION gate.keep_limits() RESET search_path",
    "function-open": "GRANT EXECUTE ON FUNCTION gate.keep_limits() TO PUBLIC",
    "function-leakproof": "ALTER FUNCTION audit_field(bytea) LEAKPROOF",
    "function-of-the-server-open": "GRANT EXECUTE ON FUNCTION pg_advisory_lock(bigint) TO PUBLIC",
    "extension": "UPDATE pg_extension SET extname = 'dblink' WHERE extname = 'vector'",
    "analyst-reach": "GRANT SELECT (title) ON issue TO opsintel_analyst",
    "analyst-without-login": "ALTER ROLE {analyst} RENAME TO analyst_renamed",
    "analyst-rights": "ALTER ROLE {analyst} CONNECTION LIMIT -1",
    "analyst-settings": "ALTER ROLE {analyst} SET statement_timeout = 0",
    "analyst-membership": "GRANT pg_read_all_data TO {analyst}",
    "analyst-makes": on_database("GRANT TEMPORARY ON DATABASE", "TO opsintel_analyst"),
    "analyst-not-locked": "ALTER ROLE {locked} LOGIN",
}
