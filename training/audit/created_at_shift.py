"""The features of the original design beside ours: each bet's group so far, in order of created_at.

`shift(1).expanding()` leaves the bet itself out and counts every bet that was created before it, also those whose
result nobody knew yet. So it fakes skill, and how much is worth seeing beside a score.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl
import psycopg

from feature_repo.declarations.features import RECENT
from feature_repo.postgres.queries import statement_of
from ingestion.wording import counted
from training.audit.result import AuditCheck
from training.audit.score import OffsetScore, offset_score
from training.dataset import TrainingSet

# Our features -> the columns of the groups that the original design makes them of.
_WIN_RATES: Final[Mapping[str, tuple[str, ...]]] = {
    "sport_win_rate": ("sport",),
    "sport_market_win_rate": ("sport", "market"),
    "sport_league_win_rate": ("sport", "league"),
    "sport_league_market_win_rate": ("sport", "league", "market"),
    "institution_win_rate": ("institution_name",),
}
_ROIS: Final = {name.replace("win_rate", "roi"): columns for name, columns in _WIN_RATES.items()}
_COUNTS: Final = {name.replace("win_rate", "count"): columns for name, columns in _WIN_RATES.items()}
_RECENT: Final = ("sport", "market")
# A share and a percentage from which on two values are not one.
_APART: Final = 1e-6


def shift_check(connection: psycopg.Connection, training_set: TrainingSet, honest: OffsetScore) -> AuditCheck:
    """How many rows the original design's features have otherwise, and what they make of a model."""
    shifted = shifted_by_created_at(connection, training_set)
    names = [name for name in shifted.features if name in (*_WIN_RATES, "recent_win_rate")]
    ours, theirs = (
        each.frame.select(pl.col(names).cast(pl.Float64).fill_null(0.5)) for each in (training_set, shifted)
    )
    apart = pl.any_horizontal([(ours[name] - theirs[name]).abs() > _APART for name in names])
    rows = int(ours.select(apart.sum()).item())
    fake = offset_score(shifted)
    sentence = (
        f"Shifted by created_at, as the original design has it, win rates of {counted(rows, 'row')} of {ours.height:,} "
        f"differ. A model: {fake.figures}, where honest features have {honest.auc - honest.reference_auc:+.4f}."
    )
    return AuditCheck("shift by created_at", "shown", ours.height, rows, sentence)


def shifted_by_created_at(connection: psycopg.Connection, training_set: TrainingSet) -> TrainingSet:
    """The training set with the win rates, returns and counts of the original design in the place of ours."""
    params = {"log_position": training_set.log_position}
    rows = connection.execute(statement_of("training", "bets_created"), params).fetchall()
    created = pl.DataFrame(rows, schema={"id": pl.String, "created_at": pl.Datetime("us", "UTC")}, orient="row")
    # Bets of one instant stay in the order of the training set: by placement and id.
    bets = training_set.frame.with_row_index("place").join(created, on="id", how="left", maintain_order="left")
    bets = bets.sort("created_at", "place").with_columns(
        result=pl.col("is_win").cast(pl.Float64),
        returned=pl.when(pl.col("amount_cents") > 0).then(100 * pl.col("profit_cents") / pl.col("amount_cents")),
    )
    features = {
        **{name: _mean_so_far("result", columns).fill_null(0.5) for name, columns in _WIN_RATES.items()},
        **{name: _mean_so_far("returned", columns).fill_null(0.0) for name, columns in _ROIS.items()},
        **{name: pl.int_range(pl.len()).over(_group(columns)) for name, columns in _COUNTS.items()},
        "recent_win_rate": pl.col("result")
        .shift(1)
        .rolling_mean(RECENT, min_samples=1)
        .over(_group(_RECENT))
        .fill_null(0.5),
    }
    ours = [name for name in features if name in training_set.features]
    frame = (
        bets.with_columns(features[name].alias(name) for name in ours).sort("place").select(training_set.frame.columns)
    )
    return TrainingSet(training_set.service, training_set.log_position, frame)


def _mean_so_far(column: str, columns: tuple[str, ...]) -> pl.Expr:
    """The mean over the bets of the group before this one, without those that have none."""
    before = pl.col(column).shift(1)
    return (before.fill_null(0).cum_sum() / before.is_not_null().cum_sum()).fill_nan(None).over(_group(columns))


def _group(columns: tuple[str, ...]) -> list[pl.Expr]:
    return [pl.col(name).fill_null("") for name in columns]
