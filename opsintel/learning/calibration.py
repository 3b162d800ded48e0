"""Whether a confidence is the share of findings that are right, and what makes it so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, logit

BINS = 15

FLOOR = 30
"""Labels below which a confidence is taken as it was given."""

PULL = 1.0
"""Weight of the squared distance from what was given, against one label: the fewer labels, the less it moves."""

SUREST = 0.99
"""Nobody is surer, or less sure, than this of what people have judged a few hundred times."""

_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Calibration:
    """A monotone line through log odds (Platt 1999): what a confidence has turned out to be worth."""

    slope: float
    """0 or more, so that what is surer stays surer."""

    intercept: float

    def __call__(self, confidence: float) -> float:
        """Return the share, from 0 to 1, of findings of such a confidence that are right."""
        return round(float(expit(self.slope * _odds(np.array([confidence]))[0] + self.intercept)), 3)

    @classmethod
    def of(cls, confidences: Sequence[float], right: Sequence[bool]) -> Calibration | None:
        """Return the calibration that labels tell; None below `FLOOR` of them. The same labels give the same one.

        It is pulled towards what was given (slope 1, intercept 0) as by one label of each.
        """
        if len(confidences) < FLOOR:
            return None
        odds, signs = _odds(np.array(confidences, float)), np.where(np.array(right, bool), 1.0, -1.0)

        def cost(line: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            margin = signs * (line[0] * odds + line[1])
            wrong = signs * expit(-margin)
            off = line - (1.0, 0.0)
            loss = float(np.logaddexp(0, -margin).sum() + PULL / 2 * (off @ off))
            return loss, np.array([-(wrong @ odds), -wrong.sum()]) + PULL * off

        bounds = [(0, None), (None, None)]
        found = minimize(cost, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B", bounds=bounds)
        return cls(round(float(found.x[0]), _DIGITS), round(float(found.x[1]), _DIGITS))


def calibration_error(confidences: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Return the expected calibration error, from 0: mean distance of confidence and share right, over 15 bins.

    Naeini, Cooper and Hauskrecht 2015; bins of equal width, each weighted by the guesses that fall into it.
    """
    if not len(confidences):
        return 0.0
    bins = np.minimum((confidences * BINS).astype(int), BINS - 1)
    distances = [
        abs(confidences[bins == place].mean() - right[bins == place].mean()) * (bins == place).sum()
        for place in np.unique(bins)
    ]
    return float(sum(distances) / len(confidences))


def _odds(confidences: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(logit(np.clip(confidences, 1 - SUREST, SUREST)))
