-- The last day of lists, and the first of the thirty that trends show. Both are columns and the expression is made
-- MATERIALIZED by whoever uses it: under row security only a bare value is compared with a column by its index.
SELECT last_day, last_day - 29 AS trend_day FROM (
    SELECT CASE
        WHEN EXISTS (SELECT FROM fact_message_day WHERE day BETWEEN $1::date - 29 AND $1::date) THEN $1::date
        ELSE coalesce((SELECT max(day) FROM fact_message_day WHERE day <= $1::date), $1::date)
    END AS last_day) AS latest
