-- $1 export. Where its file is, and its key as it is sealed.
SELECT export.state, export.state = 'expired' OR coalesce(export.expires_at <= now(), false) AS is_over,
       export.object_key, export.size, export.secret_id,
       secret.purpose, secret.sealed, secret.version, secret.data_key_id, data_key.wrapped
FROM person_export AS export
LEFT JOIN secret ON secret.id = export.secret_id
LEFT JOIN data_key ON data_key.id = secret.data_key_id
WHERE export.id = $1::uuid
