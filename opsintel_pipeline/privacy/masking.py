"""Placeholders for personal data before a call of a model, and the values back in their places after it.

The same value has the same placeholder within a message, and within a thread whose messages share `Placeholders`. What
looks like a placeholder in a text is kept: it stands behind a placeholder of its own.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field

from opsintel.errors import MaskingError
from opsintel_pipeline.privacy.recognise import recognise

PLACEHOLDER = re.compile(r"\[(?:EMAIL|PHONE|IBAN|CARD|IP|KEY|NATIONAL_ID|LITERAL)_\d{1,9}\]", re.IGNORECASE)
"""How a placeholder looks."""

_LITERAL = "literal"
"""Kind of what looks like a placeholder and is the writer's own."""


@dataclass(slots=True)
class Placeholders:
    """The values of a message or a thread and what stands for each. It holds personal data: it is never stored."""

    _of_value: dict[tuple[str, str], str] = field(default_factory=dict, repr=False)
    _values: dict[str, str] = field(default_factory=dict, repr=False)
    _counts: dict[str, int] = field(default_factory=dict)

    def placeholder(self, kind: str, value: str) -> str:
        """Return what stands for a value of a kind, the same each time."""
        known = self._of_value.get((kind, value))
        if known is None:
            number = self._counts[kind] = self._counts.get(kind, 0) + 1
            known = f"[{kind.upper()}_{number}]"
            self._of_value[kind, value] = known
            self._values[known] = value
        return known

    def restore(self, text: str) -> str:
        """Return a text of a model with the values in place; a placeholder that was never given out stays."""
        return PLACEHOLDER.sub(lambda match: self._values.get(match.group().upper(), match.group()), text)


@dataclass(frozen=True, slots=True)
class Masked:
    """A text without personal data, and the way back."""

    text: str
    placeholders: Placeholders
    _starts: tuple[int, ...]
    """Where pieces begin: in turns what stayed and a placeholder; here and in the original."""
    _original_starts: tuple[int, ...]

    def restore(self, text: str) -> str:
        """Return a text about this one, e.g. a title or a quote, with the values in place of their placeholders."""
        return self.placeholders.restore(text)

    def original_span(self, start: int, end: int) -> tuple[int, int]:
        """Return the place in the original of a place in the masked text; a placeholder is taken whole."""
        return self._original(start, 0), self._original(end, 1)

    def _original(self, place: int, side: int) -> int:
        piece = bisect_right(self._starts, place - side) - 1 if place > 0 else 0
        piece = max(0, piece)
        if piece % 2 == 0:
            return self._original_starts[piece] + place - self._starts[piece]
        return self._original_starts[piece + side]


def mask(text: str, placeholders: Placeholders | None = None) -> Masked:
    """Return a text with placeholders for its personal data; `placeholders` are those of the thread so far.

    Raises MaskingError, which names no value, when the text cannot be read through: then nothing of it may be sent.
    """
    placeholders = Placeholders() if placeholders is None else placeholders
    try:
        return _mask(text, placeholders)
    except (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise MaskingError(
            f"personal data cannot be masked ({type(error).__name__})", remedy="The message is not sent to any model"
        ) from None


def _mask(text: str, placeholders: Placeholders) -> Masked:
    places: list[tuple[int, int, str]] = [(place.start, place.end, place.kind) for place in recognise(text)]
    places += [(*match.span(), _LITERAL) for match in PLACEHOLDER.finditer(text)]
    parts: list[str] = []
    starts, original_starts = [0], [0]
    length = end = 0
    for start, stop, kind in sorted(places):
        if start < end:
            continue
        kept, instead = text[end:start], placeholders.placeholder(kind, text[start:stop])
        parts += (kept, instead)
        starts += (length + len(kept), length + len(kept) + len(instead))
        original_starts += (start, stop)
        length, end = starts[-1], stop
    parts.append(text[end:])
    return Masked("".join(parts), placeholders, tuple(starts), tuple(original_starts))
