-- $1 export.
SELECT {{person_export_fields}}::text FROM person_export AS export WHERE id = $1::uuid
