-- $1 correction.
SELECT {{correction_fields}}::text FROM correction WHERE id = $1
