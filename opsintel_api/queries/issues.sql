-- $1 today, $2 state, $3 severity, $4 words or number, $5 source, $6 order, $7 keys to go on from, $8 rows.
WITH span AS ({{latest_day_today}}), listed AS (
    SELECT issue.*,
           CASE $6::text WHEN 'volume' THEN messages::numeric WHEN 'customers' THEN customers::numeric
               ELSE extract(epoch FROM coalesce(last_seen, created_at)) END AS position
    FROM issue
    WHERE merged_into IS NULL
      AND ($2::text IS NULL OR state = $2 OR ($2 = 'open' AND state NOT IN ('resolved', 'archived')))
      AND ($3::int IS NULL OR severity = $3)
      AND ($4::text IS NULL OR position(lower($4) IN lower(title)) > 0 OR number::text = ltrim($4, '#'))
      AND ($5::uuid IS NULL OR EXISTS (
          SELECT FROM issue_member JOIN message_occurrence AS place ON place.message_id = issue_member.message_id
          WHERE issue_member.issue_id = issue.id AND issue_member.removed_at IS NULL
            AND place.source_id = $5 AND place.deleted_at IS NULL))
), page AS (
    SELECT * FROM listed AS issue
    WHERE $7::jsonb IS NULL OR (issue.position, issue.id) < (($7::jsonb ->> 0)::numeric, ($7::jsonb ->> 1)::uuid)
    ORDER BY issue.position DESC, issue.id DESC
    LIMIT $8
)
SELECT jsonb_build_object({{issue_fields}})::text, jsonb_build_array(issue.position::text, issue.id)::text
FROM page AS issue, span
ORDER BY issue.position DESC, issue.id DESC
