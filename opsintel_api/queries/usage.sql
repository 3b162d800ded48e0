-- $1 first day, $2 last day, $3 source, $4 purpose, $5 model, $6 group, $7 keys to go on from, $8 rows.
WITH usage AS (
    SELECT CASE WHEN $6::text IN ('all', 'day') THEN day END AS day,
           CASE WHEN $6 IN ('all', 'source') THEN source_id END AS source_id,
           CASE WHEN $6 IN ('all', 'purpose') THEN purpose END AS purpose,
           CASE WHEN $6 IN ('all', 'model') THEN provider END AS provider,
           CASE WHEN $6 IN ('all', 'model') THEN model END AS model,
           sum(calls) AS calls, sum(failed) AS failed, sum(messages) AS messages, sum(tokens_in) AS tokens_in,
           sum(tokens_out) AS tokens_out, sum(tokens_cached) AS tokens_cached, sum(cost_usd) AS cost_usd,
           sum(unpriced) AS unpriced
    FROM fact_model_usage_day
    WHERE day BETWEEN $1::date AND $2::date AND ($3::uuid IS NULL OR source_id = $3)
      AND ($4::text IS NULL OR purpose = $4) AND ($5::text IS NULL OR model = $5)
    GROUP BY 1, 2, 3, 4, 5
)
SELECT jsonb_build_object(
    'day', usage.day, 'source_id', usage.source_id, 'source_name', source.name, 'purpose', usage.purpose,
    'provider', usage.provider, 'model', usage.model, 'calls', calls, 'failed', failed, 'messages', messages,
    'tokens_in', tokens_in, 'tokens_out', tokens_out, 'tokens_cached', tokens_cached, 'cost_usd', cost_usd,
    'unpriced', unpriced)::text, place.keys::text
FROM usage
LEFT JOIN source ON source.id = usage.source_id,
LATERAL (SELECT jsonb_build_array(
    coalesce($2::date - usage.day, 0), coalesce(usage.source_id::text, ''), coalesce(usage.purpose, ''),
    coalesce(usage.provider, ''), coalesce(usage.model, ''))) AS place (keys)
WHERE $7::jsonb IS NULL OR place.keys > $7
ORDER BY place.keys
LIMIT $8
