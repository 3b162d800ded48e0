'id', rule.id, 'scope', rule.scope,
'pattern', CASE rule.scope WHEN 'subject' THEN rule.key
    WHEN 'organization' THEN (SELECT domain FROM organization WHERE organization.id::text = rule.key)
    ELSE (SELECT min(value) FROM participant_identity AS one WHERE one.participant_id = rule.participant_id) END,
'field', rule.field, 'value', rule.value, 'corrections', rule.corrections, 'state', rule.state,
'decided_by', CASE WHEN rule.actor_kind IS NOT NULL THEN jsonb_build_object(
    'kind', rule.actor_kind,
    'id', CASE WHEN pg_input_is_valid(rule.actor_id, 'uuid') THEN rule.actor_id END,
    'name', CASE WHEN NOT pg_input_is_valid(rule.actor_id, 'uuid') THEN nullif(rule.actor_id, '') END) END,
'created_at', rule.created_at, 'decided_at', rule.decided_at, 'is_settled', rule.is_settled
