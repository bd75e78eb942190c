"""Regression with an offset and a penalty for each weight: logistic by Newton's method, and linear.

The libraries' own logistic one takes no offset, and the calibrated price has to stay as it is below the weights.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from training.learning.probabilities import Numbers, probability

_MOST_STEPS = 100
_CLOSE = 1e-10


def fit_logistic_ridge(inputs: Any, won: npt.NDArray[Any], offset: Numbers, penalties: Numbers) -> Numbers:
    """The weights that make sum of log losses + half the sum of penalty * weight^2 smallest.

    `inputs` has a row for each bet and a column for each weight, dense or sparse (scipy); the log-odds of a bet are its
    offset plus its row times the weights. Raises numpy.linalg.LinAlgError when a penalty is 0 and its column is a
    combination of others.
    """
    weights = np.zeros(inputs.shape[1])
    ridge = np.diag(penalties)
    for _ in range(_MOST_STEPS):
        chance = probability(offset + inputs @ weights)
        gradient = inputs.T @ (chance - won) + penalties * weights
        spread = chance * (1 - chance)
        curvature = (
            (inputs.T @ sparse.diags(spread) @ inputs).toarray()
            if sparse.issparse(inputs)
            else (inputs * spread[:, np.newaxis]).T @ inputs
        )
        step = np.linalg.solve(curvature + ridge, gradient)
        # Far from the optimum a full step can overshoot; log-odds of a weight do not move by more than 2 at once.
        weights -= step * min(1.0, 2.0 / max(np.abs(step).max(), _CLOSE))
        if np.abs(step).max() < _CLOSE:
            break
    return weights


def fit_linear_ridge(inputs: Any, target: Numbers, offset: Numbers, penalties: Numbers) -> Numbers:
    """The weights that make half the sum of squared errors + half the sum of penalty * weight^2 smallest.

    `inputs` has a row for each bet and a column for each weight, dense; what is predicted is offset plus row times
    weights. Raises numpy.linalg.LinAlgError as `fit_logistic_ridge` does.
    """
    curvature = inputs.T @ inputs + np.diag(penalties)
    return np.asarray(np.linalg.solve(curvature, inputs.T @ (target - offset)), dtype=float)
