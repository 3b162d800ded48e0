jsonb_build_object(
    'id', job.id, 'kind', job.kind, 'state', job.state, 'parameters', job.parameters, 'total', job.total,
    'done', job.done, 'failed', job.failed, 'figures', job.figures, 'error', job.error, 'created_by', job.created_by,
    'service_key_id', job.service_key_id,
    'created_at', job.created_at, 'started_at', job.started_at, 'finished_at', job.finished_at)
