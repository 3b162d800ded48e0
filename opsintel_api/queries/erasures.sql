-- $1 dry runs, or erasures (null: both), $2 keys to go on from, $3 rows.
SELECT {{erasure_fields}}::text, jsonb_build_array(requested_at, id)::text
FROM erasure
WHERE ($1::bool IS NULL OR dry_run = $1)
  AND ($2::jsonb IS NULL OR (requested_at, id) < (($2::jsonb ->> 0)::timestamptz, ($2::jsonb ->> 1)::uuid))
ORDER BY requested_at DESC, id DESC
LIMIT $3
