'id', issue.id, 'number', issue.number, 'title', issue.title, 'category', issue.category,
'severity', issue.severity, 'state', issue.state, 'first_seen', issue.first_seen, 'last_seen', issue.last_seen,
'messages', issue.messages, 'customers', issue.customers,
'sources', to_jsonb(issue.sources),
'trend', (
    SELECT jsonb_agg(coalesce(fact.messages, 0) ORDER BY place)
    FROM generate_series(0, 29) AS place
    LEFT JOIN fact_issue_day AS fact ON fact.issue_id = issue.id AND fact.day = span.last_day - 29 + place)
