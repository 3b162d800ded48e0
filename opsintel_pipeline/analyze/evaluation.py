"""How right the rules are: what they find in labelled messages, field by field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sklearn.metrics import accuracy_score, cohen_kappa_score, f1_score

from opsintel_pipeline.analyze.message import MessageView
from opsintel_pipeline.analyze.profile import SENTIMENTS
from opsintel_pipeline.analyze.rules import analyze
from opsintel_pipeline.language import detect

_ORDERED = {"severity_floor": ("1", "2", ""), "sentiment": SENTIMENTS}
"""Fields whose values have an order, so that a fault of one step counts less than one of two."""

FIELDS = ("kind", "severity_floor", "sentiment", "is_actionable")
_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Labelled:
    """A customer's message, with what is right of it."""

    text: str
    language: str
    """BCP 47; "" where it is to be found."""

    kind: str
    severity_floor: str
    """1, 2, or "" for none."""

    sentiment: str
    is_actionable: str
    """true or false."""


@dataclass(frozen=True, slots=True)
class FieldScore:
    """How right a field is: shares from 0 to 1; kappa (quadratic weights) from -1 to 1, None for what has no order."""

    field: str
    messages: int
    accuracy: float
    macro_f1: float
    kappa: float | None


def found_in(message: Labelled) -> dict[str, str]:
    """Return what the rules find in a message, by field, in the words of the labels."""
    language = message.language or detect(message.text)
    found = analyze(MessageView("", message.text, language, None, is_bot=False, direction="inbound", kind="email"))
    return {
        "kind": found.kind.value,
        "severity_floor": "" if found.severity_floor is None else str(found.severity_floor),
        "sentiment": found.sentiment,
        "is_actionable": "true" if found.is_actionable else "false",
    }


def scores_of_rules(messages: Sequence[Labelled]) -> list[FieldScore]:
    """Return how right the rules are on messages; the same messages give the same figures."""
    found = [found_in(message) for message in messages]
    return [
        _score(field, [getattr(message, field) for message in messages], [one[field] for one in found])
        for field in FIELDS
    ]


def _score(field: str, right: Sequence[str], found: Sequence[str]) -> FieldScore:
    order = _ORDERED.get(field)
    is_rated = order is not None and len({*right, *found}) > 1
    return FieldScore(
        field,
        len(right),
        round(float(accuracy_score(right, found)), _DIGITS),
        round(float(f1_score(right, found, average="macro", labels=sorted(set(right)), zero_division=0)), _DIGITS),
        round(float(cohen_kappa_score(right, found, weights="quadratic", labels=list(order))), _DIGITS)
        if order is not None and is_rated
        else None,
    )
