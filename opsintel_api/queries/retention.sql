-- $1 tenant.
SELECT retention_days, payload_days, fact_days, job_days, audit_days FROM tenant WHERE id = $1::uuid
