'id', taxonomy.id, 'version', taxonomy.version, 'name', taxonomy.name, 'base', taxonomy.base,
'in_force', taxonomy.current, 'created_at', taxonomy.created_at, 'promoted_at', taxonomy.promoted_at,
'author', jsonb_build_object(
    'kind', taxonomy.actor_kind,
    'id', CASE WHEN pg_input_is_valid(taxonomy.actor_id, 'uuid') THEN taxonomy.actor_id END,
    'name', CASE WHEN NOT pg_input_is_valid(taxonomy.actor_id, 'uuid') THEN nullif(taxonomy.actor_id, '') END)
