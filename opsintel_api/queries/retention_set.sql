-- $1 tenant, $2 days of messages, $3 of payloads, $4 of facts, $5 of jobs, $6 of the audit log at least.
UPDATE tenant SET retention_days = $2::int, payload_days = $3::int, fact_days = $4::int, job_days = $5::int,
                  audit_days = $6::int
WHERE id = $1::uuid
