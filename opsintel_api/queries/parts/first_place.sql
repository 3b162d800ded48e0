LEFT JOIN LATERAL (
    SELECT message_occurrence.source_id, source.kind
    FROM message_occurrence JOIN source ON source.id = message_occurrence.source_id
    WHERE message_occurrence.message_id = message.id AND message_occurrence.deleted_at IS NULL
    ORDER BY message_occurrence.seen_at, message_occurrence.source_id, message_occurrence.native_id
    LIMIT 1
) AS place ON true
