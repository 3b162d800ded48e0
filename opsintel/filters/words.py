"""When words and names are the same: our own meaning, which every provider's form has to be wider than.

Texts are compared in NFC and without regard to case (letter by letter: one lower-case letter for one letter); accents
count. A word is a run of letters, digits, marks and `_`; scripts without spaces between words (Chinese, Japanese, Thai,
…) have a word for each character. So a term of ASCII letters is matched by nothing but these ASCII letters.
"""

from __future__ import annotations

import re
import unicodedata

# Thai, Lao, Myanmar, Khmer, Hiragana, Katakana, Han with its extensions.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\uff66-\uff9f\U00020000-\U0003ffff]"
)


def folded(text: str) -> str:
    """Return the text as it is compared: NFC, in lower case."""
    if text.isascii():
        return text.lower()
    # The final form of sigma depends on its neighbours; a dotted capital I would become two characters.
    text = unicodedata.normalize("NFC", text).replace("Σ", "σ").replace("ς", "σ")
    return "İ".join(piece.lower() for piece in text.split("İ"))


def same(value: str, other: str) -> bool:
    """Tell whether two names are the same, apart from case and space around them."""
    return folded(value.strip()) == folded(other.strip())


def words_of(text: str) -> tuple[str, ...]:
    """Return the words of a text, folded, in their order."""
    found: list[str] = []
    previous = " "
    for character in folded(text):
        if _is_of_word(character):
            if found and not _is_boundary(previous, character):
                found[-1] += character
            else:
                found.append(character)
        previous = character
    return tuple(found)


def contains(text: str, words: tuple[str, ...]) -> bool:
    """Tell whether a folded text holds the words next to each other, with nothing but other characters between."""
    if not words:
        return False
    start = text.find(words[0])
    while start >= 0:
        if _follow(text, start, words):
            return True
        start = text.find(words[0], start + 1)
    return False


def _follow(text: str, position: int, words: tuple[str, ...]) -> bool:
    for word in words:
        while position < len(text) and not _is_of_word(text[position]):
            position += 1
        end = position + len(word)
        if not (text.startswith(word, position) and _is_edge(text, position) and _is_edge(text, end)):
            return False
        position = end
    return True


def _is_edge(text: str, position: int) -> bool:
    if position in (0, len(text)):
        return True
    return _is_boundary(text[position - 1], text[position])


def _is_boundary(left: str, right: str) -> bool:
    if not (_is_of_word(left) and _is_of_word(right)):
        return True
    return bool(_UNSPACED.match(left) or _UNSPACED.match(right))


def _is_of_word(character: str) -> bool:
    if character.isalnum() or character == "_":
        return True
    return not character.isascii() and unicodedata.category(character)[0] == "M"
