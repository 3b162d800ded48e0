-- Latest first, at most 1,000.
SELECT jsonb_build_object('items', coalesce(
    jsonb_agg({{service_key_fields}} ORDER BY key.created_at DESC, key.id DESC), '[]'))::text
FROM (SELECT * FROM api_key ORDER BY created_at DESC, id DESC LIMIT 1000) AS key
