-- $1 source. What proves the pushes of a source: its own secret, or the credential, with the data keys that open them.
SELECT source.kind,
       own.id AS own_id, own.purpose AS own_purpose, own.sealed AS own_sealed, own.version AS own_version,
       own.data_key_id AS own_key_id, own_key.wrapped AS own_wrapped,
       held.id AS held_id, held.purpose AS held_purpose, held.sealed AS held_sealed, held.version AS held_version,
       held.data_key_id AS held_key_id, held_key.wrapped AS held_wrapped
FROM source
LEFT JOIN secret AS own ON own.id = source.push_secret_id
LEFT JOIN data_key AS own_key ON own_key.id = own.data_key_id
LEFT JOIN secret AS held ON held.id = source.secret_id
LEFT JOIN data_key AS held_key ON held_key.id = held.data_key_id
WHERE source.id = $1::uuid AND source.push_secret_id IS NOT NULL
