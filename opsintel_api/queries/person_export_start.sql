-- $1 tenant, $2 export and job, $3 who is meant, $4 kind and $5 id of who asks.
INSERT INTO person_export (tenant_id, id, wanted, actor_kind, actor_id)
VALUES ($1::uuid, $2::uuid, $3::jsonb, $4::text, $5::text)
