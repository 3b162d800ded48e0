-- $1 tenant, $2 keys to go on from, $3 rows. Accounts belong to no tenant: the tenant is a parameter.
SELECT jsonb_build_object(
    'user_id', user_id, 'email', email, 'name', name, 'role', role, 'grants', grants, 'source_ids', source_ids,
    'joined_at', membership.created_at)::text,
    jsonb_build_array(membership.created_at, user_id)::text
FROM membership JOIN app_user ON app_user.id = user_id
WHERE tenant_id = $1
  AND ($2::jsonb IS NULL OR
       (membership.created_at, user_id) > (($2::jsonb ->> 0)::timestamptz, ($2::jsonb ->> 1)::uuid))
ORDER BY membership.created_at, user_id
LIMIT $3
