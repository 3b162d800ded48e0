-- $1 correction.
UPDATE correction SET undone_at = clock_timestamp() WHERE id = $1 AND undone_at IS NULL RETURNING field
