-- $1 keys to go on from, $2 rows.
SELECT {{budget_fields}}::text, jsonb_build_array(budget.created_at, budget.id)::text
FROM {{budget_rows}}
WHERE $1::jsonb IS NULL
   OR (budget.created_at, budget.id) < (($1::jsonb ->> 0)::timestamptz, ($1::jsonb ->> 1)::uuid)
ORDER BY budget.created_at DESC, budget.id DESC
LIMIT $2
