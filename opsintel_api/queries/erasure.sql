-- $1 erasure.
SELECT {{erasure_fields}}::text FROM erasure WHERE id = $1::uuid
