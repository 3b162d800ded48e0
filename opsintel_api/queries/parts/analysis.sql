jsonb_build_object(
    'is_actionable', analysis.is_actionable, 'not_actionable_reason', analysis.not_actionable_reason,
    'kind', analysis.kind, 'category_path', coalesce(CASE WHEN analysis.corrected ? 'category'
        THEN to_jsonb(string_to_array(analysis.category, ' / ')) ELSE analysis.output -> 'category_path' END, '[]'),
    'severity', analysis.severity, 'severity_floor', analysis.severity_floor, 'impact', analysis.impact,
    'urgency', analysis.urgency, 'workaround', coalesce((analysis.output ->> 'workaround')::boolean, false),
    'evidence', coalesce((
        SELECT jsonb_agg(jsonb_build_object('start', item -> 'start', 'end', item -> 'end', 'quote', item -> 'quote',
                                            'field', coalesce(item ->> 'field', '')))
        FROM jsonb_array_elements(analysis.output -> 'evidence') AS item), '[]'),
    'sentiment', (ARRAY['very_negative', 'negative', 'neutral', 'positive', 'very_positive'])[analysis.sentiment + 3],
    'title', analysis.title, 'summary', analysis.summary,
    'entities', coalesce((
        SELECT jsonb_agg(jsonb_build_object('type', item -> 'type', 'value', item -> 'value'))
        FROM jsonb_array_elements(analysis.output -> 'entities') AS item), '[]'),
    'action_items', coalesce((
        SELECT jsonb_agg(jsonb_build_object(
            'text', item -> 'text', 'owner_hint', coalesce(item ->> 'owner_hint', ''),
            'due', coalesce(item ->> 'due', ''), 'quote', coalesce(item ->> 'quote', '')))
        FROM jsonb_array_elements(analysis.output -> 'action_items') AS item), '[]'),
    'asks', coalesce((
        SELECT jsonb_agg(jsonb_build_object('type', item -> 'type', 'quote', coalesce(item ->> 'quote', '')))
        FROM jsonb_array_elements(analysis.output -> 'asks') AS item), '[]'),
    'language', analysis.language,
    'pii', coalesce((
        SELECT jsonb_agg(jsonb_build_object('type', item -> 'type', 'count', item -> 'count'))
        FROM jsonb_array_elements(analysis.output -> 'pii') AS item), '[]'),
    'injection_suspected', analysis.injection_suspected,
    'injection_quote', coalesce(analysis.output ->> 'injection_quote', ''),
    'confidence', coalesce(analysis.output -> 'confidence', '{}') || coalesce(analysis.output -> 'given', '{}'),
    'calibrated', (SELECT coalesce(jsonb_object_agg(field, how_sure -> 'calibrated'), '{}')
                   FROM jsonb_each(analysis.confidence) AS said (field, how_sure) WHERE how_sure ? 'calibrated'),
    'provider', analysis.provider, 'model', analysis.model, 'built_in', analysis.built_in,
    'profile_version', analysis.profile_version,
    'corrected', (SELECT coalesce(jsonb_agg(field ORDER BY field), '[]')
                  FROM jsonb_each(analysis.corrected) AS said (field, what) WHERE what ? 'correction'),
    'ruled', (SELECT coalesce(jsonb_agg(field ORDER BY field), '[]')
              FROM jsonb_each(analysis.corrected) AS said (field, what) WHERE what ? 'rule'),
    'created_at', analysis.created_at)
