"""E-mail addresses in texts: where one may stand, and which it may be.

What stands around an address may look like a part of it: mailto=ana@example.org, a space that does not break, a word of
a script that sets none between words. So a place is read in several ways, and who looks for somebody tries them all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

LONGEST_LOCAL = 400
"""Characters before the at sign that are looked at; RFC 5321 section 4.5.3.1.1 allows 64."""

_AT = re.compile("@|%40")
_BACKWARDS = re.compile(r"[A-Za-z0-9._%+'&*/=?^`{|}~#$!\u0080-\uffff-]+")
_DOMAIN = re.compile(r"[\w-]+(?:\.[\w-]+)+")
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_AROUND = re.compile(rf"[^\w.+-]|{_UNSPACED.pattern}")


@dataclass(frozen=True, slots=True)
class Place:
    """A part of a text, from `start` to `end`, that holds an at sign between what an address may consist of."""

    text: str
    start: int
    at: re.Match[str]
    end: int

    def readings(self) -> Iterator[tuple[str, int, int]]:
        """Yield the addresses, in lower case with their places in the text, that it may hold, the longest first."""
        before, after = self.at.span()
        ends = [self.end, *(found.start() for found in _UNSPACED.finditer(self.text, after, self.end))][:2]
        for start in (self.start, *(found.end() for found in _AROUND.finditer(self.text, self.start, before))):
            for end in ends:
                yield f"{self.text[start:before]}@{self.text[after:end]}".lower(), start, end


def places_of(text: str) -> Iterator[Place]:
    """Yield each place of a text where an address may stand, from left to right; the at sign may be written as %40."""
    end = 0
    for at in _AT.finditer(text):
        domain = _DOMAIN.match(text, at.end())
        local = _BACKWARDS.match(text[max(end, at.start() - LONGEST_LOCAL) : at.start()][::-1])
        if domain and local:
            end = domain.end()
            yield Place(text, at.start() - local.end(), at, end)


def with_addresses(text: str, replaced: Callable[[Place], tuple[int, int] | None], by: str) -> str:
    """Return a text in which, of each place, the part that `replaced` names is replaced; None leaves it as it is."""
    parts, end = [], 0
    for place in places_of(text):
        if part := replaced(place):
            parts += [text[end : part[0]], by]
            end = part[1]
    return "".join([*parts, text[end:]]) if parts else text
