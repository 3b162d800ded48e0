-- $1 first day, $2 last day, $3 source, $4 kind, $5 severity, $6 actionable, $7 words, $8 keys to go on from, $9 rows.
WITH page AS (
    SELECT message.id
    FROM message
    LEFT JOIN analysis ON analysis.message_id = message.id AND analysis.current
    WHERE message.deleted_at IS NULL
      -- As timestamps: row security lets the planner use what it knows of a column only for operators of one type.
      AND message.sorted_at >= $1::date::timestamptz
      -- One bound above, the cursor's or else the span's: beside another one it would not be where the index is entered.
      AND (message.sorted_at, message.id) < (
          CASE WHEN $8::jsonb IS NULL THEN ($2::date + 1)::timestamptz ELSE ($8::jsonb ->> 0)::timestamptz END,
          CASE WHEN $8::jsonb IS NULL THEN '00000000-0000-0000-0000-000000000000' ELSE ($8::jsonb ->> 1)::uuid END)
      AND ($3::uuid IS NULL OR EXISTS (
          SELECT FROM message_occurrence AS place
          WHERE place.message_id = message.id AND place.source_id = $3 AND place.deleted_at IS NULL))
      AND ($4::text IS NULL OR analysis.kind = $4)
      AND ($5::int IS NULL OR analysis.severity = $5)
      AND ($6::boolean IS NULL OR coalesce(analysis.is_actionable, false) = $6)
      AND ($7::text IS NULL OR message.search @@ websearch_to_tsquery('simple', $7))
    ORDER BY message.sorted_at DESC, message.id DESC
    LIMIT $9
)
SELECT jsonb_build_object({{message_fields}})::text, jsonb_build_array(message.sorted_at, message.id)::text
FROM page
JOIN message ON message.id = page.id
{{message_joins}}
ORDER BY message.sorted_at DESC, message.id DESC
