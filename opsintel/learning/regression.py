"""Multinomial logistic regression on dense vectors, with weights on its examples."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax

Floats = NDArray[np.float32]

PENALTY = 0.05
"""Weight of the squared coefficients against an example of weight 1."""
MAX_STEPS = 60


def fit_coefficients(rows: Floats, classes: NDArray[np.int64], weights: Floats, count: int) -> Floats:
    """Return the coefficients (a row for each of `count` classes) that explain the weighted examples best."""
    target = np.zeros((len(rows), count), np.float32)
    target[np.arange(len(rows)), classes] = weights
    width = rows.shape[1]

    def cost(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        coefficients = flat.reshape(count, width).astype(np.float32)
        logs = log_softmax(rows @ coefficients.T, axis=1)
        loss = -float((target * logs).sum(dtype=np.float64)) + PENALTY / 2 * float(flat @ flat)
        slope = (np.exp(logs) * weights[:, None] - target).T @ rows
        return loss, slope.astype(np.float64).ravel() + PENALTY * flat

    found = minimize(cost, np.zeros(count * width), jac=True, method="L-BFGS-B", options={"maxiter": MAX_STEPS})
    return np.asarray(found.x.reshape(count, width), np.float32)


def probabilities(scores: Floats) -> Floats:
    """Return what scores say of each class; rows sum to 1."""
    return np.asarray(np.exp(log_softmax(scores, axis=1)), np.float32)
