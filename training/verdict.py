"""The verdict on a model, by a fixed rule: better than the reference, worse, not to be told apart, or too few days.

What is judged is the model's loss minus the reference's, for each bet of the test part. Its mean has the larger of
two errors: by event, since all bets on one event win and lose together, and by day. The interval is Student's, with one
degree of freedom less than there are days.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
from scipy import stats

from training.learning.probabilities import Numbers

Labels = npt.NDArray[Any]
Conclusion = Literal["better", "worse", "not to be told apart", "too few days to say"]

# Of the test part; effective days are (sum n)^2 / sum n^2 over the bets n of each day.
FEWEST_DAYS: Final = 28
FEWEST_EFFECTIVE_DAYS: Final = 10.0
# Two-sided.
CONFIDENCE: Final = 0.95


@dataclass(frozen=True)
class LossMeasure:
    """What a model is judged by."""

    name: str
    #: Of ten thousandths of it.
    unit: str
    reference: str
    #: A smaller difference is worth nothing.
    smallest: float


# An edge of 0.05 in log-odds makes 1.7e-4 nats a bet, and at even odds 6e-4 of squared return.
LOG_LOSS: Final = LossMeasure("log loss", "ten-thousandths of a nat a bet", "the calibrated price", 1e-4)
SQUARED_ERROR: Final = LossMeasure(
    "squared error", "ten-thousandths of a squared return a bet", "the mean return", 4e-4
)


@dataclass(frozen=True)
class Estimate:
    """A mean over bets, with its interval."""

    mean: float
    #: The ends of the interval; infinite where there is one day only.
    low: float
    high: float
    #: Which error was the larger: "event" or "day".
    clustered_by: str


@dataclass(frozen=True)
class ModelVerdict:
    """What the test part says of a model."""

    conclusion: Conclusion
    #: Model minus reference, in the units of the measure.
    difference: Estimate
    days: int
    effective_days: float
    events: int
    measure: LossMeasure = LOG_LOSS

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""
        difference, measure = self.difference, self.measure
        measured = (
            f"{measure.name} {difference.mean * 1e4:+.1f} "
            f"[{difference.low * 1e4:+.1f}, {difference.high * 1e4:+.1f}] {measure.unit}"
        )
        if self.conclusion == "too few days to say":
            return (
                f"Too few days to say: the test has {self.days} days ({self.effective_days:.1f} effective), and the "
                f"rule asks for {FEWEST_DAYS} and {FEWEST_EFFECTIVE_DAYS:.0f}; to {measure.reference}: {measured}."
            )
        opening = {
            "better": "Better than",
            "worse": "Worse than",
            "not to be told apart": "Not to be told apart from",
        }[self.conclusion]
        return f"{opening} {measure.reference}: {measured}, over {self.days} days and {self.events:,} events."


def judge_model(differences: Numbers, days: Labels, events: Labels, measure: LossMeasure = LOG_LOSS) -> ModelVerdict:
    """The verdict from the difference of each bet in the measure, its day and its event."""
    estimate = clustered_mean(differences, days, events)
    count, effective = len(np.unique(days)), effective_days(days)
    conclusion: Conclusion
    if count < FEWEST_DAYS or effective < FEWEST_EFFECTIVE_DAYS:
        conclusion = "too few days to say"
    elif abs(estimate.mean) < measure.smallest or estimate.low <= 0 <= estimate.high:
        conclusion = "not to be told apart"
    else:
        conclusion = "better" if estimate.mean < 0 else "worse"
    return ModelVerdict(conclusion, estimate, count, effective, len(np.unique(events)), measure)


def effective_days(days: Labels) -> float:
    """How many days the bets of these days would lie on if all had as many: (sum n)^2 / sum n^2."""
    bets = np.unique(days, return_counts=True)[1]
    return float(bets.sum() ** 2 / (bets**2).sum())


def clustered_mean(values: Numbers, days: Labels, events: Labels) -> Estimate:
    """The mean of the values, with the interval of the larger error: clustered by event, or by day."""
    mean = float(np.mean(values))
    errors = {name: _error(values - mean, labels) for name, labels in (("event", events), ("day", days))}
    larger = max(errors, key=lambda name: errors[name])
    count = len(np.unique(days))
    width = float(stats.t.ppf((1 + CONFIDENCE) / 2, count - 1)) * errors[larger] if count > 1 else np.inf
    return Estimate(mean, mean - width, mean + width, larger)


def _error(centred: Numbers, labels: Labels) -> float:
    """The standard error of the mean, where the values of one label move together."""
    _, codes = np.unique(labels, return_inverse=True)
    sums = np.bincount(codes, weights=centred)
    clusters = len(sums)
    if clusters < 2:
        return float("inf")
    return float(np.sqrt((sums**2).sum() * clusters / (clusters - 1)) / len(centred))
