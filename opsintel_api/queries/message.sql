-- $1 message.
SELECT (jsonb_build_object({{message_fields}}) || jsonb_build_object(
    'text', message.text, 'quoted_text', message.quoted_text, 'signature_text', message.signature_text,
    'recipients', coalesce((
        SELECT jsonb_agg(jsonb_build_object('kind', coalesce(recipient ->> 'kind', ''),
                                            'value', coalesce(recipient ->> 'value', ''),
                                            'name', coalesce(recipient ->> 'name', '')))
        FROM jsonb_array_elements(message.recipients) AS recipient), '[]'),
    'thread', coalesce((
        SELECT jsonb_agg(item ORDER BY sorted_at, id)
        FROM (SELECT message.id, message.sorted_at, jsonb_build_object(
                  'id', message.id, 'author', {{author_name}}, 'occurred_at', message.sorted_at,
                  'snippet', {{snippet}}) AS item
              FROM message AS shown
              JOIN message ON message.thread_id = shown.thread_id AND message.deleted_at IS NULL
              LEFT JOIN participant AS author ON author.id = message.author_id
              WHERE shown.id = $1
              ORDER BY message.sorted_at, message.id LIMIT 100) AS conversation), '[]'),
    'attachments', coalesce((
        SELECT jsonb_agg(jsonb_build_object('filename', filename, 'content_type', content_type, 'size', size,
                                            'inline', inline) ORDER BY position)
        FROM attachment WHERE attachment.message_id = message.id), '[]'),
    'links', coalesce((
        SELECT jsonb_agg(jsonb_build_object('url', url, 'text', message_link.text) ORDER BY position)
        FROM message_link WHERE message_link.message_id = message.id
          AND url ~* '^(https?://|ftp://|mailto:|tel:)[^[:space:][:cntrl:]]*$'), '[]'),
    'labels', coalesce((
        SELECT jsonb_agg(label ORDER BY label) FROM message_label WHERE message_label.message_id = message.id), '[]'),
    'occurrences', coalesce((
        SELECT jsonb_agg(jsonb_build_object(
            'source_id', source.id, 'source_kind', source.kind, 'source_name', source.name,
            'channel', seen.channel, 'seen_at', seen.seen_at) ORDER BY seen.seen_at, source.id, seen.native_id)
        FROM message_occurrence AS seen JOIN source ON source.id = seen.source_id
        WHERE seen.message_id = message.id AND seen.deleted_at IS NULL), '[]'),
    'analysis', CASE WHEN analysis.id IS NOT NULL THEN {{analysis}} END,
    'membership', CASE WHEN membership.issue_id IS NOT NULL THEN jsonb_build_object(
        'issue', jsonb_build_object('id', issue.id, 'number', issue.number, 'title', issue.title),
        'method', membership.method, 'distance', membership.distance,
        'runner_up', CASE WHEN runner_up.id IS NOT NULL THEN jsonb_build_object(
            'id', runner_up.id, 'number', runner_up.number, 'title', runner_up.title,
            'distance', membership.runner_up_distance) END,
        'decided_by', membership.decided_by, 'added_at', membership.added_at) END,
    'defects', to_jsonb(message.defects)
))::text
FROM message
{{message_joins}}
LEFT JOIN issue AS runner_up ON runner_up.id = membership.runner_up_issue_id
WHERE message.id = $1::uuid AND message.deleted_at IS NULL
