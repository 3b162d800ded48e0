-- Needs `span` (first_day, last_day) and `counted` (key, label, rank, day, value).
SELECT jsonb_build_object(
    'period', jsonb_build_object('from', span.first_day, 'to', span.last_day),
    'series', coalesce((
        SELECT jsonb_agg(jsonb_build_object('key', key, 'label', label, 'points', points) ORDER BY rank, total DESC, key)
        FROM (
            SELECT series.key, series.label, series.rank, sum(coalesce(counted.value, 0)) AS total,
                   jsonb_agg(jsonb_build_object('day', dates.day::date, 'value', coalesce(counted.value, 0))
                             ORDER BY dates.day) AS points
            FROM (SELECT DISTINCT key, label, rank FROM counted) AS series
            CROSS JOIN generate_series(span.first_day::timestamp, span.last_day::timestamp, interval '1 day')
                AS dates (day)
            LEFT JOIN counted ON counted.key = series.key AND counted.day = dates.day::date
            GROUP BY series.key, series.label, series.rank
        ) AS drawn), '[]')
)::text
FROM span
