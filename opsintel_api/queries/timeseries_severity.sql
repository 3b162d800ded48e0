-- $1 first day, $2 last day, $3 messages or actionable. Severity 0: not analysed.
WITH span AS (SELECT $1::date AS first_day, $2::date AS last_day), counted AS (
    SELECT CASE fact.severity WHEN 0 THEN 'none' ELSE 'sev' || fact.severity END AS key,
           CASE fact.severity WHEN 0 THEN 'Not analysed' ELSE 'Severity ' || fact.severity END AS label,
           CASE fact.severity WHEN 0 THEN 9 ELSE fact.severity END AS rank, fact.day, sum(fact.messages) AS value
    FROM span JOIN fact_message_day AS fact
        ON fact.day BETWEEN first_day AND last_day AND (fact.is_actionable OR $3 = 'messages')
    GROUP BY fact.severity, fact.day
)
{{series_answer}}
