-- $1 job. The work goes first, as it does wherever a job and its work change together.
WITH work AS (
    UPDATE work SET state = 'cancelled', finished_at = now() WHERE job_id = $1::uuid AND state = 'pending')
UPDATE job SET state = 'cancelled', finished_at = now()
WHERE id = $1::uuid AND kind = 'backfill' AND state IN ('queued', 'running')
