-- $1 tenant, $2 id, $3 message, $4 field, $5 old value, $6 new value, $7 reason, $8 and $9 kind and id of the author.
INSERT INTO correction
    (tenant_id, id, message_id, field, old_value, new_value, reason, actor_kind, actor_id, created_at)
VALUES ($1, $2, $3, $4, $5::jsonb, $6::jsonb, $7, $8, $9, clock_timestamp())
RETURNING {{correction_fields}}::text
