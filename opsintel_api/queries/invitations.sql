-- $1 keys to go on from, $2 rows.
SELECT jsonb_build_object(
    'id', id, 'email', email, 'role', role, 'grants', grants, 'source_ids', source_ids, 'invited_by', invited_by,
    'created_at', created_at, 'expires_at', expires_at)::text,
    jsonb_build_array(created_at, id)::text
FROM invitation
WHERE accepted_at IS NULL AND revoked_at IS NULL AND expires_at > now()
  AND ($1::jsonb IS NULL OR (created_at, id) < (($1::jsonb ->> 0)::timestamptz, ($1::jsonb ->> 1)::uuid))
ORDER BY created_at DESC, id DESC
LIMIT $2
