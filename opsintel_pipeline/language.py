"""The language of a text, or '' where it is too short or too unclear to tell."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

_LOOKED_AT = 400
_LETTERS_MINIMUM = 16
_SHORT = 24
_PROBABILITY_FLOOR = 0.75
_PROBABILITY_FLOOR_SHORT = 0.9
_SCRIPT_MINIMUM = 4
_LETTERS_SURE = 80
_PROBABILITY_SURE = 0.999
_FAMILIES = (
    {"da", "no", "sv"}, {"cs", "sk"}, {"hr", "sl", "sr"}, {"ca", "es", "pt"}, {"id", "ms"}, {"bg", "ru", "sr", "uk"},
    {"ar", "fa", "ur"}, {"de", "nl"},
)  # fmt: skip
"""Languages that are taken for one another."""


# The languages told apart: the more there are, the more short texts are taken for a rare neighbour of their language.
_LANGUAGES = [
    "ar", "bg", "bn", "ca", "cs", "da", "de", "el", "en", "es", "et", "fa", "fi", "fr", "he", "hi", "hr", "hu",
    "id", "it", "ja", "ko", "lt", "lv", "ms", "nl", "no", "pl", "pt", "ro", "ru", "sk", "sl", "sr", "sv", "th",
    "tr", "uk", "ur", "vi", "zh"
]  # fmt: skip
_NOISE = re.compile(r"https?://\S+|\S+@\S+|[\d_#*<>/|=~`^\\{}\[\]]+")
_LETTER = re.compile(r"[^\W\d_]")
_KANA = re.compile("[\u3040-\u30ff]")
_HANGUL = re.compile("[\uac00-\ud7af]")
_HAN = re.compile("[\u4e00-\u9fff]")


def detect(text: str) -> str:
    """Return the BCP 47 code of the language of a text, '' where unsure."""
    language, probability, letters = _told(text)
    floor = _PROBABILITY_FLOOR_SHORT if letters < _SHORT else _PROBABILITY_FLOOR
    return language if probability >= floor and letters >= _LETTERS_MINIMUM else ""


def is_foreign(text: str, language: str) -> bool:
    """Tell whether a text is beyond doubt in another language than this one (BCP 47).

    Never of a short text, of a language that is not among those told apart, or of a near neighbour of it.
    """
    wanted = language.partition("-")[0].lower()
    if wanted not in _LANGUAGES:
        return False
    found, probability, letters = _told(text)
    return letters >= _LETTERS_SURE and probability >= _PROBABILITY_SURE and not _are_alike(wanted, found)


def _told(text: str) -> tuple[str, float, int]:
    """Return the likeliest language, how likely it is, and the number of letters that say so."""
    sample = _NOISE.sub(" ", text[:_LOOKED_AT])
    letters = len(_LETTER.findall(sample))
    script = "" if sample.isascii() else _by_script(sample)
    if script:
        return script, 1.0, max(letters, _LETTERS_MINIMUM)
    if letters < _LETTERS_MINIMUM:
        return "", 0.0, letters
    language, probability = _identifier().classify(sample)
    return str(language), float(probability), letters


def _are_alike(one: str, other: str) -> bool:
    return one == other or any({one, other} <= family for family in _FAMILIES)


def _by_script(sample: str) -> str:
    """Tell Japanese, Korean and Chinese, which need few characters, by their scripts."""
    kana, hangul, han = (len(pattern.findall(sample)) for pattern in (_KANA, _HANGUL, _HAN))
    letters = len(_LETTER.findall(sample))
    if kana + hangul + han < max(_SCRIPT_MINIMUM, letters // 3):
        return ""
    if kana >= 2:
        return "ja"
    return "ko" if hangul > han else "zh"


@cache
def _identifier() -> Any:
    """Load the model once, when the first text needs it."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(_LANGUAGES)
    return identifier
