jsonb_build_array({{alert_is_over}}, alert.opened_at, alert.id)
