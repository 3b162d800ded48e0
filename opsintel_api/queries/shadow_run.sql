-- $1 run.
SELECT jsonb_build_object({{shadow_run_fields}})::text
FROM shadow_run AS run JOIN tenant ON tenant.id = run.tenant_id
WHERE run.id = $1::uuid
