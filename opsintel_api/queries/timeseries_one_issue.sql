-- $1 first day, $2 last day, $3 metric, $4 issue; no row when there is no such issue.
WITH span AS (
    SELECT $1::date AS first_day, $2::date AS last_day WHERE EXISTS (SELECT FROM issue WHERE id = $4::uuid)
), counted AS (
    SELECT $3::text AS key, initcap($3::text) AS label, 0 AS rank, fact.day,
           CASE WHEN $3 = 'customers' THEN fact.unique_participants ELSE fact.messages END AS value
    FROM span LEFT JOIN fact_issue_day AS fact ON fact.issue_id = $4 AND fact.day BETWEEN first_day AND last_day
)
{{series_answer}}
