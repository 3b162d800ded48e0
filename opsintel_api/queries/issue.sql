-- $1 today, $2 issue.
WITH RECURSIVE span AS ({{latest_day_today}}), successor AS (
    SELECT id, merged_into, 0 AS depth FROM issue WHERE id = $2::uuid
    UNION ALL
    SELECT issue.id, issue.merged_into, depth + 1 FROM successor JOIN issue ON issue.id = successor.merged_into
    WHERE depth < 100
), members AS (
    SELECT message.*, analysis.severity, analysis.output, place.source_id, place.kind AS source_kind,
           {{author_name}} AS author_name
    FROM issue_member
    JOIN message ON message.id = issue_member.message_id
    LEFT JOIN analysis ON analysis.message_id = message.id AND analysis.current
    LEFT JOIN participant AS author ON author.id = message.author_id
    {{first_place}}
    WHERE issue_member.issue_id = $2 AND issue_member.removed_at IS NULL
), quoted AS (
    SELECT DISTINCT ON (members.id) members.id, members.author_name, members.sorted_at, members.source_kind,
           evidence ->> 'quote' AS quote
    FROM members CROSS JOIN LATERAL jsonb_array_elements(members.output -> 'evidence') AS evidence
    WHERE length(evidence ->> 'quote') > 0
    ORDER BY members.id, length(evidence ->> 'quote') DESC
)
SELECT (jsonb_build_object({{issue_fields}}) || jsonb_build_object(
    'summary', issue.summary, 'title_method', issue.title_method,
    'merged_into', (SELECT id FROM successor WHERE id <> $2 ORDER BY depth DESC LIMIT 1),
    'example', (
        SELECT jsonb_build_object('message_id', id, 'subject', subject, 'text', left(text, 2000),
                                  'author', author_name, 'occurred_at', sorted_at)
        FROM members WHERE id = issue.example_message_id),
    'severity_mix', (
        SELECT jsonb_build_object(
            'sev1', count(*) FILTER (WHERE severity = 1), 'sev2', count(*) FILTER (WHERE severity = 2),
            'sev3', count(*) FILTER (WHERE severity = 3), 'sev4', count(*) FILTER (WHERE severity = 4),
            'sev5', count(*) FILTER (WHERE severity = 5)) FROM members),
    'channels', coalesce((
        SELECT jsonb_agg(jsonb_build_object('name', kind, 'messages', messages) ORDER BY messages DESC, kind)
        FROM (SELECT kind, count(*) AS messages FROM members GROUP BY kind) AS counted), '[]'),
    'languages', coalesce((
        SELECT jsonb_agg(jsonb_build_object('name', language, 'messages', messages) ORDER BY messages DESC, language)
        FROM (SELECT language, count(*) AS messages FROM members GROUP BY language) AS counted), '[]'),
    'by_source_day', coalesce((
        SELECT jsonb_agg(jsonb_build_object('day', day, 'source_id', source.id, 'name', source.name,
                                            'kind', source.kind, 'messages', messages) ORDER BY day, source.id)
        FROM (SELECT (sorted_at AT TIME ZONE 'UTC')::date AS day, source_id, count(*) AS messages FROM members
              GROUP BY 1, 2 ORDER BY 1 DESC LIMIT 1000) AS counted
        JOIN source ON source.id = counted.source_id), '[]'),
    'quotes', coalesce((
        SELECT jsonb_agg(jsonb_build_object('message_id', id, 'text', quote, 'author', author_name,
                                            'occurred_at', sorted_at, 'source_kind', coalesce(source_kind, ''))
                         ORDER BY sorted_at DESC, id)
        FROM (SELECT * FROM quoted ORDER BY sorted_at DESC, id LIMIT 8) AS latest), '[]'),
    'history', coalesce((
        SELECT jsonb_agg(jsonb_build_object('at', at, 'kind', kind, 'detail', detail, 'actor', actor)
                         ORDER BY at DESC, id DESC)
        FROM (SELECT * FROM issue_event WHERE issue_event.issue_id = issue.id
              ORDER BY at DESC, id DESC LIMIT 200) AS latest), '[]'),
    'clustering', (
        SELECT jsonb_build_object('name', name, 'built_in', built_in) FROM embedding_model
        WHERE version = issue.model_version)
))::text
FROM issue, span WHERE issue.id = $2
