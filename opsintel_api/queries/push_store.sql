-- $1 tenant, $2 id, $3 source, $4 what it is known by, $5 keys, $6 body or null. No row where it came before.
INSERT INTO push_receipt (tenant_id, id, source_id, delivery_id, keys, body)
VALUES ($1::uuid, $2::uuid, $3::uuid, $4::text, $5::text[], $6::bytea)
ON CONFLICT (tenant_id, source_id, delivery_id) DO NOTHING
RETURNING id
