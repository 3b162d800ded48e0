-- $1 tenant, $2 job, $3 kind, $4 parameters, $5 person or $6 service key.
INSERT INTO job (tenant_id, id, kind, parameters, created_by, service_key_id)
VALUES ($1::uuid, $2::uuid, $3::text, $4::jsonb, $5::uuid, $6::uuid)
RETURNING {{job_fields}}::text
