-- $1 first day, $2 last day, $3 messages or actionable. Kind '': not analysed.
WITH span AS (SELECT $1::date AS first_day, $2::date AS last_day), counted AS (
    SELECT coalesce(nullif(fact.kind, ''), 'none') AS key,
           CASE fact.kind WHEN '' THEN 'Not analysed' ELSE replace(fact.kind, '_', ' ') END AS label,
           0 AS rank, fact.day, sum(fact.messages) AS value
    FROM span JOIN fact_message_day AS fact
        ON fact.day BETWEEN first_day AND last_day AND (fact.is_actionable OR $3 = 'messages')
    GROUP BY fact.kind, fact.day
)
{{series_answer}}
