-- $1 today, $2 first day of the default span: today, or the latest day with messages when all are older than the span.
SELECT CASE
    WHEN EXISTS (SELECT FROM fact_message_day WHERE day BETWEEN $2::date AND $1::date) THEN $1::date
    ELSE coalesce((SELECT max(day) FROM fact_message_day WHERE day <= $1::date), $1::date)
END
