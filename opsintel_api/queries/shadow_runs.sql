-- $1 keys to go on from, $2 rows.
SELECT jsonb_build_object({{shadow_run_fields}})::text, jsonb_build_array(run.created_at, run.id)::text
FROM shadow_run AS run JOIN tenant ON tenant.id = run.tenant_id
WHERE $1::jsonb IS NULL OR (run.created_at, run.id) < (($1::jsonb ->> 0)::timestamptz, ($1::jsonb ->> 1)::uuid)
ORDER BY run.created_at DESC, run.id DESC
LIMIT $2
