-- $1 keys to go on from, $2 rows.
SELECT {{person_export_fields}}::text, jsonb_build_array(requested_at, id)::text
FROM person_export AS export
WHERE $1::jsonb IS NULL OR (requested_at, id) < (($1::jsonb ->> 0)::timestamptz, ($1::jsonb ->> 1)::uuid)
ORDER BY requested_at DESC, id DESC
LIMIT $2
