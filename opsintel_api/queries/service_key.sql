-- $1 key.
SELECT {{service_key_fields}}::text FROM api_key AS key WHERE key.id = $1::uuid
