-- $1 messages.
SELECT coalesce(jsonb_agg(jsonb_build_object(
    'id', message.id, 'subject', message.subject, 'snippet', {{snippet}}, 'author', {{author_name}},
    'occurred_at', message.sorted_at) ORDER BY message.sorted_at DESC, message.id DESC), '[]')::text
FROM message LEFT JOIN participant AS author ON author.id = message.author_id
WHERE message.id = ANY($1::uuid[])
