-- $1 first day, $2 last day, $3 metric, $4 issue; no row when there is no such issue.
WITH span AS (
    SELECT $1::date AS first_day, $2::date AS last_day
    WHERE EXISTS (SELECT FROM issue WHERE id = $4::uuid) AND $3::text IS NOT NULL
), counted AS (
    SELECT 'sev' || severity.level AS key, 'Severity ' || severity.level AS label, severity.level AS rank, fact.day,
           severity.messages AS value
    FROM span JOIN fact_issue_day AS fact ON fact.issue_id = $4 AND fact.day BETWEEN first_day AND last_day
    CROSS JOIN LATERAL (VALUES (1, fact.sev1), (2, fact.sev2), (3, fact.sev3), (4, fact.sev4), (5, fact.sev5))
        AS severity (level, messages)
)
{{series_answer}}
