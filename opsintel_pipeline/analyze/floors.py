"""Words that bound the severity from below, in any language, through what may disguise them.

A text is read without invisible characters, in plain width, with letters of other alphabets and digits that stand for
Latin letters in a word ("0utage") as these letters. What is found is told as it was written.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib import resources

from opsintel_pipeline.privacy.folded import fold

LOOK_ALIKE = str.maketrans(
    "аАеЕоОрРсСхХуУтТкКмМнНвВіІјЅѕԁոαΑοΟεΕτΤυιΙνρΡκΚ", "aAeEoOpPcCxXyYtTkKmMhHbBiIjSsdnaAoOeEtTuiIvpPkK"
)
"""Letters of Cyrillic, Armenian and Greek that look like Latin ones (Unicode TR 39), in words that have Latin ones."""
DIGITS = str.maketrans("013457@$", "oleastas")

_OTHER = re.compile(r"[\u0370-\u058f]")
_MIXED = re.compile(
    r"(?<![\w@$])(?=[\w@$]{0,40}?(?:[A-Za-z][013457@$\u0370-\u058f]|[013457@$\u0370-\u058f][A-Za-z]))[\w@$]+"
)
"""Words of Latin letters and of what may stand for some."""
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


def floor_phrases(text: str) -> dict[str, list[str]]:
    """Return by floor ("floor1", "floor2") the phrases of a text that set it, as they are written, in order."""
    return {label: [text[start:end] for start, end in spans] for label, spans in floor_spans(text).items()}


def floor_spans(text: str) -> dict[str, list[tuple[int, int]]]:
    """Return by floor where the phrases of a text that set it begin and end."""
    folded = fold(text)
    read = _MIXED.sub(_undisguised, folded.text)
    found: dict[str, list[tuple[int, int]]] = {}
    for label, pattern in _patterns().items():
        for match in pattern.finditer(read):
            found.setdefault(label, []).append(folded.span(*match.span()))
    return found


def _undisguised(match: re.Match[str]) -> str:
    word = match.group()
    return (word.translate(LOOK_ALIKE) if _OTHER.search(word) else word).translate(DIGITS)


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    words = resources.files(f"{__package__}.lexicon").joinpath("floors.toml")
    content = tomllib.loads(words.read_text(encoding="utf-8"))
    return {label: _pattern(phrases) for label, phrases in content.items()}


def _pattern(phrases: list[str]) -> re.Pattern[str]:
    spaced = [_expression(phrase) for phrase in phrases if not _UNSPACED.search(phrase)]
    unspaced = [_expression(phrase) for phrase in phrases if _UNSPACED.search(phrase)]
    return re.compile(rf"(?<!\w)(?:{'|'.join(spaced)})(?!\w)|{'|'.join(unspaced)}", re.IGNORECASE)


def _expression(phrase: str) -> str:
    return r"[\s-]{1,3}".join(re.escape(word) for word in phrase.split())
