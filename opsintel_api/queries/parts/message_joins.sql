LEFT JOIN analysis ON analysis.message_id = message.id AND analysis.current
LEFT JOIN participant AS author ON author.id = message.author_id
LEFT JOIN issue_member AS membership ON membership.message_id = message.id AND membership.removed_at IS NULL
LEFT JOIN issue ON issue.id = membership.issue_id
{{first_place}}
