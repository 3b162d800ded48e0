-- $1 address or $2 participant. What is stored of a person, as one hash: other addresses, what they wrote, and what was
-- said in the same threads. It is read by indexes alone; the worker looks at everything.
WITH named AS (
    SELECT participant_id AS id FROM participant_identity WHERE kind = 'email' AND value = $1::text
    UNION SELECT id FROM participant WHERE id = $2::uuid),
identity AS (
    SELECT kind, value FROM participant_identity WHERE participant_id IN (SELECT id FROM named)),
person AS (
    SELECT id FROM named
    UNION SELECT participant_id FROM participant_identity WHERE (kind, value) IN (SELECT kind, value FROM identity)),
own AS (
    SELECT id, thread_id FROM message WHERE author_id IN (SELECT id FROM person)),
known AS (
    SELECT concat_ws(' ', 'identity', kind, value) AS line FROM participant_identity
    WHERE participant_id IN (SELECT id FROM person)
    UNION ALL SELECT concat_ws(' ', 'message', id, revision, deleted_at) FROM message
    WHERE id IN (SELECT id FROM own) OR thread_id IN (SELECT thread_id FROM own)
    UNION ALL SELECT concat_ws(' ', 'member', issue_id, message_id, removed_at) FROM issue_member
    WHERE message_id IN (SELECT id FROM own))
SELECT encode(sha256(convert_to(coalesce(string_agg(line, E'\n' ORDER BY line), ''), 'UTF8')), 'hex') FROM known
