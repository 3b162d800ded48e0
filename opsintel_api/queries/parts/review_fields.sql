'id', item.id, 'message_id', message.id, 'subject', message.subject, 'snippet', {{snippet}}, 'author', {{author_name}},
'occurred_at', message.sorted_at, 'reason', item.reason, 'fields', to_jsonb(item.fields),
'detail', nullif(item.detail, ''), 'confidence', item.confidence, 'state', item.state,
'shown', CASE WHEN shown.id IS NOT NULL THEN jsonb_build_object(
    'kind', shown.kind, 'category', shown.category, 'severity', shown.severity, 'impact', shown.impact,
    'urgency', shown.urgency,
    'sentiment', (ARRAY['very_negative', 'negative', 'neutral', 'positive', 'very_positive'])[shown.sentiment + 3],
    'not_actionable_reason', shown.not_actionable_reason, 'title', shown.title, 'summary', shown.summary) END,
'resolved_by', CASE WHEN item.actor_kind IS NOT NULL THEN jsonb_build_object(
    'kind', item.actor_kind,
    'id', CASE WHEN pg_input_is_valid(item.actor_id, 'uuid') THEN item.actor_id END,
    'name', CASE WHEN NOT pg_input_is_valid(item.actor_id, 'uuid') THEN nullif(item.actor_id, '') END) END,
'created_at', item.created_at, 'resolved_at', item.resolved_at
