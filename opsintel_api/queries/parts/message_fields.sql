'id', message.id, 'subject', message.subject, 'snippet', {{snippet}},
'author', {{author_name}}, 'occurred_at', message.sorted_at,
'source_id', place.source_id, 'source_kind', coalesce(place.kind, ''),
'kind', analysis.kind, 'severity', analysis.severity, 'actionable', analysis.is_actionable,
'automatic', message.automatic,
'issue', CASE WHEN issue.id IS NOT NULL
    THEN jsonb_build_object('id', issue.id, 'number', issue.number, 'title', issue.title) END,
'language', message.language
