-- $1 days of messages (null: for ever), $2 of payloads (null: for ever), $3 of facts (null: as long as the messages that
-- they count), $4 of jobs. What opsintel_pipeline/upkeep/retention.py deletes.
WITH fact AS (
    SELECT day FROM fact_message_day UNION ALL SELECT day FROM fact_participant_day
    UNION ALL SELECT day FROM fact_issue_day)
SELECT
    (SELECT count(*) FROM message WHERE sorted_at < now() - make_interval(days => $1::int)) AS messages,
    (SELECT count(*) FROM raw_payload
     WHERE object_key IS NOT NULL AND coalesce(occurred_at, fetched_at) < now() - make_interval(days => $2::int))
        AS raw_payloads,
    (SELECT count(*) FROM fact WHERE day < (now() AT TIME ZONE 'UTC')::date - coalesce($3::int, $1::int)) AS facts,
    (SELECT count(*) FROM job WHERE state IN ('done', 'failed', 'cancelled')
     AND finished_at < now() - make_interval(days => $4::int)) AS jobs
