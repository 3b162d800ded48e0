-- What changes whenever the tenant's roll-ups do, or the health of its sources.
SELECT coalesce((SELECT version FROM data_version), 0)::text || ' ' || coalesce(
    (SELECT md5(string_agg(concat_ws(' ', id, state, name, last_sync_at), ',' ORDER BY id)) FROM source), '')
