-- $1 state, $2 reason, $3 keys to go on from, $4 rows.
WITH page AS (
    SELECT listed.id FROM review_item AS listed
    WHERE listed.state = $1 AND ($2::text IS NULL OR listed.reason = $2)
      AND ($3::jsonb IS NULL OR
           (listed.rank, listed.id) > (($3::jsonb ->> 0)::double precision, ($3::jsonb ->> 1)::uuid))
    ORDER BY listed.rank, listed.id
    LIMIT $4
)
SELECT jsonb_build_object({{review_fields}})::text, jsonb_build_array(item.rank, item.id)::text
{{review_joins}}
WHERE item.id IN (SELECT page.id FROM page)
ORDER BY item.rank, item.id
