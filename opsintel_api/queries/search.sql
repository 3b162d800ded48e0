-- $1 question, $2 mode, $3 vector of the question or null, $4 embedder, $5 rows.
-- Both lists are exact within the tenant; hybrid joins them by reciprocal rank (Cormack and others 2009, k = 60).
WITH by_text AS (
    SELECT message.id, ts_rank(search, question) AS score,
           row_number() OVER (ORDER BY ts_rank(search, question) DESC, sorted_at DESC, message.id) AS place
    FROM message, websearch_to_tsquery('simple', $1) AS question
    WHERE $2::text IN ('text', 'hybrid') AND message.search @@ question AND message.deleted_at IS NULL
    ORDER BY place LIMIT 400
), by_meaning AS (
    SELECT embedding.message_id AS id, 1 - (embedding.vector <=> $3::vector) AS score,
           row_number() OVER (ORDER BY embedding.vector <=> $3::vector, embedding.message_id) AS place
    FROM embedding JOIN message ON message.id = embedding.message_id AND message.deleted_at IS NULL
    WHERE $2 IN ('semantic', 'hybrid') AND $3::vector IS NOT NULL AND embedding.model_version = $4
    ORDER BY place LIMIT 400
), joined AS (
    SELECT coalesce(by_text.id, by_meaning.id) AS id,
           CASE $2 WHEN 'text' THEN by_text.score WHEN 'semantic' THEN by_meaning.score
               ELSE coalesce(1.0 / (60 + by_text.place), 0) + coalesce(1.0 / (60 + by_meaning.place), 0) END AS score,
           array_remove(ARRAY[CASE WHEN by_text.id IS NOT NULL THEN 'text' END,
                              CASE WHEN by_meaning.id IS NOT NULL THEN 'semantic' END], NULL) AS matched_by
    FROM by_text FULL JOIN by_meaning ON by_meaning.id = by_text.id
    WHERE by_text.id IS NOT NULL OR by_meaning.score > 0
    ORDER BY score DESC, id LIMIT $5
)
SELECT jsonb_build_object(
    'items', coalesce((
        SELECT jsonb_agg(jsonb_build_object({{message_fields}}, 'score', joined.score, 'matched_by', joined.matched_by)
                         ORDER BY joined.score DESC, joined.id)
        FROM joined JOIN message ON message.id = joined.id
        {{message_joins}}), '[]'),
    'embedder', (SELECT jsonb_build_object('name', name, 'built_in', built_in) FROM embedding_model
                 WHERE version = $4)
)::text
