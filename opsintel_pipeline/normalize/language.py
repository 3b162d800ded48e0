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
    sample = _NOISE.sub(" ", text[:_LOOKED_AT])
    if not sample.isascii():
        script = _by_script(sample)
        if script:
            return script
    letters = len(_LETTER.findall(sample))
    if letters < _LETTERS_MINIMUM:
        return ""
    language, probability = _identifier().classify(sample)
    floor = _PROBABILITY_FLOOR_SHORT if letters < _SHORT else _PROBABILITY_FLOOR
    return str(language) if probability >= floor else ""


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
