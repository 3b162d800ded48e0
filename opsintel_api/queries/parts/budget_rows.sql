budget
LEFT JOIN budget_period AS period ON period.budget_id = budget.id
    AND period.month = CASE WHEN budget.scope = 'backfill' THEN DATE '1970-01-01'
                            ELSE date_trunc('month', now() AT TIME ZONE 'UTC')::date END
LEFT JOIN source ON source.id = budget.subject_id AND budget.scope = 'source'
