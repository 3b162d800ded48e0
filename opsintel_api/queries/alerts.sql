-- $1 state, $2 kind, $3 kinds that may be read, $4 keys to go on from, $5 rows.
SELECT {{alert_fields}}::text, {{alert_keys}}::text
FROM alert
LEFT JOIN model_key ON alert.subject_kind = 'model_key' AND model_key.id = alert.subject_id
{{alert_joins}}
WHERE {{alert_page}}
