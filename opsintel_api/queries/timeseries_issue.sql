-- $1 first day, $2 last day, $3 metric: the ten issues with most messages in the span.
WITH span AS (SELECT $1::date AS first_day, $2::date AS last_day), top AS (
    SELECT volume.issue_id, issue.title, issue.number
    FROM (SELECT fact.issue_id, sum(fact.messages) AS messages
          FROM span JOIN fact_issue_day AS fact ON fact.day BETWEEN first_day AND last_day
          GROUP BY fact.issue_id) AS volume
    JOIN issue ON issue.id = volume.issue_id AND issue.merged_into IS NULL
    ORDER BY volume.messages DESC, volume.issue_id LIMIT 10
), counted AS (
    SELECT top.issue_id::text AS key, '#' || top.number || ' ' || top.title AS label, 0 AS rank, fact.day,
           CASE WHEN $3 = 'customers' THEN fact.unique_participants ELSE fact.messages END AS value
    FROM span, top JOIN fact_issue_day AS fact ON fact.issue_id = top.issue_id
    WHERE fact.day BETWEEN span.first_day AND span.last_day
)
{{series_answer}}
