jsonb_build_object(
    'id', alert.id, 'kind', alert.kind,
    'subject', jsonb_build_object('kind', alert.subject_kind, 'id', alert.subject_id, 'name', {{alert_name}}),
    'source_id', alert.source_id, 'line', alert.line,
    'state', CASE WHEN {{alert_is_over}} THEN 'resolved' ELSE 'open' END, 'opened_at', alert.opened_at,
    'resolved_at', CASE WHEN {{alert_is_over}} THEN coalesce(alert.resolved_at, alert.ends_at) END,
    'acknowledged_at', alert.acknowledged_at,
    'acknowledged_by', CASE WHEN alert.actor_kind IS NOT NULL THEN jsonb_build_object(
        'kind', alert.actor_kind,
        'id', CASE WHEN pg_input_is_valid(alert.actor_id, 'uuid') THEN alert.actor_id END,
        'name', CASE WHEN NOT pg_input_is_valid(alert.actor_id, 'uuid') THEN nullif(alert.actor_id, '') END) END)
