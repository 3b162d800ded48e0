-- $1 filter.
SELECT jsonb_build_object({{filter_fields}}, 'versions', (
    SELECT jsonb_agg(jsonb_build_object(
        'version', past.version, 'text', past.text, 'created_by', past.created_by,
        'service_key_id', past.service_key_id, 'created_at', past.created_at) ORDER BY past.version DESC)
    FROM filter_version AS past WHERE past.filter_id = filter.id))::text
FROM filter JOIN filter_version AS said ON said.filter_id = filter.id AND said.version = filter.version
WHERE filter.id = $1::uuid
