-- $1 person, $2 the client's key, $3 parameters. The job, and whether it is the one that is asked for again.
SELECT {{job_fields}}::text, parameters = $3::jsonb FROM job WHERE created_by = $1::uuid AND idempotency_key = $2::text
