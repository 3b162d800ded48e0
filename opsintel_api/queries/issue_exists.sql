SELECT 'true' FROM issue WHERE id = $1
