CASE alert.subject_kind WHEN 'model_key' THEN model_key.name WHEN 'source' THEN source.name ELSE source_of_budget.name END
