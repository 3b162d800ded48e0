"""What a model is shown of what people corrected: the corrected messages that are most like those it is asked about.

Which ones comes out of what is learnt and in force, so that one more correction has nothing asked and paid anew; what
stands of them is read when they are shown: a correction that was undone, or a message that is gone, is not among them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

from opsintel_pipeline.analyze.learnt import InForce, told
from opsintel_pipeline.analyze.message import MessageView
from opsintel_pipeline.privacy import mask

MOST = 4
"""Examples of one question."""

CHARACTERS = 600
"""Of an example's text: what it is about is said at its beginning, and each call pays for it."""


@dataclass(frozen=True, slots=True)
class Example:
    """A corrected message without its personal data, what people said of it, and by which corrections."""

    subject: str
    text: str
    said: dict[str, Any]
    corrections: tuple[UUID, ...]

    def document(self) -> dict[str, Any]:
        """Return it as a model reads it."""
        return {"subject": self.subject, "text": self.text, "corrected": self.said}


def examples_for(
    connection: psycopg.Connection,
    in_force: InForce,
    asked: Sequence[tuple[UUID, MessageView]],
    categories: Sequence[str],
) -> list[Example]:
    """Return the examples for messages, the most like first; none of these messages is one. Raises `MaskingError`.

    Internal notes are no examples, nor is a category that the taxonomy does not have.
    """
    texts = [told(view.subject, view.text) for _, view in asked]
    nearest = in_force.learnt.nearest(texts, MOST, {message_id for message_id, _ in asked})
    if not nearest:
        return []
    rows = connection.execute(
        "SELECT DISTINCT ON (message.id, field) message.id, subject, text, field, new_value, correction.id"
        " FROM correction JOIN message ON message.id = correction.message_id WHERE message.id = ANY(%s)"
        " AND undone_at IS NULL AND deleted_at IS NULL AND visibility <> 'internal'"
        " ORDER BY message.id, field, correction.created_at DESC, correction.id DESC",
        (nearest,),
    ).fetchall()
    examples = []
    for message_id in nearest:
        of_message = [
            row[1:] for row in rows if row[0] == message_id and (row[3] != "category" or row[4] in categories)
        ]
        if of_message:
            subject, text = (mask(part[:CHARACTERS]).text for part in of_message[0][:2])
            said = {field: value for _, _, field, value, _ in of_message}
            examples.append(Example(subject, text, said, tuple(row[4] for row in of_message)))
    return examples
