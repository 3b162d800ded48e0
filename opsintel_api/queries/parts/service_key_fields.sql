jsonb_build_object(
    'id', key.id, 'name', key.name, 'prefix', key.prefix, 'scopes', to_jsonb(key.scopes),
    'source_ids', to_jsonb(key.source_ids),
    'state', CASE WHEN key.revoked_at IS NOT NULL THEN 'revoked' WHEN key.expires_at <= now() THEN 'expired'
        ELSE 'active' END,
    'created_by', key.created_by, 'created_at', key.created_at, 'rotated_at', key.rotated_at,
    'previous_until', CASE WHEN key.previous_until > now() AND key.revoked_at IS NULL THEN key.previous_until END,
    'expires_at', key.expires_at, 'last_used_at', key.last_used_at)
