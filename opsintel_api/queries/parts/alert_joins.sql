LEFT JOIN source ON alert.subject_kind = 'source' AND source.id = alert.subject_id
LEFT JOIN source AS source_of_budget ON alert.subject_kind = 'budget' AND source_of_budget.id = alert.source_id
