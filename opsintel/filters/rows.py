"""A stored message as the item that filters are evaluated on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opsintel.events.message import Attachment, CanonicalMessage
from opsintel.filters.evaluate import Findings, Item, Place

COLUMNS = """
message.id, message.kind, message.channel, message.direction, message.visibility, message.occurred_at, message.subject,
message.text, message.language, message.automatic, message.is_bot, message.recipients, message.extra,
author.identity AS author, author.name AS author_name,
ARRAY(SELECT label FROM message_label WHERE message_label.message_id = message.id) AS labels,
EXISTS (SELECT FROM attachment WHERE attachment.message_id = message.id AND NOT attachment.inline) AS has_attachment,
(SELECT jsonb_agg(DISTINCT jsonb_build_array(source.name, source.kind))
 FROM message_occurrence AS seen JOIN source ON source.id = seen.source_id
 WHERE seen.message_id = message.id AND seen.deleted_at IS NULL) AS places,
analysis.kind AS request, analysis.category, analysis.severity, analysis.sentiment,
issue.state, issue.customers, issue.messages
"""

JOINS = """
LEFT JOIN LATERAL (
    SELECT participant.display_name AS name, jsonb_build_object('kind', known.kind, 'value', known.value) AS identity
    FROM participant JOIN participant_identity AS known ON known.participant_id = participant.id
    WHERE participant.id = message.author_id ORDER BY known.kind, known.value LIMIT 1) AS author ON true
LEFT JOIN analysis ON analysis.message_id = message.id AND analysis.current
LEFT JOIN issue_member AS membership ON membership.message_id = message.id AND membership.removed_at IS NULL
LEFT JOIN issue ON issue.id = membership.issue_id
"""

_FILE = Attachment(filename="", content_type="application/octet-stream", size=0)


def item_of(row: Mapping[str, Any]) -> Item:
    """Return a row of `COLUMNS` as an item. A person with several addresses is known by the first of them."""
    names = ("kind", "channel", "direction", "visibility", "occurred_at", "subject", "text", "language", "automatic",
             "is_bot", "recipients", "extra", "labels")  # fmt: skip
    author = None if row["author"] is None else {**row["author"], "name": row["author_name"]}
    message = CanonicalMessage.model_validate(
        {name: row[name] for name in names}
        | {"native_id": str(row["id"]), "author": author, "attachments": (_FILE,) if row["has_attachment"] else ()}
    )
    numbers = {"severity": row["severity"], "sentiment": row["sentiment"], "customers": row["customers"],
               "volume": row["messages"]}  # fmt: skip
    findings = Findings(
        kind=row["request"] or "",
        category=row["category"] or "",
        state=row["state"] or "",
        numbers={name: number for name, number in numbers.items() if number is not None},  # type: ignore[misc]
    )
    return Item(message, tuple(Place(*place) for place in row["places"] or ()), findings)
