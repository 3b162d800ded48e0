-- $1 keys to go on from, $2 rows.
SELECT jsonb_build_object({{taxonomy_fields}}, 'categories', jsonb_array_length(taxonomy.categories))::text,
       jsonb_build_array(version)::text
FROM taxonomy
WHERE $1::jsonb IS NULL OR version < ($1::jsonb ->> 0)::int
ORDER BY version DESC
LIMIT $2
