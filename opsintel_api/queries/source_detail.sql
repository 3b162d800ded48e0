-- $1 source, $2 address that pushes are sent to, without the id; null where there is none. $3 page to authorise it.
SELECT jsonb_build_object(
    'id', source.id, 'kind', source.kind, 'name', source.name, 'state', source.state, 'detail', source.detail,
    'config', source.config, 'has_credential', source.secret_id IS NOT NULL, 'poll_seconds', source.poll_seconds,
    'created_at', source.created_at, 'last_sync_at', source.last_sync_at, 'checks', source.checks,
    'checked_at', source.checked_at,
    'push_url', CASE WHEN source.push_secret_id IS NOT NULL THEN $2::text || source.id END,
    'authorize_url', CASE WHEN source.state = 'disabled' AND source.poll_seconds IS NOT NULL
                     THEN $3::text || source.id END,
    'quarantined', (SELECT count(*) FROM ingest_failure AS failure WHERE failure.source_id = source.id
                    AND failure.quarantined_at IS NOT NULL AND failure.resolved_at IS NULL),
    'filter', (SELECT jsonb_build_object('id', filter.id, 'name', filter.name, 'version', source.filter_version,
                                         'since', source.filtered_at)
               FROM filter WHERE filter.id = source.filter_id),
    'needs_backfill', source.needs_backfill)::text
FROM source WHERE source.id = $1::uuid
