"""Title, summary and sentences of a message, in its own words."""

from __future__ import annotations

import re

TITLE_LENGTH = 80
SUMMARY_LENGTH = 240

_PREFIX = re.compile(
    r"^(?:\s*(?:re|fw|fwd|aw|wg|rv|tr|sv|antw|res|enc)\s{0,2}(?:\[\d{1,3}\])?\s{0,2}:\s*|\s*\[[^\]]{1,40}\]\s*)+",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|\n+")
_GREETING = re.compile(
    r"^(?:hi|hello|hey|dear|good (?:morning|afternoon|evening)|hallo|guten (?:tag|morgen|abend)"
    r"|sehr geehrte\w*|liebe[rs]?|moin|servus|hola|buenos d[ií]as|buenas(?: tardes)?|estimad[oa]s?|bonjour"
    r"|ciao)(?:[ ,]+[\w.-]{1,30}){0,3}[,!.:]?\s*$",
    re.IGNORECASE,
)
"""A greeting and at most three words after it: a name, a title, "team"."""


def subject_without_prefix(subject: str) -> str:
    """Return a subject without Re:, Fwd:, AW: and list tags."""
    return " ".join(_PREFIX.sub("", subject).split())


def sentences_of(text: str, *, limit: int = 60) -> list[tuple[int, str]]:
    """Return the sentences of a text with their offsets, greetings left out; at most `limit`."""
    sentences = []
    start = 0
    for match in (*_SENTENCE_END.finditer(text), None):
        end = match.start() if match else len(text)
        sentence = text[start:end]
        stripped = sentence.strip()
        if len(stripped) > 2 and not _GREETING.match(stripped):
            sentences.append((start + sentence.index(stripped), stripped))
            if len(sentences) == limit:
                break
        start = match.end() if match else end
    if not sentences and text.strip():
        return [(text.index(text.strip()), text.strip())]
    return sentences


def title_of(subject: str, sentences: list[tuple[int, str]]) -> str:
    """Return a title of at most 80 characters: the subject, else the first telling sentence."""
    candidate = subject_without_prefix(subject)
    if len(candidate) < 4:
        candidate = next((s for _, s in sentences if len(s.split()) >= 4), sentences[0][1] if sentences else "")
    return shorten(candidate, TITLE_LENGTH)


def summary_of(sentences: list[tuple[int, str]]) -> str:
    """Return the first sentences, as many as fit into 240 characters."""
    summary = ""
    for _, sentence in sentences:
        longer = f"{summary} {' '.join(sentence.split())}".strip()
        if len(longer) > SUMMARY_LENGTH:
            break
        summary = longer
    return summary or shorten(sentences[0][1] if sentences else "", SUMMARY_LENGTH)


def shorten(text: str, length: int) -> str:
    """Return a text of at most `length` characters on one line, cut at a word."""
    text = " ".join(text.split())
    if len(text) <= length:
        return text
    cut = text[: length - 1].rsplit(" ", 1)[0]
    return (cut if len(cut) > length // 2 else text[: length - 1]).rstrip(",;:- ") + "…"
