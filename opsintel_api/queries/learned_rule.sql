-- $1 rule.
SELECT jsonb_build_object({{learned_rule_fields}})::text FROM learned_rule AS rule WHERE rule.id = $1::uuid
