-- $1 first day, $2 last day, both included. Volumes come from the roll-ups only.
WITH span AS (
    SELECT $1::date AS first_day, $2::date AS last_day, $1::date - ($2::date - $1::date + 1) AS previous_day
), volume AS (
    SELECT coalesce(sum(messages) FILTER (WHERE day >= first_day), 0) AS messages,
           coalesce(sum(messages) FILTER (WHERE day < first_day), 0) AS messages_before,
           coalesce(sum(messages) FILTER (WHERE is_actionable AND day >= first_day), 0) AS actionable,
           coalesce(sum(messages) FILTER (WHERE is_actionable AND day < first_day), 0) AS actionable_before
    FROM span LEFT JOIN fact_message_day AS fact ON fact.day BETWEEN previous_day AND last_day
), customers AS (
    SELECT count(*) FILTER (WHERE wrote_now) AS now, count(*) FILTER (WHERE wrote_before) AS before
    FROM (SELECT bool_or(day >= first_day) AS wrote_now, bool_or(day < first_day) AS wrote_before
          FROM span JOIN fact_participant_day AS fact ON fact.day BETWEEN previous_day AND last_day
          GROUP BY participant_id) AS seen
), open_issues AS (
    SELECT count(*) FILTER (WHERE first_seen < last_day + 1 AND (resolved_at IS NULL OR resolved_at >= last_day + 1)
                            AND (state NOT IN ('resolved', 'archived') OR resolved_at >= last_day + 1)) AS now,
           count(*) FILTER (WHERE first_seen < first_day AND (resolved_at IS NULL OR resolved_at >= first_day)
                            AND (state NOT IN ('resolved', 'archived') OR resolved_at >= first_day)) AS before
    FROM issue, span WHERE merged_into IS NULL
), severities AS (
    SELECT dates.day::date AS day, fact.*
    FROM span, generate_series(first_day::timestamp, last_day::timestamp, interval '1 day') AS dates (day)
    LEFT JOIN LATERAL (
        SELECT coalesce(sum(messages) FILTER (WHERE severity = 1), 0) AS sev1,
               coalesce(sum(messages) FILTER (WHERE severity = 2), 0) AS sev2,
               coalesce(sum(messages) FILTER (WHERE severity = 3), 0) AS sev3,
               coalesce(sum(messages) FILTER (WHERE severity = 4), 0) AS sev4,
               coalesce(sum(messages) FILTER (WHERE severity = 5), 0) AS sev5
        FROM fact_message_day WHERE is_actionable AND fact_message_day.day = dates.day::date
    ) AS fact ON true
), by_source AS (
    SELECT source.id, source.name, source.kind, sum(fact.messages) AS messages
    FROM span JOIN fact_message_day AS fact ON fact.day BETWEEN first_day AND last_day
    JOIN source ON source.id = fact.source_id
    GROUP BY source.id, source.name, source.kind
), latest AS (
    SELECT (SELECT max(day) FROM fact_issue_day WHERE day BETWEEN $1::date AND $2::date) AS day
), surging AS (
    SELECT issue.id, issue.number, issue.title, latest.day, fact.messages AS today, usual.expected
    FROM latest
    JOIN fact_issue_day AS fact ON fact.day = latest.day
    JOIN issue ON issue.id = fact.issue_id AND issue.merged_into IS NULL
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(before.messages), 0) / 28.0 AS expected FROM fact_issue_day AS before
        WHERE before.issue_id = fact.issue_id AND before.day BETWEEN latest.day - 28 AND latest.day - 1
    ) AS usual
    -- Three standard deviations of a Poisson count above the usual day, and three messages at least.
    WHERE fact.messages >= 3 AND fact.messages > usual.expected + 3 * sqrt(greatest(usual.expected, 0.1))
    ORDER BY fact.messages - usual.expected DESC, issue.id
    LIMIT 10
), top AS (
    SELECT fact.issue_id, sum(fact.messages) AS messages
    FROM span JOIN fact_issue_day AS fact ON fact.day BETWEEN first_day AND last_day
    GROUP BY fact.issue_id ORDER BY sum(fact.messages) DESC, fact.issue_id LIMIT 10
), mode AS (
    SELECT (SELECT jsonb_build_object('provider', provider, 'built_in', built_in) FROM analysis
            WHERE current ORDER BY partition_day DESC LIMIT 1) AS analysis,
           (SELECT jsonb_build_object('name', name, 'built_in', built_in, 'reason', reason) FROM embedding_model
            WHERE current) AS embedder
)
SELECT jsonb_build_object(
    'period', jsonb_build_object('from', span.first_day, 'to', span.last_day),
    'kpis', jsonb_build_object(
        'messages', jsonb_build_object('value', volume.messages, 'previous', volume.messages_before),
        'actionable', jsonb_build_object('value', volume.actionable, 'previous', volume.actionable_before),
        'open_issues', jsonb_build_object('value', open_issues.now, 'previous', open_issues.before),
        'unique_customers', jsonb_build_object('value', customers.now, 'previous', customers.before)),
    'by_severity_day', (SELECT jsonb_agg(to_jsonb(severities) ORDER BY day) FROM severities),
    'by_source', coalesce((
        SELECT jsonb_agg(jsonb_build_object('source_id', id, 'name', name, 'kind', kind, 'messages', messages)
                         ORDER BY messages DESC, id) FROM by_source), '[]'),
    'surging', coalesce((
        SELECT jsonb_agg(jsonb_build_object(
            'issue_id', id, 'number', number, 'title', title, 'day', day, 'today', today,
            'expected', round(expected, 2), 'ratio', round(today / nullif(expected, 0), 1))
            ORDER BY today - expected DESC, id) FROM surging), '[]'),
    'top_issues', coalesce((
        SELECT jsonb_agg(jsonb_build_object({{issue_fields}}) ORDER BY top.messages DESC, issue.id)
        FROM top JOIN issue ON issue.id = top.issue_id AND issue.merged_into IS NULL), '[]'),
    'freshness', jsonb_build_object(
        'updated_at', (SELECT updated_at FROM data_version),
        'sources_healthy', (SELECT count(*) FROM source WHERE state = 'active'),
        'sources_total', (SELECT count(*) FROM source)),
    'analysis_mode', jsonb_build_object(
        'provider', mode.analysis -> 'provider', 'embedder', mode.embedder -> 'name',
        'built_in', coalesce((mode.analysis ->> 'built_in')::boolean, true)
            OR coalesce((mode.embedder ->> 'built_in')::boolean, true),
        'reason', coalesce(mode.embedder ->> 'reason', ''))
)::text
FROM span, volume, customers, open_issues, mode
