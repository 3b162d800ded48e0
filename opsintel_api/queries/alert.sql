-- $1 alert.
SELECT {{alert_fields}}::text
FROM alert
LEFT JOIN model_key ON alert.subject_kind = 'model_key' AND model_key.id = alert.subject_id
{{alert_joins}}
WHERE alert.id = $1::uuid
