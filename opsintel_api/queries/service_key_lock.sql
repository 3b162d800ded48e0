-- $1 key.
SELECT FROM api_key WHERE id = $1::uuid FOR UPDATE
