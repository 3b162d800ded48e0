-- $1 keys to go on from, $2 rows. Filters that were put away are not among them.
SELECT jsonb_build_object({{filter_fields}})::text, jsonb_build_array(filter.name, filter.id)::text
FROM filter JOIN filter_version AS said ON said.filter_id = filter.id AND said.version = filter.version
WHERE filter.archived_at IS NULL
  AND ($1::jsonb IS NULL OR (filter.name, filter.id) > ($1::jsonb ->> 0, ($1::jsonb ->> 1)::uuid))
ORDER BY filter.name, filter.id
LIMIT $2
