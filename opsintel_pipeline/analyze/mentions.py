"""What a message reports, and what it only mentions: "no outage", "the outage was fixed", "if there is an outage?".

A mention is left out by words of its own sentence alone: nothing that is said elsewhere makes an outage less of one.
"""

from __future__ import annotations

import re

from opsintel_pipeline.analyze.lexicon import Lexicon
from opsintel_pipeline.analyze.wording import sentences_of

_GRAVE = (("severity", "floor1"), ("severity", "floor2"), ("kind", "incident"))

_NEAR = 3
"""Words between a word that denies and what it denies."""


def reported(lexicon: Lexicon, text: str) -> str:
    """Return a text with blanks for the grave words that it only mentions; all else stays in its place."""
    if not _grave(lexicon, text):
        return text
    for start, sentence in sentences_of(text):
        for match in _grave(lexicon, sentence):
            if _is_only_mentioned(lexicon, sentence, match):
                first, last = start + match.start(), start + match.end()
                text = text[:first] + " " * (last - first) + text[last:]
    return text


def _grave(lexicon: Lexicon, text: str) -> list[re.Match[str]]:
    return [match for group, label in _GRAVE for match in lexicon.groups[group][label].finditer(text)]


def _is_only_mentioned(lexicon: Lexicon, sentence: str, match: re.Match[str]) -> bool:
    before = sentence[: match.start()]
    cues = lexicon.found("mention", sentence)
    if any(_words(before[cue.end() :]) < _NEAR for cue in cues.get("denied", []) if cue.end() <= match.start()):
        return True
    if "over" in cues and "still_open" not in lexicon.found("not_actionable", sentence):
        return True
    is_question = sentence.rstrip(" \"')»”").endswith("?")
    return is_question and any(cue.end() <= match.start() for cue in cues.get("asked", []))


def _words(text: str) -> int:
    """Return how many words there are; as many as deny nothing where a clause ends between them."""
    return _NEAR if re.search(r"[,;:–—]", text) else len(text.split())
