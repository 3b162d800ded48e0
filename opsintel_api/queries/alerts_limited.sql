-- The same for whoever is limited to some sources, and reads no keys.
SELECT {{alert_fields}}::text, {{alert_keys}}::text
FROM alert
CROSS JOIN (SELECT NULL::text AS name) AS model_key
{{alert_joins}}
WHERE {{alert_page}}
