"""How right analyses are, field by field, against what people say."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import numpy as np
from sklearn.metrics import accuracy_score, cohen_kappa_score, f1_score

from opsintel.learning.calibration import calibration_error
from opsintel.learning.correcting import Value
from opsintel.learning.corrections import CHOICES, FIELDS

_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Judged:
    """A message: what is right of it, as far as people said, what was found, and how sure that was, by field."""

    labels: Mapping[str, Value]
    found: Mapping[str, Value]
    confidence: Mapping[str, float] = field(default_factory=dict)
    """As it is used: calibrated, where that is learnt."""

    given: Mapping[str, float] = field(default_factory=dict)
    """As it was given."""

    left: Mapping[str, float] = field(default_factory=dict)
    """What is left of that, where quotes were not in the message: what is calibrated."""


@dataclass(frozen=True, slots=True)
class Score:
    """How right a field is: shares from 0 to 1; kappa from -1 to 1, of the severity alone.

    None: kappa where one value is all there is, calibration errors (of the confidence as it is used, and as it was
    given) where there is none.
    """

    field: str
    examples: int
    accuracy: float
    macro_f1: float
    kappa: float | None
    calibration_error: float | None
    calibration_error_given: float | None


def scores_of(judged: Collection[Judged]) -> list[Score]:
    """Return the scores of the fields that people said anything of."""
    by_field = {field: [one for one in judged if field in one.labels] for field in FIELDS}
    return [_score(field, told) for field, told in by_field.items() if told]


@dataclass(frozen=True, slots=True)
class Comparison:
    """How what was tried does beside what is in force, on the same examples."""

    figures: Mapping[str, Mapping[str, float]]
    """By field: examples, and the accuracy of `present` and `tried`."""

    loss: float
    """The largest of any field; below 0 it gains in all."""


def compare(present: Mapping[UUID, Judged], tried: Mapping[UUID, Judged]) -> Comparison | None:
    """Return the comparison on the messages that both have; None where people said nothing of any."""
    both = present.keys() & tried.keys()
    before, after = (
        {score.field: score for score in scores_of([found[one] for one in both])} for found in (present, tried)
    )
    if not before:
        return None
    figures = {
        field: {"examples": score.examples, "present": score.accuracy, "tried": after[field].accuracy}
        for field, score in before.items()
    }
    return Comparison(figures, round(max(each["present"] - each["tried"] for each in figures.values()), 4))


def _score(field: str, told: Sequence[Judged]) -> Score:
    right = [_name(one.labels[field]) for one in told]
    found = [_name(one.found.get(field)) for one in told]
    is_right = [a == b for a, b in zip(right, found, strict=True)]
    return Score(
        field,
        len(told),
        round(float(accuracy_score(right, found)), _DIGITS),
        round(float(f1_score(right, found, average="macro", zero_division=0)), _DIGITS),
        _kappa(right, found) if field == "severity" else None,
        _error(
            [(one.confidence[field], hit) for one, hit in zip(told, is_right, strict=True) if field in one.confidence]
        ),
        _error([(one.given[field], hit) for one, hit in zip(told, is_right, strict=True) if field in one.given]),
    )


def _kappa(right: Sequence[str], found: Sequence[str]) -> float | None:
    if len({*right, *found}) < 2:
        return None
    levels = [_name(level) for level in CHOICES["severity"]]
    return round(float(cohen_kappa_score(right, found, weights="quadratic", labels=levels)), _DIGITS)


def _error(hits: Sequence[tuple[float, bool]]) -> float | None:
    if not hits:
        return None
    given, is_right = zip(*hits, strict=True)
    return round(calibration_error(np.array(given, float), np.array(is_right, bool)), _DIGITS)


def _name(value: Value) -> str:
    return "" if value is None else str(value)
