coalesce(nullif(author.display_name, ''), (
    SELECT min(value) FROM participant_identity WHERE participant_identity.participant_id = author.id))
