'id', filter.id, 'name', filter.name, 'version', filter.version, 'text', said.text, 'tree', said.tree,
'created_by', filter.created_by, 'service_key_id', filter.service_key_id, 'created_at', filter.created_at,
'changed_at', said.created_at, 'archived_at', filter.archived_at,
'sources', (SELECT coalesce(jsonb_agg(jsonb_build_object(
    'id', source.id, 'name', source.name, 'version', source.filter_version, 'needs_backfill', source.needs_backfill
) ORDER BY source.name, source.id), '[]') FROM source WHERE source.filter_id = filter.id)
