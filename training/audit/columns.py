"""Columns that know what nobody did when the bet was placed: by their declaration, and by their values."""

from __future__ import annotations

from typing import Final

import polars as pl
import psycopg

from feature_repo.declarations.availability import known_only_after_placement
from feature_repo.declarations.feature_lists import FeatureList
from feature_repo.postgres.queries import statement_of
from ingestion.wording import counted
from training.audit.result import FINDINGS_LISTED, AuditCheck, LeakFinding
from training.dataset import TrainingSet

# What becomes known of a bet itself after it was placed.
_LATER: Final = {
    "won": pl.Float64,
    "profit": pl.Float64,
    "roi": pl.Float64,
    "clv_percentage": pl.Float64,
    "clv_ev": pl.Float64,
    "clv_current_odds": pl.Float64,
    "settled_at": pl.Float64,
}
# A column of so few bets in common, or of one value, resembles anything.
_FEWEST_BETS: Final = 50
# The share of bets from which on two columns are one.
_SAME: Final = 0.99


def declared_columns(service: FeatureList) -> AuditCheck:
    """Whether every feature of the service is declared to be known at placement."""
    later = known_only_after_placement(service)
    features = sum(map(len, service.features.values()))
    findings = [
        LeakFinding(service.service, name, "known at placement", "known later", "by its declaration") for name in later
    ]
    sentence = (
        f"{counted(len(later), 'feature')} of {features} known only after the bet is placed: {', '.join(later)}."
        if later
        else f"All {features} features are declared to be known when the bet is placed."
    )
    return AuditCheck("columns", "leak" if later else "clean", features, len(later), sentence, findings)


def column_values(connection: psycopg.Connection, training_set: TrainingSet) -> AuditCheck:
    """Whether a feature has the values of something that became known of the bet itself later."""
    later = later_columns(connection, training_set.log_position)
    frame = training_set.frame.select("id", *training_set.features).join(later, on="id", how="left")
    alike = [
        (feature, column, share)
        for feature in training_set.features
        if frame[feature].dtype.is_numeric() or frame[feature].dtype == pl.Boolean
        for column in _LATER
        if (share := _alike(frame, feature, f"later_{column}")) >= _SAME
    ]
    findings = [
        LeakFinding(
            training_set.service.service, feature, "known at placement", column, f"equal for {share:.1%} of the bets"
        )
        for feature, column, share in alike
    ]
    names = ", ".join(f"{feature} is {column}" for feature, column, _ in alike)
    sentence = (
        f"{counted(len(alike), 'feature')} with the values of something that is known later: {names}."
        if alike
        else f"No feature has the values of the bet's own result or closing line, over {counted(frame.height, 'bet')}."
    )
    return AuditCheck(
        "values",
        "leak" if alike else "clean",
        len(training_set.features),
        len(alike),
        sentence,
        findings[:FINDINGS_LISTED],
    )


def later_columns(connection: psycopg.Connection, log_position: int) -> pl.DataFrame:
    """For each settled bet `id`, and as later_<column> the numbers of _LATER, as its last version says them.

    One row per bet whose last version up to `log_position` is settled; what that version leaves out is null.
    """
    rows = connection.execute(statement_of("training", "later_columns"), {"log_position": log_position}).fetchall()
    schema = {"id": pl.String, **{f"later_{name}": dtype for name, dtype in _LATER.items()}}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _alike(frame: pl.DataFrame, feature: str, later: str) -> float:
    """The share of bets for which two columns say the same; of two flags, also the opposite."""
    both = frame.select(pl.col(feature).cast(pl.Float64), pl.col(later)).drop_nulls()
    if both.height < _FEWEST_BETS or both[later].n_unique() < 2 or both[feature].n_unique() < 2:
        return 0.0
    same = both.select(((pl.col(feature) - pl.col(later)).abs() <= 1e-9 * pl.col(later).abs().clip(1)).mean()).item()
    is_flag = both[feature].n_unique() == 2 and both[later].n_unique() == 2
    return max(float(same), 1 - float(same)) if is_flag else float(same)
