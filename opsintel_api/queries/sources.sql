-- $1 today.
WITH span AS ({{latest_day_today}})
SELECT jsonb_build_object('items', coalesce(jsonb_agg(jsonb_build_object(
    'id', source.id, 'name', source.name, 'kind', source.kind, 'state', source.state, 'detail', source.detail,
    'last_sync_at', source.last_sync_at,
    'messages', coalesce((SELECT sum(messages) FROM fact_message_day WHERE source_id = source.id), 0),
    'failures', (SELECT count(*) FROM ingest_failure WHERE source_id = source.id AND resolved_at IS NULL),
    'days', coalesce((
        SELECT jsonb_agg(jsonb_build_object('day', day, 'census', census, 'stored', stored, 'analysed', analysed)
                         ORDER BY day)
        FROM fact_source_day AS fact
        WHERE fact.source_id = source.id AND fact.day BETWEEN span.last_day - 29 AND span.last_day), '[]')
) ORDER BY source.name, source.id), '[]'))::text
FROM source, span
