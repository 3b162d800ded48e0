-- $1 version.
SELECT state FROM embedding_model WHERE version = $1
