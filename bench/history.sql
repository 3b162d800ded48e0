-- A tenant with %(count)s messages of the last %(days)s days, its issues, analyses and roll-ups; ids follow from numbers.
CREATE OR REPLACE FUNCTION pg_temp.made_id(kind text, number bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex(%(tenant_number)s), 8, '0') || '-' || kind || '-7000-8000-' || lpad(to_hex(number), 12, '0'))::uuid
$$;
CREATE OR REPLACE FUNCTION pg_temp.chance(number bigint, salt int) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$
    SELECT (hashint8(number * 31 + salt)::bigint & 2147483647) / 2147483648.0
$$;

CREATE TEMP TABLE made ON COMMIT DROP AS
SELECT number,
       pg_temp.made_id('0001', number) AS id,
       date_trunc('day', now()) - make_interval(secs => (%(count)s - number) * (%(days)s * 86400.0 / %(count)s)) AS moment,
       1 + floor(%(people)s * power(pg_temp.chance(number, 1), 1.5))::bigint AS person,
       -- An issue is born, lives for some weeks, and is most talked about when it is new.
       greatest(1, ceil(%(issues)s * (number::float8 / %(count)s + 0.12 - 0.12 * power(pg_temp.chance(number, 2), 2)) / 1.12)
       )::bigint AS issue,
       1 + (number %% 3) AS source,
       1 + floor(5 * pg_temp.chance(number, 3))::int AS severity,
       pg_temp.chance(number, 4) < 0.6 AS actionable,
       (ARRAY['help', 'complaint', 'request', 'bug_report', 'question', 'billing'])[1 + floor(6 * pg_temp.chance(number, 5))]
           AS kind,
       floor(5 * pg_temp.chance(number, 6))::int - 2 AS sentiment,
       1 + (number %% %(texts)s) AS text
FROM generate_series(1, %(count)s::bigint) AS number;

INSERT INTO source (tenant_id, id, kind, name, config, config_key, last_sync_at)
SELECT %(tenant)s, pg_temp.made_id('0002', number), kind, kind, '{}', kind, now()
FROM unnest(ARRAY['mbox', 'slack_export', 'csv_file']) WITH ORDINALITY AS kinds (kind, number);

INSERT INTO participant (tenant_id, id, display_name, is_own)
SELECT %(tenant)s, pg_temp.made_id('0003', number), 'Customer ' || number, number %% 20 = 0
FROM generate_series(1, %(people)s::bigint) AS number;

INSERT INTO participant_identity (tenant_id, kind, value, participant_id)
SELECT %(tenant)s, 'email', 'customer' || number || '@example.org', pg_temp.made_id('0003', number)
FROM generate_series(1, %(people)s::bigint) AS number;

INSERT INTO thread (tenant_id, id, key, kind, subject, first_at, last_at)
SELECT %(tenant)s, pg_temp.made_id('0004', number / 2), (number / 2)::text, 'email', '', min(moment), max(moment)
FROM made GROUP BY number / 2;

INSERT INTO message (tenant_id, id, kind, partition_day, occurred_at, rfc_message_id, content_hash, thread_id, author_id,
                     recipients, direction, visibility, subject, text, language)
SELECT %(tenant)s, made.id, 'email', (moment AT TIME ZONE 'UTC')::date, moment, made.number || '@example.org',
       sha256(made.number::text::bytea), pg_temp.made_id('0004', made.number / 2), pg_temp.made_id('0003', person),
       '[{"kind": "email", "name": "Support", "value": "support@acme.example"}]', 'inbound', 'public',
       bench_text.subject, bench_text.body, 'en'
FROM made JOIN bench_text ON bench_text.number = made.text ORDER BY made.number;

INSERT INTO message_occurrence (tenant_id, source_id, native_id, message_id, version)
SELECT %(tenant)s, pg_temp.made_id('0002', source), number::text, id, '1' FROM made ORDER BY number;

INSERT INTO analysis (tenant_id, id, message_id, partition_day, profile_version, input_hash, status, is_actionable, kind,
                      category, severity, impact, urgency, sentiment, title, summary, language, output, provider, model,
                      built_in)
SELECT %(tenant)s, pg_temp.made_id('0005', made.number), made.id, (moment AT TIME ZONE 'UTC')::date, 'default-1', '\x00',
       'done', actionable, made.kind, 'Product / Fault', severity, 'individual', 'week', sentiment, left(subject, 80),
       left(body, 240), 'en',
       jsonb_build_object('category_path', '["Product", "Fault"]'::jsonb, 'evidence', jsonb_build_array(jsonb_build_object(
           'field', 'kind', 'quote', left(body, 40), 'start', 0, 'end', 40)), 'confidence', '{"kind": 0.8}'::jsonb),
       'built-in', 'rules-1', true
FROM made JOIN bench_text ON bench_text.number = made.text ORDER BY made.number;

INSERT INTO issue (tenant_id, id, number, title, title_method, summary, category, severity, state, model_version)
SELECT %(tenant)s, pg_temp.made_id('0006', bench_issue), bench_issue, 'Problem ' || bench_issue, 'phrase', 'About it',
       'Product / Fault', 3, CASE WHEN bench_issue %% 7 = 0 THEN 'resolved' ELSE 'ongoing' END, NULL
FROM generate_series(1, %(issues)s::bigint) AS bench_issue;

INSERT INTO issue_member (tenant_id, id, issue_id, message_id, method, distance, model_version)
SELECT %(tenant)s, pg_temp.made_id('0007', number), pg_temp.made_id('0006', issue), id, 'cluster', 0.3, 'made'
FROM made WHERE actionable ORDER BY number;

UPDATE issue SET first_seen = figures.first_seen, last_seen = figures.last_seen, messages = figures.messages,
                 customers = figures.customers, example_message_id = figures.example, sources = figures.sources
FROM (SELECT issue, min(moment) AS first_seen, max(moment) AS last_seen, count(*) AS messages,
             count(DISTINCT person) AS customers, min(id::text)::uuid AS example,
             array_agg(DISTINCT (ARRAY['mbox', 'slack_export', 'csv_file'])[source]) AS sources
      FROM made WHERE actionable GROUP BY issue) AS figures
WHERE issue.tenant_id = %(tenant)s AND issue.id = pg_temp.made_id('0006', figures.issue);

INSERT INTO issue_event (tenant_id, id, issue_id, kind)
SELECT tenant_id, pg_temp.made_id('0008', number), id, 'created' FROM issue WHERE tenant_id = %(tenant)s;

INSERT INTO fact_message_day
SELECT %(tenant)s, (moment AT TIME ZONE 'UTC')::date, pg_temp.made_id('0002', source), kind, severity, actionable, count(*),
       sum(sentiment)
FROM made GROUP BY 2, 3, 4, 5, 6;

INSERT INTO fact_participant_day
SELECT %(tenant)s, (moment AT TIME ZONE 'UTC')::date, pg_temp.made_id('0003', person), count(*)
FROM made WHERE actionable AND person %% 20 <> 0 GROUP BY 2, 3;

INSERT INTO fact_issue_day
SELECT %(tenant)s, (moment AT TIME ZONE 'UTC')::date, pg_temp.made_id('0006', issue), count(*), count(DISTINCT person), 0,
       count(*) FILTER (WHERE severity = 1), count(*) FILTER (WHERE severity = 2), count(*) FILTER (WHERE severity = 3),
       count(*) FILTER (WHERE severity = 4), count(*) FILTER (WHERE severity = 5), sum(sentiment)
FROM made WHERE actionable GROUP BY 2, 3;

INSERT INTO fact_source_day (tenant_id, day, source_id, census, stored, normalized, analysed)
SELECT %(tenant)s, (moment AT TIME ZONE 'UTC')::date, pg_temp.made_id('0002', source), count(*), count(*), count(*), count(*)
FROM made GROUP BY 2, 3;

INSERT INTO data_version (tenant_id, version) VALUES (%(tenant)s, 1);
