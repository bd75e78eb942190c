"""Running sums of every group, as they stood at each instant, from the log of bet versions.

Each version of a bet asserts its contribution to its groups and retracts that of the version it replaces, both at its
own `known_at` (rule R2). All sums are integers (cents, counts, billionths), so that adding and retracting gives the
same bits in any order and any batching (rule R3). One set of Narwhals expressions; Polars runs it here.

The log is a frame with replay.LOG_SCHEMA. To continue from a state, pass the versions past the log position of that
state together with the versions they replace, and `after` = that position: what lies at or before it is only
retracted, never asserted again.

What changes the values of a feature changes its definition too (`ingestion/features/feature_definitions.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import narwhals as nw

from feature_repo.bets.bet_status import BetStatus
from feature_repo.bets.odds import implied_probability_expression
from feature_repo.declarations.features import SHRINKAGE
from feature_repo.declarations.groups import GROUP_COLUMNS, Group
from feature_repo.declarations.views import GroupedView
from feature_repo.group_keys import key_expression

# Any eager frame that Narwhals speaks to.
Frame: TypeAlias = nw.DataFrame[Any]

# The columns of features.group_state after (grouping, key).
SUMS: Final = (
    "wins", "losses", "stake_cents", "profit_cents", "roi_nano", "roi_count",
    "priced_wins", "priced_count", "implied_nano", "clv_nano", "clv_count",
)  # fmt: skip

# Ratios are summed in billionths: fine enough for 1e-9 on a mean, and 64 bits hold 90 million bets of 100 % each.
NANO: Final = 1_000_000_000

# Events that go through memory at once, at the most; 2 to the 40th leaves 8 million groups.
_MOST_EVENTS: Final = 2**40


def contributions(log: Frame) -> Frame:
    """The log (replay.LOG_SCHEMA), and beside it what each version adds to the SUMS of its groups (rule R4).

    One row per row of the log, in its order. All of SUMS are integers and none is null: cents, counts, and ratios in
    billionths. `graded` says whether the version was won or lost.
    """
    return log.with_columns(**contribution_expressions())


def contribution_expressions() -> dict[str, nw.Expr]:
    """What a version adds to each of the SUMS, and whether it is `graded`, over the columns of the log."""
    exists = ~nw.col("is_deleted")
    won = exists & (nw.col("status") == BetStatus.WIN)
    lost = exists & (nw.col("status") == BetStatus.LOSS)
    graded = won | lost
    # What is lost and cost nothing was staked with a bonus.
    risked = won | (lost & (nw.col("profit_cents") != 0)) | (exists & (nw.col("status") == BetStatus.CASHEDOUT))
    # A stake that nobody knows gives no ROI: its profit would stand in the ratio without it.
    at_risk = risked & ~nw.col("amount_cents").is_null()
    settled = exists & (nw.col("status") != BetStatus.PENDING)
    implied = implied_probability_expression(nw.col("american_odds").cast(nw.Float64))
    priced = graded & ~nw.col("american_odds").is_null()
    has_roi = at_risk & (nw.col("amount_cents") > 0)
    # 0 stakes give no ratio; the filter below keeps them out, and 1 keeps the division quiet
    roi = 100 * nw.col("profit_cents") / nw.when(has_roi).then(nw.col("amount_cents")).otherwise(1)
    has_clv = settled & ~nw.col("clv_percentage").is_null()
    return {
        "wins": _one_if(won),
        "losses": _one_if(lost),
        "stake_cents": _amount_if(at_risk, nw.col("amount_cents")),
        "profit_cents": _amount_if(at_risk, nw.col("profit_cents")),
        "roi_nano": _amount_if(has_roi, _nano(roi)),
        "roi_count": _one_if(has_roi),
        "priced_wins": _one_if(won & priced),
        "priced_count": _one_if(priced),
        "implied_nano": _amount_if(priced, _nano(implied)),
        "clv_nano": _amount_if(has_clv, _nano(nw.col("clv_percentage"))),
        "clv_count": _one_if(has_clv),
        "graded": graded,
    }


def _one_if(condition: nw.Expr) -> nw.Expr:
    return nw.when(condition).then(nw.lit(1)).otherwise(nw.lit(0)).cast(nw.Int64)


def _amount_if(condition: nw.Expr, amount: nw.Expr) -> nw.Expr:
    return nw.when(condition).then(amount).otherwise(nw.lit(0)).fill_null(0).cast(nw.Int64)


def _nano(value: nw.Expr) -> nw.Expr:
    # floor(x + 1/2) and not round(): engines differ on ties
    return (value * NANO + 0.5).floor()


def events(log: Frame, after: int) -> Frame:
    """What happened past `after`: each version's assertion, and the retraction of each version it replaces.

    One row per event, in order of `known_at` (when it takes effect): `departs` (a retraction), `version` and
    `stood_at` (seq and known_at of the version asserted or retracted), its id, group columns, grade and SUMS, negative
    in retractions. Versions that contribute nothing have none. `cell` names the combination of all group columns: a
    few thousand of them stand for millions of events, so keys are spelled and looked up once per cell.
    """
    contributes = nw.any_horizontal(*(nw.col(name) != 0 for name in SUMS), ignore_nulls=True)
    versions = contributions(log).filter(contributes)
    versions = versions.with_columns(cell=key_expression(GROUP_COLUMNS).cast(nw.Categorical))
    shared = ("id", "graded", "cell", *GROUP_COLUMNS, *SUMS)
    asserted = versions.filter(nw.col("seq") > after).select(
        "known_at", *shared, version=nw.col("seq"), stood_at=nw.col("known_at"), departs=nw.lit(False)
    )
    replacing = log.filter((nw.col("seq") > after) & ~nw.col("previous_seq").is_null()).select(
        "known_at", version=nw.col("previous_seq")
    )
    replaced = versions.select(*shared, version=nw.col("seq"), stood_at=nw.col("known_at"))
    retracted = replacing.join(replaced, on="version", how="inner").select(
        "known_at", "id", "graded", "cell", *GROUP_COLUMNS, *(-nw.col(name) for name in SUMS), "version", "stood_at",
        departs=nw.lit(True),
    )  # fmt: skip
    return nw.concat([asserted, retracted], how="vertical").sort("known_at")


def group_keys(happened: Frame, group: Group) -> Frame:
    """The key of each cell in this grouping, and a number for each key: one row per cell, with cell, key and code.

    A cell stands for one combination of all GROUP_COLUMNS; several cells may have one key. Codes count from 0 in no
    order.
    """
    cells = happened.select("cell", *group.columns).unique(subset="cell")
    keyed = cells.select("cell", key=key_expression(group.columns))
    return keyed.join(keyed.select("key").unique().with_row_index("code"), on="key", how="left")


def group_sums(happened: Frame, group: Group) -> Frame:
    """The SUMS of each group after each instant at which they changed, counted from `after`: key, known_at, SUMS.

    Instants at which nothing changed in sum (a version that repeats its predecessor) have no row.
    """
    keys = group_keys(happened, group)
    summed = _by_group(happened, keys).with_columns(nw.col(name).cum_sum().over("code") for name in SUMS)
    goes_on = (nw.col("code") == nw.col("code").shift(-1)) & (nw.col("known_at") == nw.col("known_at").shift(-1))
    settled = summed.filter(~goes_on.fill_null(False))
    same_group = (nw.col("code") == nw.col("code").shift(1)).fill_null(False)
    moved = (nw.col(name) != nw.when(same_group).then(nw.col(name).shift(1)).otherwise(0) for name in SUMS)
    changed = settled.filter(nw.any_horizontal(*moved, ignore_nulls=True))
    names = keys.select("code", "key").unique(subset="code")
    return changed.join(names, on="code", how="left").select("key", "known_at", *SUMS)


def _by_group(happened: Frame, keys: Frame) -> Frame:
    """The events' SUMS with the `code` of their key, group after group, each in order of known_at.

    One integer sorts them: several columns, or text, would take most of the time of the whole computation.
    """
    placed = happened.select("known_at", "cell", *SUMS).with_row_index("place")
    coded = placed.join(keys.select("cell", "code"), on="cell", how="left")
    order = nw.col("code").cast(nw.Int64) * _MOST_EVENTS + nw.col("place").cast(nw.Int64)
    return coded.with_columns(order=order).sort("order")


def continued(sums: Frame, state: Frame) -> Frame:
    """`group_sums` counted from the beginning of the log instead of from `after`: key, known_at, SUMS, the same rows.

    `state` has key and SUMS at `after`, one row per group; a group that it lacks starts from zero.
    """
    joined = sums.join(state, on="key", how="left", suffix="_before")
    return joined.select(
        "key", "known_at", *((nw.col(name) + nw.col(f"{name}_before").fill_null(0)).alias(name) for name in SUMS)
    )


def last_sums(sums: Frame) -> Frame:
    """The sums of each group at its newest instant: key and SUMS (replay.STATE_SCHEMA), one row per group.

    `sums` are those of `continued`, in which an instant of a group has one row.
    """
    newest = sums.group_by("key").agg(known_at=nw.col("known_at").max())
    return sums.join(newest, on=["key", "known_at"], how="inner").select("key", *SUMS)


def stats_features(sums: Frame, view: GroupedView) -> Frame:
    """The view's change rows: its key, event_timestamp and features, from running sums. Unknown is null, never a
    default.
    """
    expressions = measure_expressions()
    return sums.select(
        nw.col("key").alias(view.group.join_key),
        nw.col("known_at").alias("event_timestamp"),
        *(expressions[feature.measure].alias(feature.name) for feature in view.declared),
    )


def measure_expressions() -> dict[str, nw.Expr]:
    """Each measure of a group over its SUMS."""
    # Every division has a column below the line. Engines turn division by a constant into multiplication by its
    # reciprocal, Polars only for frames of more than one row, and the last bit would then depend on the batching.
    count = nw.col("wins") + nw.col("losses")
    priced = nw.col("priced_count")
    implied = nw.col("implied_nano")
    return {
        "win_rate": _ratio(nw.col("wins"), count),
        "roi": _ratio(100 * nw.col("profit_cents"), nw.col("stake_cents")),
        "avg_bet_roi": _ratio(nw.col("roi_nano"), nw.col("roi_count") * NANO),
        "count": count,
        "edge": _ratio(nw.col("priced_wins") * NANO - implied, priced * NANO),
        "win_rate_shrunk": _ratio(
            nw.col("priced_wins") + _ratio(SHRINKAGE * implied, priced * NANO),
            nw.when(priced > 0).then(priced + SHRINKAGE),
        ),
        "avg_clv": _ratio(nw.col("clv_nano"), nw.col("clv_count") * NANO),
    }


def _ratio(numerator: nw.Expr, denominator: nw.Expr) -> nw.Expr:
    return nw.when(denominator > 0).then(numerator / denominator)


def changed_keys(sums: Frame) -> Sequence[str]:
    """The groups that changed: those whose state an incremental step must load first."""
    keys: Sequence[str] = sums.get_column("key").unique().to_list()
    return keys
