-- What a tenant's dashboard shows, as marks that differ once it does: ids and figures, no text.
SELECT json_build_object(
    'figures', (SELECT version::text FROM data_version),
    'sources', (SELECT md5(string_agg(concat_ws(' ', id, state, name, last_sync_at), ',' ORDER BY id)) FROM source),
    'alerts', (SELECT md5(string_agg(concat_ws(' ', id, line, acknowledged_at), ',' ORDER BY id)) FROM alert
        WHERE resolved_at IS NULL),
    'jobs', (SELECT json_object_agg(id, concat_ws(' ', state, done, failed)) FROM (
        SELECT id, state, done, failed FROM job ORDER BY created_at DESC, id DESC LIMIT 50) AS latest),
    'issues', (SELECT json_object_agg(id, issue_id) FROM (
        SELECT id, issue_id FROM issue_event ORDER BY id DESC LIMIT 50) AS latest))::text
