-- $1 message (null: any), $2 keys to go on from, $3 rows.
SELECT {{correction_fields}}::text, jsonb_build_array(created_at, id)::text
FROM correction
WHERE ($1::uuid IS NULL OR message_id = $1)
  AND ($2::jsonb IS NULL OR (created_at, id) < (($2::jsonb ->> 0)::timestamptz, ($2::jsonb ->> 1)::uuid))
ORDER BY created_at DESC, id DESC
LIMIT $3
