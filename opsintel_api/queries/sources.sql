-- $1 today.
WITH span AS ({{latest_day_today}}), stored AS (
    SELECT source_id, sum(messages) AS messages FROM fact_message_day GROUP BY source_id
), failed AS (
    SELECT source_id, count(*) AS failures FROM ingest_failure WHERE resolved_at IS NULL GROUP BY source_id
), latest AS (
    SELECT source_id, jsonb_agg(jsonb_build_object('day', day, 'census', census, 'stored', fact.stored,
                                                   'analysed', analysed, 'left_out', left_out) ORDER BY day) AS days
    FROM span JOIN fact_source_day AS fact ON fact.day BETWEEN span.last_day - 29 AND span.last_day
    GROUP BY source_id
)
SELECT jsonb_build_object('items', coalesce(jsonb_agg(jsonb_build_object(
    'id', source.id, 'name', source.name, 'kind', source.kind, 'state', source.state, 'detail', source.detail,
    'last_sync_at', source.last_sync_at,
    'messages', coalesce(stored.messages, 0),
    'failures', coalesce(failed.failures, 0),
    'days', coalesce(latest.days, '[]')
) ORDER BY source.name, source.id), '[]'))::text
FROM source
LEFT JOIN stored ON stored.source_id = source.id
LEFT JOIN failed ON failed.source_id = source.id
LEFT JOIN latest ON latest.source_id = source.id
