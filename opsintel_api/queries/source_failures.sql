-- $1 source, $2 keys to go on from, $3 rows.
SELECT jsonb_build_object(
    'id', id, 'stage', stage, 'kind', kind, 'key', key, 'reason', reason, 'day', partition_day,
    'retryable', retryable, 'attempts', attempts, 'first_at', first_at, 'last_at', last_at)::text,
    jsonb_build_array(last_at, id)::text
FROM ingest_failure
WHERE source_id = $1::uuid AND resolved_at IS NULL
  AND ($2::jsonb IS NULL OR (last_at, id) < (($2::jsonb ->> 0)::timestamptz, ($2::jsonb ->> 1)::uuid))
ORDER BY last_at DESC, id DESC
LIMIT $3
