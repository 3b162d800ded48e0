-- The roles of an installation. None may log in by itself, and none bypasses row security. Roles belong to the server,
-- so every statement must bear being run again, also by another database's migration at the same time.
DO $$
DECLARE
    wanted text;
    attributes text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY[
        'opsintel_owner',       -- owns tables and functions; migrations act as it
        'opsintel_app',         -- one tenant at a time, bound by app.tenant_id
        'opsintel_limited',     -- reads what came from some sources of a tenant, bound by app.source_ids as well
        'opsintel_system',      -- listed columns of all tenants
        'opsintel_keys',        -- wrapped data keys of all tenants and nothing else, for their rotation
        'opsintel_backup',      -- reads all rows, writes none
        'opsintel_eraser',      -- owns the procedures of erasure; nobody may take it
        'opsintel_mart',        -- owns the analysts' views, bound by session_user
        'opsintel_analyst',     -- what every analyst's login may do: read those views
        'opsintel_gatekeeper'   -- makes, locks and removes analysts' logins; nobody else's
    ] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            attributes := CASE wanted WHEN 'opsintel_gatekeeper' THEN 'CREATEROLE' ELSE 'NOCREATEROLE' END;
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN NOINHERIT NOSUPERUSER NOCREATEDB NOREPLICATION NOBYPASSRLS %s',
                               wanted, attributes);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;  -- another database's migration was faster
            END;
        END IF;
    END LOOP;
END
$$;
