SELECT CASE
    WHEN EXISTS (SELECT FROM fact_message_day WHERE day BETWEEN $1::date - 29 AND $1::date) THEN $1::date
    ELSE coalesce((SELECT max(day) FROM fact_message_day WHERE day <= $1::date), $1::date)
END AS last_day
