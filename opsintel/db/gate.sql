-- What the gatekeeper does by itself: whoever suspends or deletes a tenant, its analysts are locked out in the same
-- transaction; and what a login of theirs may lift by itself (SET statement_timeout = 0) is held all the same.

CREATE OR REPLACE FUNCTION gate.follow_tenant() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    login name;
BEGIN
    FOR login IN
        SELECT rolname FROM public.analyst JOIN pg_roles ON rolname = role_name WHERE tenant_id = NEW.id
    LOOP
        EXECUTE format('ALTER ROLE %I %s', login, CASE WHEN NEW.suspended_at IS NULL THEN 'LOGIN' ELSE 'NOLOGIN' END);
        IF NEW.suspended_at IS NOT NULL THEN
            PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = login;
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION gate.follow_analyst() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = OLD.role_name) THEN
        PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = OLD.role_name;
        EXECUTE format('DROP OWNED BY %I', OLD.role_name);
        EXECUTE format('DROP ROLE %I', OLD.role_name);
    END IF;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION gate.settings_of_analysts() RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
RETURN ARRAY[
    'search_path=mart', 'default_transaction_read_only=on', 'statement_timeout=30s', 'lock_timeout=5s',
    'idle_in_transaction_session_timeout=1min', 'idle_session_timeout=30min', 'timezone=UTC'
];

CREATE OR REPLACE FUNCTION gate.set_defaults(login name) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    setting text;
BEGIN
    EXECUTE format('ALTER ROLE %I RESET ALL', login);
    EXECUTE format('ALTER ROLE %I IN DATABASE %I RESET ALL', login, current_database());
    EXECUTE format('ALTER ROLE %I CONNECTION LIMIT 5', login);
    FOREACH setting IN ARRAY gate.settings_of_analysts() LOOP
        EXECUTE format('ALTER ROLE %I SET %I TO %L', login, split_part(setting, '=', 1), split_part(setting, '=', 2));
    END LOOP;
END
$$;

-- Ends sessions of analysts that are past a limit, hold an advisory lock, or have no right to be there; puts back the
-- defaults of a login that changed its own. Returns how many sessions were ended.
CREATE OR REPLACE FUNCTION gate.keep_limits() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    changed name;
    ended bigint;
BEGIN
    FOR changed IN
        SELECT rolname FROM public.analyst JOIN pg_roles ON rolname = role_name
        WHERE EXISTS (
            SELECT FROM pg_db_role_setting AS kept WHERE setrole = pg_roles.oid
            AND (setdatabase <> 0 OR kept.setconfig <> (
                SELECT ARRAY(SELECT CASE WHEN wanted LIKE 'timezone=%' THEN 'TimeZone=UTC' ELSE wanted END
                             FROM unnest(gate.settings_of_analysts()) WITH ORDINALITY AS listed (wanted, place)
                             ORDER BY place)))
        )
    LOOP
        PERFORM gate.set_defaults(changed);
    END LOOP;
    SELECT count(pg_terminate_backend(pid)) INTO ended
    FROM pg_stat_activity AS session LEFT JOIN public.analyst ON role_name = usename
    WHERE datname = current_database()
        AND EXISTS (
            SELECT FROM pg_auth_members
            WHERE member = session.usesysid AND roleid = 'opsintel_analyst'::regrole AND inherit_option
        )
        AND (
            role_name IS NULL
            OR analyst.valid_until <= now()
            OR (state = 'active' AND query_start < clock_timestamp() - interval '35 seconds')
            OR xact_start < clock_timestamp() - interval '15 minutes'
            OR EXISTS (SELECT FROM pg_locks WHERE pg_locks.pid = session.pid AND locktype = 'advisory')
        );
    RETURN ended;
END
$$;

REVOKE ALL ON FUNCTION gate.follow_tenant(), gate.follow_analyst(), gate.settings_of_analysts(),
    gate.set_defaults(name), gate.keep_limits() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.follow_tenant(), gate.follow_analyst() TO opsintel_owner;
GRANT EXECUTE ON FUNCTION gate.keep_limits() TO opsintel_system;
