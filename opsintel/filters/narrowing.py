"""What the dialects of providers share: ASCII words to look for, and spans of time and places to read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from opsintel.filters.words import folded, words_of

EVALUATED_HERE = "only evaluated here"
NO_PLAIN_WORD = "there is no word of plain letters that the provider is sure to know as one"

_WORD = re.compile(r"[a-z][a-z0-9]+\Z")
_ADDRESS = re.compile(r"[a-z0-9._%+=-]*@[a-z0-9.-]+\Z")
_RUN = re.compile(r"[a-z0-9]+")


def plain_words(text: str) -> tuple[str, ...]:
    """Return the words of a value that every search for words takes for words: ASCII letters, then perhaps digits.

    Numbers, single letters and `_` are left out, for providers differ in where such words end.
    """
    return tuple(dict.fromkeys(word for word in words_of(text) if _WORD.match(word)))


def plain_runs(text: str) -> tuple[str, ...]:
    """Return a run of ASCII letters and digits for each word that has one: it is a part of every text that matches."""
    runs = [max(_RUN.findall(word), key=len, default="") for word in words_of(text)]
    return tuple(dict.fromkeys(run for run in runs if run))


def plain_address(text: str) -> str:
    """Return the ASCII address or `@domain` that a value of `from:` is; '' for what is none."""
    value = folded(text.strip())
    return value if _ADDRESS.match(value) else ""


@dataclass(frozen=True, slots=True)
class Span:
    """What is read: from a moment on, up to another, in some places (by name; None: in all)."""

    after: datetime | None = None
    before: datetime | None = None
    places: frozenset[str] | None = None

    def narrowed(self, other: Span) -> Span:
        """Return what lies in both."""
        return Span(
            max((at for at in (self.after, other.after) if at), default=None),
            min((at for at in (self.before, other.before) if at), default=None),
            _common(self.places, other.places),
        )

    def only_places(self) -> bool:
        """Tell whether nothing but places narrows it."""
        return self.places is not None and self.after is None and self.before is None


def of_all(spans: Sequence[Span]) -> Span:
    """Return what lies in all of the spans."""
    found = Span()
    for span in spans:
        found = found.narrowed(span)
    return found


@dataclass(frozen=True, slots=True)
class Reading:
    """What is read, and searches in the provider's own words: of a user at Slack, of search/export at Zendesk."""

    span: Span = Span()
    search: tuple[str, ...] = ()


def read_together(readings: Sequence[Reading]) -> Reading:
    """Return what is read for all."""
    search = tuple(part for reading in readings for part in reading.search)
    return Reading(of_all([reading.span for reading in readings]), search)


def of_any_place(spans: Sequence[Span]) -> Span | None:
    """Return the places of all; None where anything else narrows one of them."""
    if not all(span.only_places() for span in spans):
        return None
    return Span(places=frozenset().union(*(span.places or () for span in spans)))


def place(name: str) -> Span:
    """Return the span of one place; names are compared as `channel:` compares them."""
    return Span(places=frozenset({folded(name.strip().removeprefix("#"))}))


def is_in(places: Sequence[str] | None, name: str) -> bool:
    """Tell whether a place of the provider is among those that a plan names; None: all are."""
    return places is None or folded(name.strip().removeprefix("#")) in places


def _common(left: frozenset[str] | None, right: frozenset[str] | None) -> frozenset[str] | None:
    if left is None or right is None:
        return right if left is None else left
    return left & right
