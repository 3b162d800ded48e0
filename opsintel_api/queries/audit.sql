-- $1 action or what comes before its dot, $2 actor, $3 subject, $4 first day, $5 last day, $6 keys to go on from,
-- $7 rows. An id is asked for as the log has it, or as the account behind it.
SELECT jsonb_build_object(
    'seq', entry.seq, 'at', entry.at,
    'actor', jsonb_build_object(
        'kind', entry.actor_kind, 'account', CASE actor.kind WHEN 'person' THEN actor.reference END,
        'id', CASE WHEN pg_input_is_valid(entry.actor_id, 'uuid') THEN entry.actor_id END,
        'name', CASE WHEN NOT pg_input_is_valid(entry.actor_id, 'uuid') THEN entry.actor_id END),
    'action', entry.action,
    'subject', jsonb_build_object(
        'kind', entry.subject_kind, 'account', CASE subject.kind WHEN 'person' THEN subject.reference END,
        'id', CASE WHEN pg_input_is_valid(entry.subject_id, 'uuid') THEN entry.subject_id END,
        'name', CASE WHEN NOT pg_input_is_valid(entry.subject_id, 'uuid') THEN entry.subject_id END),
    'details', entry.details)::text,
    jsonb_build_array(entry.seq)::text
FROM audit_log AS entry
LEFT JOIN audit_subject AS actor ON actor.tenant_id = entry.tenant_id AND actor.subject_id::text = entry.actor_id
LEFT JOIN audit_subject AS subject
    ON subject.tenant_id = entry.tenant_id AND subject.subject_id::text = entry.subject_id
WHERE ($1::text IS NULL OR entry.action = $1 OR starts_with(entry.action, $1 || '.'))
  AND ($2::text IS NULL OR entry.actor_id = $2
       OR entry.actor_id IN (SELECT subject_id::text FROM audit_subject WHERE reference = $2))
  AND ($3::text IS NULL OR entry.subject_id = $3
       OR entry.subject_id IN (SELECT subject_id::text FROM audit_subject WHERE reference = $3))
  AND ($4::date IS NULL OR entry.at >= $4::date AT TIME ZONE 'UTC')
  AND ($5::date IS NULL OR entry.at < ($5::date + 1) AT TIME ZONE 'UTC')
  AND ($6::jsonb IS NULL OR entry.seq < ($6::jsonb ->> 0)::bigint)
ORDER BY entry.seq DESC
LIMIT $7
