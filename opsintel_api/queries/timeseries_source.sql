-- $1 first day, $2 last day, $3 messages or actionable.
WITH span AS (SELECT $1::date AS first_day, $2::date AS last_day), counted AS (
    SELECT source.id::text AS key, source.name AS label, 0 AS rank, fact.day, sum(fact.messages) AS value
    FROM span JOIN fact_message_day AS fact
        ON fact.day BETWEEN first_day AND last_day AND (fact.is_actionable OR $3 = 'messages')
    JOIN source ON source.id = fact.source_id
    GROUP BY source.id, source.name, fact.day
)
{{series_answer}}
