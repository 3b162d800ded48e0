"""What a learned rule goes by: who wrote a message, of which organisation, under which subject."""

from __future__ import annotations

from typing import LiteralString

TEMPLATE: LiteralString = (
    r"btrim(regexp_replace(regexp_replace(lower(left(message.subject, 200)),"
    r" '^((re|fwd?|aw|wg|antw|rv|tr|sv|vs)\s*:\s*)+', ''), '[0-9]+', '#', 'g'))"
)
"""A subject without marks of answers, its numbers made alike: what machines and forms write again and again."""

MESSAGES: LiteralString = f"""
    SELECT message.id, message.author_id::text AS sender, author.organization_id::text AS organization,
           {TEMPLATE} AS template
    FROM message LEFT JOIN participant AS author ON author.id = message.author_id
"""
"""Messages with what rules go by."""

KEYS: LiteralString = """(VALUES
    ('sender', keyed.sender, 1), ('subject', CASE WHEN keyed.template ~ '\\w\\W+\\w' THEN keyed.template END, 2),
    ('organization', keyed.organization, 3)) AS of (scope, key, breadth)"""
"""The keys of a message `keyed`, narrowest first; a subject of one word is none."""

MATCHES: LiteralString = """
    rule.key = CASE rule.scope WHEN 'sender' THEN keyed.sender WHEN 'organization' THEN keyed.organization
               ELSE keyed.template END
"""
"""Whether a `rule` goes for a message `keyed`."""
