"""What of a message an analysis is made of."""

from __future__ import annotations

import hashlib
from dataclasses import astuple, dataclass


@dataclass(frozen=True, slots=True)
class MessageView:
    """What the rules and the models see of a message."""

    subject: str
    text: str
    language: str
    automatic: str | None
    is_bot: bool
    direction: str
    kind: str
    priority: str = ""
    visibility: str = "public"
    """`internal` for notes that customers do not see."""


COLUMNS = (
    "message.subject, message.text, message.language, message.automatic, message.is_bot, message.direction,"
    " message.kind, coalesce(message.extra->>'priority', ''), message.visibility"
)
"""The columns of `message` that make one, in order."""


def input_hash(view: MessageView) -> bytes:
    """Return the SHA-256 of all that an analysis depends on."""
    parts = ["" if part is None else str(part) for part in astuple(view)]
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).digest()
