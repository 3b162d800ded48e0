-- $1 first day, $2 last day, $3 customers.
WITH span AS (SELECT $1::date AS first_day, $2::date AS last_day), counted AS (
    SELECT $3::text AS key, initcap($3::text) AS label, 0 AS rank, fact.day, count(fact.participant_id) AS value
    FROM span LEFT JOIN fact_participant_day AS fact ON fact.day BETWEEN first_day AND last_day
    GROUP BY fact.day
)
{{series_answer}}
