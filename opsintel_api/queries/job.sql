-- $1 job.
SELECT {{job_fields}}::text FROM job WHERE id = $1::uuid
