"""How much of the personal data in generated messages is found, and how much of what is found is personal data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import get_args

from opsintel_pipeline.privacy.found import PersonalKind
from opsintel_pipeline.privacy.generated import Generated
from opsintel_pipeline.privacy.recognise import recognise


@dataclass(frozen=True, slots=True)
class Recognition:
    """Figures of one kind, or of all."""

    kind: str
    planted: int
    found: int
    recall: float
    """Share of the planted values of which no character is left, whatever they were taken for."""
    precision: float
    """Share of the places found that lie on a planted value, whatever its kind."""


def recognition_of(messages: Iterable[Generated]) -> list[Recognition]:
    """Return the figures of every kind, and of all kinds at the end."""
    planted, covered, found, right = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    for message in messages:
        places = recognise(message.text)
        hidden = bytearray(len(message.text))
        for place in places:
            hidden[place.start : place.end] = b"\x01" * (place.end - place.start)
            found[place.kind] += 1
            right[place.kind] += any(place.start < value.end and value.start < place.end for value in message.places)
        for value in message.places:
            planted[value.kind] += 1
            covered[value.kind] += hidden.find(0, value.start, value.end) < 0
    kinds = [_figures(kind, planted[kind], covered[kind], found[kind], right[kind]) for kind in get_args(PersonalKind)]
    return [*kinds, _figures("all", planted.total(), covered.total(), found.total(), right.total())]


def _figures(kind: str, planted: int, covered: int, found: int, right: int) -> Recognition:
    return Recognition(kind, planted, found, _share(covered, planted), _share(right, found))


def _share(part: int, whole: int) -> float:
    """Return a part of a whole; of nothing all."""
    return round(part / whole, 4) if whole else 1.0
