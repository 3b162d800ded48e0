jsonb_build_object(
    'id', key.id, 'name', key.name, 'provider', key.provider, 'base_url', key.base_url,
    'has_value', key.secret_id IS NOT NULL, 'of_platform', key.of_platform,
    'previous_until', CASE WHEN key.previous_until > now() THEN key.previous_until END,
    'health', key.health, 'detail', key.detail, 'checked_at', key.checked_at, 'valid_at', key.valid_at,
    'retry_at', CASE WHEN key.retry_at > now() THEN key.retry_at END, 'created_at', key.created_at)
