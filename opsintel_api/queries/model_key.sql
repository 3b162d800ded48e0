-- $1 key.
SELECT {{model_key_fields}}::text FROM model_key AS key WHERE key.id = $1::uuid
