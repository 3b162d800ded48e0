SELECT count(*) FROM api_key WHERE revoked_at IS NULL AND expires_at > now()
