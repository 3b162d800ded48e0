"""Whether a confidence is the share of guesses that are right."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BINS = 15


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
