-- $1 dry run, held until the transaction ends. Its state, its standing, and the job of the erasure that keeps to it.
SELECT state, standing, (SELECT kept.id FROM erasure AS kept WHERE kept.dry_run_id = dry.id) AS erasure_id
FROM erasure AS dry WHERE dry.id = $1::uuid AND dry.dry_run FOR UPDATE
