-- $1 field (null: any), $2 keys to go on from, $3 rows.
WITH page AS (
    SELECT evaluation.*, concat_ws(' ', gold_version, profile_version, model, field) AS place FROM evaluation
)
SELECT jsonb_build_object(
    'week', week, 'gold_version', gold_version, 'profile_version', profile_version, 'model', model, 'field', field,
    'examples', examples, 'accuracy', accuracy, 'macro_f1', macro_f1, 'kappa', kappa,
    'calibration_error', calibration_error, 'calibration_error_given', calibration_error_given,
    'corrections_per_1000', corrections_per_1000, 'created_at', created_at
)::text, jsonb_build_array(week, place)::text
FROM page
WHERE ($1::text IS NULL OR field = $1)
  AND ($2::jsonb IS NULL OR (week, place) < (($2::jsonb ->> 0)::date, $2::jsonb ->> 1))
ORDER BY week DESC, place DESC
LIMIT $3
