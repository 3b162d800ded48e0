-- $1 first day, $2 last day, $3 messages or actionable.
WITH span AS (SELECT $1::date AS first_day, $2::date AS last_day), counted AS (
    SELECT $3::text AS key, initcap($3::text) AS label, 0 AS rank, fact.day, sum(fact.messages) AS value
    FROM span LEFT JOIN fact_message_day AS fact
        ON fact.day BETWEEN first_day AND last_day AND (fact.is_actionable OR $3 = 'messages')
    GROUP BY fact.day
)
{{series_answer}}
