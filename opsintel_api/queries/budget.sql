-- $1 ceiling.
SELECT {{budget_fields}}::text FROM {{budget_rows}} WHERE budget.id = $1::uuid
