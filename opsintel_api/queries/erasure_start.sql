-- $1 tenant, $2 erasure and job, $3 who is meant, $4 dry run, $5 the dry run kept to, $6 standing, $7 kind and $8 id of who asks.
INSERT INTO erasure (tenant_id, id, kind, wanted, dry_run, dry_run_id, standing, actor_kind, actor_id)
VALUES ($1::uuid, $2::uuid, 'person', $3::jsonb, $4::bool, $5::uuid, $6::bytea, $7::text, $8::text)
