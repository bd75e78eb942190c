"""What a model's probabilities are worth on the test part: scores beside the price's, and its bets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from scipy.stats import rankdata

from training.curves import ReliabilityBin, TestDay, reliability, test_days, wagers_by_day
from training.learning.probabilities import EDGE, Flags, Numbers, log_losses
from training.verdict import (
    FEWEST_EFFECTIVE_DAYS,
    Estimate,
    Labels,
    ModelVerdict,
    clustered_mean,
    effective_days,
    judge_model,
)

# Bins of equal width of the calibration error.
CALIBRATION_BINS: Final = 15
# A bet is made when the model promises at least this return on its stake.
MARGINS: Final = (0.0, 0.02, 0.05, 0.10)
# The margin that the second sentence is about, fixed beforehand.
JUDGED_MARGIN: Final = 0.02
# Kelly's share of the bankroll is quartered, and never more than a hundredth.
KELLY_SHARE: Final = 0.25
LARGEST_STAKE: Final = 0.01


@dataclass(frozen=True)
class Scores:
    """How well probabilities fit the results."""

    #: Mean, nats a bet.
    log_loss: float
    brier: float
    #: Expected calibration error: the mean distance of promise and result over CALIBRATION_BINS bins, weighted by bets.
    ece: float
    #: Area under the ROC curve; NaN where all bets ended alike.
    auc: float


@dataclass(frozen=True)
class BetsAtMargin:
    """What betting on every bet that promises a margin would have done."""

    margin: float
    bets: int
    #: Mean promised and realised return on a stake of 1; NaN without bets.
    promised: float
    #: The realised one, with its interval.
    realised: Estimate | None
    #: What quarter-Kelly stakes would have left of a bankroll of 1.
    bankroll: float
    #: How many days they would lie on if all had as many of them; 0 without bets.
    effective_days: float


@dataclass(frozen=True)
class OfferedPrice:
    """The price as it was offered, the book's margin in it, on the test part."""

    scores: Scores
    #: Its log loss minus that of the reference, nats a bet: below 0 the calibration did harm.
    difference: Estimate


@dataclass(frozen=True)
class Slice:
    """A part of the test: the bets of one sport, one book, one band of prices."""

    column: str
    value: str
    bets: int
    #: Model minus reference, nats a bet.
    difference: float


@dataclass(frozen=True)
class Evaluation:
    """A model on the test part."""

    verdict: ModelVerdict
    scores: Scores
    bets: tuple[BetsAtMargin, ...]
    #: Of the test, in order; bets are those at JUDGED_MARGIN.
    days: tuple[TestDay, ...]
    reliability: tuple[ReliabilityBin, ...]

    @property
    def money(self) -> str:
        """The second sentence: whether it would have paid."""
        judged = next(bets for bets in self.bets if bets.margin == JUDGED_MARGIN)
        if judged.realised is None:
            return f"It would have made no bet at a margin of {JUDGED_MARGIN:.0%}."
        realised = judged.realised
        opening = "Would have paid" if realised.low > 0 else "Not sure to have paid"
        if realised.low > 0 and judged.effective_days < FEWEST_EFFECTIVE_DAYS:
            # A few bets that all ended alike have an interval of no width.
            opening = f"Too few days to say whether it would have paid ({judged.effective_days:.1f} effective)"
        return (
            f"{opening}: {judged.bets:,} bets at a margin of {JUDGED_MARGIN:.0%} returned {realised.mean:+.1%} "
            f"[{realised.low:+.1%}, {realised.high:+.1%}], {judged.promised:+.1%} promised."
        )


@dataclass(frozen=True)
class TestPart:
    """The test part as numbers, a row for each bet in order of placement."""

    won: Flags
    #: The reference's probability.
    reference: Numbers
    #: What a stake of 1 pays back when the bet is won.
    decimal_odds: Numbers
    #: What a stake of 1 returned beyond itself, as the bet was settled; NaN for a bet that risked nothing.
    returns: Numbers
    #: UTC day of placement, and event: whatever can be compared.
    days: Labels
    events: Labels


def test_part(bets: pl.DataFrame, reference: Numbers) -> TestPart:
    """The bets of the test as the evaluation reads them. An event is a sport and an instant of settlement.

    `bets` are graded and have `won`, `sport`, `settled_at`, `implied_prob` and money in cents; `reference` is the
    calibrated price of each, as a probability. Returns are profit over stake: NaN where nothing was staked.
    """
    stake, profit = pl.col("amount_cents").cast(pl.Float64), pl.col("profit_cents").cast(pl.Float64)
    columns = bets.select(
        returns=pl.when(stake > 0).then(profit / stake).fill_null(float("nan")),
        days=pl.col("time_placed").dt.date().cast(pl.Int32),
        events=pl.concat_str(
            pl.col("sport").fill_null(""), pl.col("settled_at").cast(pl.Int64).cast(pl.String).fill_null(pl.col("id"))
        ),
        decimal=1 / pl.col("implied_prob").cast(pl.Float64),
    )
    return TestPart(
        bets["won"].to_numpy(),
        reference,
        columns["decimal"].to_numpy(),
        columns["returns"].to_numpy(),
        columns["days"].to_numpy(),
        columns["events"].to_numpy(),
    )


def evaluate(part: TestPart, probability: Numbers) -> Evaluation:
    """Judge the probabilities of the test part's bets against the reference's."""
    differences = log_losses(part.won, probability) - log_losses(part.won, part.reference)
    promised = probability * part.decimal_odds - 1
    so_far = wagers_by_day(
        kelly_stakes(part, promised), part.returns, _chosen(part, promised, JUDGED_MARGIN), part.days
    )
    return Evaluation(
        judge_model(differences, part.days, part.events),
        scores(part.won, probability),
        tuple(bets_at(part, promised, margin) for margin in MARGINS),
        test_days(differences, part.days, so_far),
        reliability(part.won, probability),
    )


def offered_price(part: TestPart) -> OfferedPrice:
    """How well the offered price of each bet fits the results, as the probability 1 / decimal odds."""
    price = np.clip(1 / part.decimal_odds, EDGE, 1 - EDGE)
    differences = log_losses(part.won, price) - log_losses(part.won, part.reference)
    return OfferedPrice(scores(part.won, price), clustered_mean(differences, part.days, part.events))


def scores(won: Flags, probability: Numbers) -> Scores:
    """How well the probabilities fit the results."""
    bins = np.minimum((probability * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    gaps = np.bincount(bins, weights=probability - won, minlength=CALIBRATION_BINS)
    return Scores(
        float(np.mean(log_losses(won, probability))),
        float(np.mean((probability - won) ** 2)),
        float(np.abs(gaps).sum() / len(won)),
        _auc(won, probability),
    )


def bets_at(part: TestPart, promised: Numbers, margin: float) -> BetsAtMargin:
    """The bets whose promised return on a stake of 1 is above the margin, flat and with quarter-Kelly stakes."""
    chosen = _chosen(part, promised, margin)
    if not chosen.any():
        return BetsAtMargin(margin, 0, float("nan"), None, 1.0, 0.0)
    realised = clustered_mean(part.returns[chosen], part.days[chosen], part.events[chosen])
    *_, (_, _, bankroll) = wagers_by_day(kelly_stakes(part, promised), part.returns, chosen, part.days).values()
    days = effective_days(part.days[chosen])
    return BetsAtMargin(margin, int(chosen.sum()), float(promised[chosen].mean()), realised, bankroll, days)


def kelly_stakes(part: TestPart, promised: Numbers) -> Numbers:
    """The share of the bankroll that each bet gets for its promised return."""
    return np.asarray(np.minimum(KELLY_SHARE * promised / (part.decimal_odds - 1), LARGEST_STAKE), dtype=float)


def _chosen(part: TestPart, promised: Numbers, margin: float) -> Flags:
    """The bets that promise more than the margin, and risked something."""
    return np.asarray((promised > margin) & np.isfinite(part.returns), dtype=bool)


def every_bet(part: TestPart) -> Estimate:
    """The return of a stake of 1 on every bet."""
    risked = np.isfinite(part.returns)
    return clustered_mean(part.returns[risked], part.days[risked], part.events[risked])


def slices(names: pl.DataFrame, columns: Sequence[str], differences: Numbers, *, fewest: int = 100) -> list[Slice]:
    """The mean difference by the values of each column; values of few bets are left out.

    `differences` has one number for each row of `names`, in nats: below 0 the model did better. Column after column,
    its values in the order of most bets, those of an Enum in its own. A value of fewer than `fewest` bets has no slice,
    and null is the value "(none)".
    """
    frame = names.with_columns(pl.Series("difference", differences))
    found = []
    for column in columns:
        is_ordered = isinstance(frame.schema[column], pl.Enum)
        place = pl.col(column).to_physical().first() if is_ordered else -pl.len().cast(pl.Int64)
        groups = frame.group_by(pl.col(column).cast(pl.String).fill_null("(none)").alias("value")).agg(
            pl.len().alias("bets"), pl.col("difference").mean(), place=place
        )
        for value, bets, difference, _ in groups.sort("place", "value").rows():
            if bets >= fewest:
                found.append(Slice(column, value, bets, difference))
    return found


def _auc(won: Flags, probability: Numbers) -> float:
    wins, losses = int(won.sum()), int((~won).sum())
    if not wins or not losses:
        return float("nan")
    return float((rankdata(probability)[won].sum() - wins * (wins + 1) / 2) / (wins * losses))
