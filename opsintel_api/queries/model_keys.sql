-- By name, at most 1,000.
SELECT jsonb_build_object('items', coalesce(jsonb_agg({{model_key_fields}} ORDER BY key.name, key.id), '[]'))::text
FROM (SELECT * FROM model_key ORDER BY name, id LIMIT 1000) AS key
