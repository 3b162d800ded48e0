'id', run.id, 'taxonomy_version', run.taxonomy_version, 'chain', run.chain, 'profile_version', run.profile_version,
'state', run.state, 'gold_version', run.gold_version, 'figures', (
    SELECT coalesce(jsonb_agg(each.value || jsonb_build_object('field', each.key) ORDER BY each.key), '[]')
    FROM jsonb_each(run.figures) AS each),
'loss', run.loss, 'margin', tenant.promotion_margin,
'may_be_promoted', coalesce(run.state = 'measured' AND run.loss <= tenant.promotion_margin, false),
'calls', run.calls, 'cost_usd', run.cost_usd, 'error', run.error, 'is_overridden', run.is_overridden,
'reason', run.reason,
'asked_by', jsonb_build_object(
    'kind', run.actor_kind,
    'id', CASE WHEN pg_input_is_valid(run.actor_id, 'uuid') THEN run.actor_id END,
    'name', CASE WHEN NOT pg_input_is_valid(run.actor_id, 'uuid') THEN nullif(run.actor_id, '') END),
'created_at', run.created_at, 'measured_at', run.measured_at, 'promoted_at', run.promoted_at
