-- One digest of all that opsintel/db/security.py applies: owners, row security, policies, grants, views, functions of the
-- gatekeeper, comments.
WITH ours AS (
    SELECT oid, nspname, nspowner, nspacl FROM pg_namespace
    WHERE nspname IN ('public', 'limited', 'mart', 'gate', 'erasure')
)
SELECT md5(string_agg(DISTINCT line, E'\n' ORDER BY line)) FROM (
    -- Partitions that are closed as they should be are all one line: a new month changes nothing.
    SELECT concat_ws(' ', nspname, CASE WHEN relispartition THEN 'partition' ELSE relname END, relowner::regrole, relrowsecurity, relforcerowsecurity, relacl, reloptions,
                     CASE relkind WHEN 'v' THEN pg_get_viewdef(pg_class.oid) END,
                     CASE WHEN relname <> 'alembic_version' THEN obj_description(pg_class.oid, 'pg_class') END) AS line
    FROM pg_class JOIN ours ON ours.oid = relnamespace
    WHERE relkind IN ('r', 'p', 'v')
    UNION ALL
    SELECT concat_ws(' ', nspname, relname, attname, attacl, col_description(attrelid, attnum))
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid JOIN ours ON ours.oid = relnamespace
    WHERE relkind IN ('r', 'p', 'v') AND attnum > 0 AND NOT attisdropped AND (attacl IS NOT NULL OR NOT relispartition)
    UNION ALL
    SELECT concat_ws(' ', CASE WHEN relispartition THEN 'partition' ELSE tablename END, policyname, permissive, roles, cmd,
                     qual, with_check)
    FROM pg_policies JOIN pg_class ON pg_class.oid = format('%I.%I', schemaname, tablename)::regclass
    WHERE schemaname = 'public'
    UNION ALL
    SELECT concat_ws(' ', pg_proc.oid::regprocedure, proowner::regrole, proacl,
                     CASE WHEN nspname IS NOT NULL THEN pg_get_functiondef(pg_proc.oid) END)
    FROM pg_proc LEFT JOIN ours ON ours.oid = pronamespace
    WHERE nspname = 'gate' OR (nspname = 'public' AND proname LIKE 'facts\_%')
        OR (pronamespace = 'pg_catalog'::regnamespace AND proname ~ '^lo_|^lowrite$|_advisory_|^pg_logical_emit')
    UNION ALL
    SELECT concat_ws(' ', pg_get_triggerdef(oid), tgenabled)
    FROM pg_trigger WHERE tgname IN ('follow_tenant', 'follow_analyst')
    UNION ALL
    SELECT concat_ws(' ', nspname, nspowner::regrole, nspacl) FROM ours
    UNION ALL
    SELECT concat_ws(' ', 'database', datacl) FROM pg_database WHERE datname = current_database()
) AS lines
