-- $1 keys to go on from, $2 rows.
SELECT jsonb_build_object(
    'version', gold_set.version, 'candidates', candidates, 'examples', examples, 'created_at', created_at,
    'left', (SELECT count(*) FROM gold_example WHERE gold_example.version = gold_set.version)
)::text, jsonb_build_array(gold_set.version)::text
FROM gold_set
WHERE $1::jsonb IS NULL OR gold_set.version < ($1::jsonb ->> 0)::int
ORDER BY gold_set.version DESC
LIMIT $2
