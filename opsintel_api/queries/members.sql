-- $1 issue, $2 keys to go on from, $3 rows.
WITH page AS (
    SELECT message.id, message.sorted_at
    FROM issue_member JOIN message ON message.id = issue_member.message_id
    WHERE issue_member.issue_id = $1::uuid AND issue_member.removed_at IS NULL
      AND ($2::jsonb IS NULL OR
           (message.sorted_at, message.id) < (($2::jsonb ->> 0)::timestamptz, ($2::jsonb ->> 1)::uuid))
    ORDER BY message.sorted_at DESC, message.id DESC
    LIMIT $3
)
SELECT jsonb_build_object(
    'message_id', message.id, 'subject', message.subject, 'snippet', {{snippet}}, 'author', {{author_name}},
    'occurred_at', message.sorted_at, 'source_kind', coalesce(place.kind, ''), 'severity', analysis.severity,
    'method', membership.method, 'distance', membership.distance,
    'runner_up', CASE WHEN runner_up.id IS NOT NULL THEN jsonb_build_object(
        'id', runner_up.id, 'number', runner_up.number, 'title', runner_up.title,
        'distance', membership.runner_up_distance) END,
    'decided_by', membership.decided_by)::text,
    jsonb_build_array(message.sorted_at, message.id)::text
FROM page
JOIN message ON message.id = page.id
{{message_joins}}
LEFT JOIN issue AS runner_up ON runner_up.id = membership.runner_up_issue_id
ORDER BY message.sorted_at DESC, message.id DESC
