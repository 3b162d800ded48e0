"""What of a message says which problem it is about."""

from __future__ import annotations

import re

_PREFIX = re.compile(r"^(?:\s*(?:re|fw|fwd|aw|wg|rv|tr|sv|antw)\s{0,2}:\s*)+", re.IGNORECASE)
EMBED_CHARACTERS = 1_500


def text_to_embed(kind: str, subject: str, text: str) -> str:
    """Return the words that place a message among issues: its subject and the beginning of its new text."""
    del kind
    return headed(subject, text[:EMBED_CHARACTERS])


def headed(subject: str, text: str) -> str:
    """Return a text under its subject, which is left out where the text begins with it."""
    head, body = _PREFIX.sub("", subject).strip(), text.strip()
    return f"{head}\n{body}".strip() if head and not body.startswith(head) else body or head
