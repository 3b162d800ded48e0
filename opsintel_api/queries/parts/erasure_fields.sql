jsonb_build_object(
    'id', erasure.id, 'kind', erasure.kind, 'dry_run', erasure.dry_run, 'dry_run_id', erasure.dry_run_id,
    'state', erasure.state, 'error', erasure.error,
    'stores', erasure.receipt -> 'stores',
    'receipt', CASE WHEN NOT erasure.dry_run AND erasure.receipt IS NOT NULL THEN jsonb_build_object(
        'erasure', erasure.id, 'subject_hashes', erasure.receipt -> 'subject_hashes',
        'counts', erasure.receipt -> 'counts', 'stores', erasure.receipt -> 'stores',
        'backups', erasure.receipt -> 'backups', 'requested_at', erasure.receipt -> 'requested_at',
        'finished_at', erasure.receipt -> 'finished_at', 'sha256', encode(erasure.receipt_hash, 'hex')) END,
    'asked_by', jsonb_build_object(
        'kind', erasure.actor_kind,
        'id', CASE WHEN pg_input_is_valid(erasure.actor_id, 'uuid') THEN erasure.actor_id END,
        'name', CASE WHEN NOT pg_input_is_valid(erasure.actor_id, 'uuid') THEN nullif(erasure.actor_id, '') END),
    'requested_at', erasure.requested_at, 'finished_at', erasure.finished_at)
