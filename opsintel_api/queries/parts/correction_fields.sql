jsonb_build_object(
    'id', correction.id, 'message_id', correction.message_id, 'field', correction.field,
    'old_value', correction.old_value, 'new_value', correction.new_value, 'reason', correction.reason,
    'author', jsonb_build_object(
        'kind', correction.actor_kind,
        'id', CASE WHEN pg_input_is_valid(correction.actor_id, 'uuid') THEN correction.actor_id END,
        'name', CASE WHEN NOT pg_input_is_valid(correction.actor_id, 'uuid') THEN nullif(correction.actor_id, '') END),
    'created_at', correction.created_at, 'undone_at', correction.undone_at)
