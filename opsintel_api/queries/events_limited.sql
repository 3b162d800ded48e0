-- The same for whoever is limited to some sources: figures are those of their sources alone.
SELECT json_build_object(
    'figures', (SELECT sum(hashtextextended(fact::text, 0))::text FROM fact_message_day AS fact),
    'alerts', (SELECT md5(string_agg(concat_ws(' ', id, line, acknowledged_at), ',' ORDER BY id)) FROM alert
        WHERE resolved_at IS NULL),
    'sources', (SELECT md5(string_agg(concat_ws(' ', id, state, name, last_sync_at), ',' ORDER BY id)) FROM source))::text
