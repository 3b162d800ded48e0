-- $1 tenant, $2 job, $3 parameters, $4 person, $5 the client's key (null: none). No row where the key is known.
INSERT INTO job (tenant_id, id, kind, parameters, created_by, idempotency_key)
VALUES ($1::uuid, $2::uuid, 'backfill', $3::jsonb, $4::uuid, $5::text)
ON CONFLICT (tenant_id, created_by, idempotency_key) DO NOTHING
RETURNING {{job_fields}}::text
