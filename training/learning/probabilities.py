"""Probabilities, their log-odds, and what they cost."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

# A probability is kept away from 0 and 1, where log loss is infinite.
EDGE: Final = 1e-6


def log_odds_of(probability: Numbers) -> Numbers:
    """The log-odds of probabilities, kept away from certainty."""
    clipped = np.clip(probability, EDGE, 1 - EDGE)
    return np.asarray(np.log(clipped / (1 - clipped)), dtype=float)


def probability(log_odds: Numbers) -> Numbers:
    """The probabilities of log-odds, kept away from certainty."""
    return np.asarray(np.clip(1 / (1 + np.exp(-log_odds)), EDGE, 1 - EDGE), dtype=float)


def log_losses(won: Flags, probability: Numbers) -> Numbers:
    """The log loss of each bet, in nats."""
    return np.asarray(-np.log(np.where(won, probability, 1 - probability)), dtype=float)
