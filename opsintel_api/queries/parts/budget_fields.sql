jsonb_build_object(
    'id', budget.id, 'scope', budget.scope,
    'source_id', CASE budget.scope WHEN 'source' THEN budget.subject_id END, 'source_name', source.name,
    'job_id', CASE budget.scope WHEN 'backfill' THEN budget.subject_id END,
    'limit_usd', budget.limit_usd, 'degrade', budget.degrade, 'degrade_from', budget.degrade_from,
    'sample_share', budget.sample_share, 'spent_usd', coalesce(period.spent_usd, 0),
    'reserved_usd', coalesce(period.reserved_usd, 0), 'is_reached', coalesce(period.reached_at IS NOT NULL, false),
    'created_at', budget.created_at)
