alert.kind = ANY($3::text[]) AND ($2::text IS NULL OR alert.kind = $2)
  AND ($1::text IS NULL OR ($1 = 'resolved') = {{alert_is_over}})
  AND ($4::jsonb IS NULL OR {{alert_is_over}} > ($4::jsonb ->> 0)::boolean
       OR {{alert_is_over}} = ($4::jsonb ->> 0)::boolean
          AND (alert.opened_at, alert.id) < (($4::jsonb ->> 1)::timestamptz, ($4::jsonb ->> 2)::uuid))
ORDER BY {{alert_is_over}}, alert.opened_at DESC, alert.id DESC
LIMIT $5
