"""Text as the product keeps it: NFC, `\\n` line ends, no NUL, no other control characters, no lone surrogates."""

from __future__ import annotations

import re
import unicodedata

# Controls except tab and line feed, lone surrogates, and the byte order mark. Form feed and the C1 range go too.
_UNWANTED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufeff]+")
# Possessive, so that millions of blank lines cost neither a stack nor a second look.
_BLANK_RUN = re.compile(r"\n(?:[ \t\xa0]*+\n){2,}+")
_SPACES = re.compile(r"\s+")


def clean(text: str) -> str:
    """Return the text with uniform line ends, without characters that no store can hold, in NFC."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.isascii() and text.isprintable():
        return text
    text = _UNWANTED.sub("", text)
    return text if unicodedata.is_normalized("NFC", text) else unicodedata.normalize("NFC", text)


def clean_line(text: str, limit: int = 2_000) -> str:
    """Return the text as one clean line of at most `limit` characters (subjects, names, file names)."""
    if len(text) <= limit and text.isascii() and text.isprintable() and "  " not in text:
        return text.strip(" ")
    if len(text) > 4 * limit:
        text = text[: 4 * limit]
    return _SPACES.sub(" ", clean(text)).strip()[:limit]


def tidy(text: str) -> str:
    """Return the text without blank lines at its ends and with runs of blank lines made one."""
    return _BLANK_RUN.sub("\n\n", text).strip("\n").rstrip()
