FROM review_item AS item
JOIN message ON message.id = item.message_id
LEFT JOIN analysis AS shown ON shown.message_id = message.id AND shown.current
LEFT JOIN participant AS author ON author.id = message.author_id
