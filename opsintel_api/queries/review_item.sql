-- $1 item.
SELECT jsonb_build_object({{review_fields}})::text
{{review_joins}}
WHERE item.id = $1::uuid
