-- $1 state (null: any), $2 keys to go on from, $3 rows.
SELECT jsonb_build_object({{learned_rule_fields}})::text, jsonb_build_array(rule.created_at, rule.id)::text
FROM learned_rule AS rule
WHERE ($1::text IS NULL OR rule.state = $1)
  AND ($2::jsonb IS NULL OR
       (rule.created_at, rule.id) < (($2::jsonb ->> 0)::timestamptz, ($2::jsonb ->> 1)::uuid))
ORDER BY rule.created_at DESC, rule.id DESC
LIMIT $3
