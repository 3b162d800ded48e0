-- $1 version's id; null: the one in force.
SELECT jsonb_build_object({{taxonomy_fields}}, 'categories', taxonomy.categories)::text
FROM taxonomy WHERE taxonomy.id = $1::uuid OR ($1::uuid IS NULL AND taxonomy.current)
