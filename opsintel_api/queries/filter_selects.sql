-- $1 filter. A source can go by it: it is there, and was not put away.
SELECT 'true' FROM filter WHERE id = $1::uuid AND archived_at IS NULL
