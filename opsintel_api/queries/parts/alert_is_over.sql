(alert.resolved_at IS NOT NULL OR coalesce(alert.ends_at <= now(), false))
