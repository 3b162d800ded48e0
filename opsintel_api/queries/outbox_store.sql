-- $1 tenant, $2 id, $3 topic, $4 payload.
INSERT INTO outbox (tenant_id, id, topic, payload) VALUES ($1, $2, $3, $4::jsonb)
