SELECT EXISTS (SELECT FROM participant WHERE id = $1::uuid)
