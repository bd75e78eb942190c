"""What a manifest says of a model: its parameters, and what the test part says of it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from training.evaluate import Evaluation
from training.learning.boosted_trees import BOOSTING, CURVE_STEP, SEEDS
from training.learning.fit import FittedModel
from training.learning.returns import FittedReturns
from training.manifest import finite
from training.verdict import ModelVerdict

SERVING_RULE: Final = "the smaller log loss on the validation part, fitted on the training part alone"


def parameters_document(fitted: FittedModel, returns: FittedReturns) -> dict[str, Any]:
    """The parameters of learners, split and calibration, as an object that JSON holds."""
    return {
        "boosting": dict(BOOSTING),
        "seeds": list(SEEDS),
        "cuts": {"validation": fitted.cuts.validation.isoformat(), "test": fitted.cuts.test.isoformat()},
        "win": {
            "trees": list(fitted.trees),
            "penalty": fitted.penalty,
            "calibrations": dict(fitted.calibrations),
            "bets": dict(fitted.bets),
            "left_out": dict(fitted.left_out),
            "warnings": list(fitted.warnings),
            "served": {
                "learner": fitted.model.served,
                "rule": SERVING_RULE,
                "validation_losses": dict(fitted.validation_losses),
            },
            "learning_curves": {"step": CURVE_STEP, "losses": [list(curve) for curve in fitted.learning_curves]},
            "days": [asdict(day) for day in fitted.days],
        },
        "returns": {"trees": list(returns.trees), "penalty": returns.penalty, "bets": dict(returns.bets)},
    }


def evaluation_document(fitted: FittedModel, returns: FittedReturns) -> dict[str, Any]:
    """What the test part says, as an object that JSON holds."""
    win = {
        "every_bet": asdict(fitted.every_bet),
        "reference": _evaluation(fitted.reference),
        "offered": asdict(fitted.offered),
        "models": {
            learner: {**_verdict(evaluation.verdict), "money": evaluation.money, **_evaluation(evaluation)}
            for learner, evaluation in fitted.evaluations.items()
        },
        "slices": [asdict(entry) for entry in fitted.slices],
        "importance": dict(fitted.importance),
        "seed_spread": fitted.seed_spread,
    }
    of_returns = {
        "reference": {"mean": returns.model.mean, "mse": returns.reference_mse},
        "models": {
            learner: {
                **_verdict(evaluation.verdict),
                "mse": evaluation.mse,
                "bets": [asdict(bets) for bets in evaluation.bets],
            }
            for learner, evaluation in returns.evaluations.items()
        },
    }
    document: dict[str, Any] = finite({"win": win, "returns": of_returns})
    return document


def _verdict(verdict: ModelVerdict) -> dict[str, Any]:
    return {
        "conclusion": verdict.conclusion,
        "sentence": verdict.sentence,
        "difference": asdict(verdict.difference),
        "days": verdict.days,
        "effective_days": verdict.effective_days,
        "events": verdict.events,
    }


def _evaluation(evaluation: Evaluation) -> dict[str, Any]:
    return {
        "scores": asdict(evaluation.scores),
        "bets": [asdict(bets) for bets in evaluation.bets],
        "by_day": [asdict(day) for day in evaluation.days],
        "reliability": [asdict(within) for within in evaluation.reliability],
    }
