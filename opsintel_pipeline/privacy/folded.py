"""A text as recognisers read it: digits of every script as ASCII, nothing invisible, scripts without spaces set apart.

A card's number in full-width digits, a key with a zero-width space in it and an address between two characters of
Japanese are what they are without them. Every place found is told in the text as it was written.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

_UNSPACED = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uff66-\uff9f"
"""Scripts in which no space stands between words: Thai, Lao, Burmese, Khmer, kana, Han; Hangul for its particles."""
_INVISIBLE = (
    r"\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe00-\ufe0f\ufeff"
    r"\U000e0000-\U000e007f"
)
_FULL_WIDTH = r"\uff01-\uff5e\u3000"
_ASCII_ONLY = re.compile(r"[\x00-\x7f\u00a0-\u00ac\u00ae-\u024f\u2010-\u2029\u202f\u20a0-\u20bf]*")
_INVISIBLES = re.compile(rf"[{_INVISIBLE}]")
_WIDE = re.compile(rf"[{_FULL_WIDTH}]")
_MEET = re.compile(rf"(?<=[{_UNSPACED}])(?=[0-9A-Za-z+:\[(<])|(?<=[0-9A-Za-z])(?=[{_UNSPACED}])")


@dataclass(frozen=True, slots=True)
class Folded:
    """The text that is read, and for each of its characters the place in the text that was written."""

    text: str
    _places: list[int] | None

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return where a span of the folded text lies in the written one."""
        if self._places is None:
            return start, end
        return self._places[start], self._places[end - 1] + 1


def fold(text: str) -> Folded:
    """Return a text as recognisers read it; one of Latin letters alone is returned as it is."""
    if _ASCII_ONLY.fullmatch(text):
        return Folded(text, None)
    visible = [place for place, character in enumerate(text) if not _INVISIBLES.match(character)]
    plain = "".join(_plain(text[place]) for place in visible)
    pieces: list[str] = []
    places: list[int] = []
    begin = 0
    for meet in [*(match.start() for match in _MEET.finditer(plain)), len(plain)]:
        pieces.append(plain[begin:meet])
        places += visible[begin:meet]
        if meet < len(plain):
            places.append(visible[meet])
        begin = meet
    return Folded(" ".join(pieces), places)


def _plain(character: str) -> str:
    if character < "\u0660":
        return character
    if _WIDE.match(character):
        return " " if character == "\u3000" else chr(ord(character) - 0xFEE0)
    return str(unicodedata.decimal(character)) if character.isdecimal() else character
