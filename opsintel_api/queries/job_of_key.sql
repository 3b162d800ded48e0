-- $1 person or $2 service key, $3 the client's key, $4 parameters. The job, and whether it is the one that is asked for again.
SELECT {{job_fields}}::text, parameters = $4::jsonb FROM job
WHERE idempotency_key = $3::text AND (created_by = $1::uuid OR service_key_id = $2::uuid)
