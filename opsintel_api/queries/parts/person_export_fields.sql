jsonb_build_object(
    'id', export.id, 'state', export.state, 'records', export.counts, 'size', export.size,
    'sha256', encode(export.sha256, 'hex'), 'error', export.error,
    'asked_by', jsonb_build_object(
        'kind', export.actor_kind,
        'id', CASE WHEN pg_input_is_valid(export.actor_id, 'uuid') THEN export.actor_id END,
        'name', CASE WHEN NOT pg_input_is_valid(export.actor_id, 'uuid') THEN nullif(export.actor_id, '') END),
    'requested_at', export.requested_at, 'finished_at', export.finished_at, 'expires_at', export.expires_at)
