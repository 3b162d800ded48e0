-- $1 tenant, $2 job, $3 parameters, $4 person or $5 service key, $6 the client's key (null: none). No row where it is known.
INSERT INTO job (tenant_id, id, kind, parameters, created_by, service_key_id, idempotency_key)
VALUES ($1::uuid, $2::uuid, 'backfill', $3::jsonb, $4::uuid, $5::uuid, $6::text)
ON CONFLICT DO NOTHING
RETURNING {{job_fields}}::text
