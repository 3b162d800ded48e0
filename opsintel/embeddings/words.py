"""The words of a text, as every part of the lexical embedder sees them."""

from __future__ import annotations

import re
import unicodedata

MAX_CHARACTERS = 2_000
TOKEN = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?|\d+")
KINDS = frozenset({"url", "email", "number"})
"""Words that `masked` puts in the place of others."""

_MASKS = (
    (re.compile(r"https?://\S+|www\.\S+"), " url "),
    (re.compile(r"\S+@\S+\.\w+"), " email "),
    (re.compile(r"\d+(?:[.,:/-]\d+)+|\d{3,}"), " number "),
)


def lowered(text: str) -> str:
    """Return the part of a text that is looked at, in lower case."""
    return unicodedata.normalize("NFKC", text[:MAX_CHARACTERS]).lower().replace("’", "'")


def masked(text: str) -> str:
    """Return a text in lower case with addresses and numbers replaced by their kind: they name no problem."""
    text = lowered(text)
    for pattern, kind in _MASKS:
        text = pattern.sub(kind, text)
    return text


def words_of(text: str) -> list[str]:
    """Return the words of a masked text."""
    return TOKEN.findall(text)
