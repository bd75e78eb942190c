"""What a model on top of the price gains on the test part: the score that finds leaks which nothing else names.

Honest features gain next to nothing on a calibrated price. AUC cannot tell: leaks move it by as little as 0.0005.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from ingestion.report.kept_audits import AuditState
from training.audit.result import AuditCheck, LeakFinding
from training.dataset import TrainingSet
from training.evaluate import scores, test_part
from training.learning.boosted_trees import fit_boosted_trees
from training.learning.fit import prepared_bets
from training.learning.learners import WIN
from training.learning.model import model_inputs
from training.learning.probabilities import log_losses, probability
from training.verdict import Estimate, clustered_mean

# Nats a bet. The gains of honest models in eight months of real bets were 1.8e-4 at most, those of leaks 6e-4 and more;
# a true edge that is worth 6 % of the stakes is 7e-4, so an alarm is a question.
ALARM: Final = -3e-4
# Fewer than a model that is to be kept has: the mean of three lies within 1e-4 of that of five.
_SEEDS: Final = (1, 2, 3)
_SUSPECTS: Final = 3


@dataclass(frozen=True)
class OffsetScore:
    """A model of boosted trees that begin at the calibrated price, on the test part."""

    #: Log loss less that of the price, nats a bet, with its 95 % interval.
    difference: Estimate
    auc: float
    reference_auc: float
    bets: int
    #: Feature -> its share of what the trees gain in training, the largest first.
    gains: Mapping[str, float]

    @property
    def is_alarming(self) -> bool:
        """Whether it gains more than ALARM, and significantly so."""
        return self.difference.mean < ALARM and self.difference.high < 0

    @property
    def figures(self) -> str:
        """In words."""
        mean, low, high = (
            f"{value * 1e4:+.1f}" for value in (self.difference.mean, self.difference.low, self.difference.high)
        )
        return f"log loss {mean} [{low}, {high}] ten-thousandths to the price, AUC {self.auc - self.reference_auc:+.4f}"


def offset_score(training_set: TrainingSet) -> OffsetScore:
    """Fit the model and score it. Raises ConfigurationError when there are too few bets to."""
    prepared = prepared_bets(training_set)
    boosted = fit_boosted_trees(WIN, prepared.learned, training_set.features, _SEEDS).trees
    offset = prepared.calibration.log_odds(prepared.test)
    tested = test_part(prepared.test, probability(offset))
    inputs = model_inputs(prepared.test, training_set.features, prepared.codes)
    chances = probability(offset + boosted.added(inputs))
    differences = log_losses(tested.won, chances) - log_losses(tested.won, tested.reference)
    gains = boosted.gains()
    order = np.argsort(-gains, kind="stable")
    return OffsetScore(
        clustered_mean(differences, tested.days, tested.events),
        scores(tested.won, chances).auc,
        scores(tested.won, tested.reference).auc,
        prepared.test.height,
        {training_set.features[place]: float(gains[place]) for place in order},
    )


def score_check(training_set: TrainingSet, score: OffsetScore) -> AuditCheck:
    """Whether the score is one that honest features do not reach."""
    suspects = list(score.gains.items())[:_SUSPECTS] if score.is_alarming else []
    findings = [
        LeakFinding(training_set.service.service, feature, "", f"{share:.0%} of the gain", "look at it first")
        for feature, share in suspects
    ]
    state: AuditState = "alarm" if score.is_alarming else "clean"
    limit = f"the alarm is at {ALARM * 1e4:+.0f} and significant"
    sentence = f"A model on top of the price: {score.figures}; {limit}."
    if suspects:
        sentence = f"{sentence} Most of it by {', '.join(feature for feature, _ in suspects)}."
    return AuditCheck("score", state, score.bets, int(score.is_alarming), sentence, findings)
