"""Running sums of every group, as they stood at each instant, from the log of bet versions.

Each version of a bet asserts its contribution to its groups and retracts that of the version it replaces, both at its
own `known_at` (rule R2). All sums are integers (cents, counts, billionths), so that adding and retracting gives the
same bits in any order and any batching (rule R3). One set of Narwhals expressions; Polars runs it here, in its
in-memory engine: the streaming one takes three times as long over a few rows, and over many no less time or memory.

The log is a frame with replay.LOG_SCHEMA. To continue from a state, pass the versions past the log position of that
state together with the versions they replace, and `after` = that position: what lies at or before it is only
retracted, never asserted again.

What changes the values of a feature changes its definition too (`ingestion/features/feature_definitions.py`).
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import narwhals as nw
from narwhals.typing import FrameT

from feature_repo.bets.bet_status import BetStatus
from feature_repo.bets.odds import implied_probability_expression
from feature_repo.declarations.features import SHRINKAGE
from feature_repo.declarations.groups import GROUP_COLUMNS, GROUPS
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

# What `contributions` works with on its way. A step over many columns costs what one over a single one costs; to hand
# the engine an expression takes as long as to run it over some thousand rows.
_STEPS: Final = ("outcome", "won", "lost", "cashed_out", "settled", "at_risk", "has_roi", "priced", "has_clv")
_EVENT: Final = ("known_at", "departs", "version", "stood_at", "id", "graded", "cell", *GROUP_COLUMNS, *SUMS)


def contributions(log: FrameT) -> FrameT:
    """The log (replay.LOG_SCHEMA), and beside it what each version adds to the SUMS of its groups (rule R4).

    One row per row of the log, in its order. All of SUMS are integers and none is null: cents, counts, and ratios in
    billionths. `graded` says whether the version was won or lost.
    """
    # 0 stakes give no ratio
    roi = 100 * nw.col("profit_cents") / nw.when(nw.col("has_roi")).then(nw.col("amount_cents"))
    odds = nw.when(nw.col("priced")).then(nw.col("american_odds")).cast(nw.Float64)
    added = _flagged(log).with_columns(
        wins=nw.col("won"),
        losses=nw.col("lost"),
        stake_cents=nw.when(nw.col("at_risk")).then(nw.col("amount_cents")),
        profit_cents=nw.when(nw.col("at_risk")).then(nw.col("profit_cents")),
        roi_nano=_nano(roi),
        roi_count=nw.col("has_roi"),
        priced_wins=nw.col("won") & nw.col("priced"),
        priced_count=nw.col("priced"),
        implied_nano=_nano(implied_probability_expression(odds)),
        clv_nano=_nano(nw.when(nw.col("has_clv")).then(nw.col("clv_percentage"))),
        clv_count=nw.col("has_clv"),
    )
    return added.with_columns(nw.col(*SUMS).fill_null(0).cast(nw.Int64)).drop(*_STEPS)


def _flagged(log: FrameT) -> FrameT:
    """The log with _STEPS and `graded`: flags that are true or false, and false of a version that deletes its bet."""
    won, lost, cashed_out = nw.col("won"), nw.col("lost"), nw.col("cashed_out")
    # What is lost and cost nothing was staked with a bonus.
    risked = won | cashed_out | (lost & (nw.col("profit_cents") != 0))
    return (
        log.with_columns(outcome=nw.when(~nw.col("is_deleted")).then(nw.col("status")))
        .with_columns(
            won=nw.col("outcome") == BetStatus.WIN,
            lost=nw.col("outcome") == BetStatus.LOSS,
            cashed_out=nw.col("outcome") == BetStatus.CASHEDOUT,
            settled=nw.col("outcome") != BetStatus.PENDING,
        )
        .with_columns(nw.col("won", "lost", "cashed_out", "settled").fill_null(False))
        .with_columns(
            graded=won | lost,
            # A stake that nobody knows gives no ROI: its profit would stand in the ratio without it.
            at_risk=risked & ~nw.col("amount_cents").is_null(),
            has_clv=nw.col("settled") & ~nw.col("clv_percentage").is_null(),
        )
        .with_columns(
            has_roi=nw.col("at_risk") & (nw.col("amount_cents") > 0),
            priced=nw.col("graded") & ~nw.col("american_odds").is_null(),
        )
    )


def _nano(value: nw.Expr) -> nw.Expr:
    # floor(x + 1/2) and not round(): engines differ on ties
    return (value * NANO + 0.5).floor()


def events(log: Frame, after: int) -> Frame:
    """What happened past `after`: each version's assertion, and the retraction of each version it replaces.

    One row per event, in no order: `known_at` (when it takes effect), `departs` (a retraction), `version` and
    `stood_at` (seq and known_at of the version asserted or retracted), its id, group columns, grade and SUMS, negative
    in retractions. Versions that contribute nothing have none. `cell` names the combination of all group columns: a
    few thousand of them stand for millions of events, so keys are spelled and looked up once per cell.
    """
    standing = (
        contributions(log.lazy())
        .filter(_any_sum())
        .with_columns(cell=key_expression(GROUP_COLUMNS).cast(nw.Categorical), version="seq", stood_at="known_at")
        .drop("known_at")
        .collect(engine="in-memory")
        .lazy()
    )
    asserted = standing.filter(nw.col("version") > after).with_columns(known_at="stood_at", departs=nw.lit(False))
    replacing = log.lazy().filter(nw.col("seq") > after).select("known_at", version="previous_seq")
    retracted = replacing.join(standing, on="version").with_columns(-nw.col(*SUMS), departs=nw.lit(True))
    return nw.concat([asserted.select(*_EVENT), retracted.select(*_EVENT)]).collect(engine="in-memory")


def _any_sum() -> nw.Expr:
    return nw.any_horizontal(nw.col(*SUMS) != 0, ignore_nulls=True)


def group_keys(happened: Frame) -> Frame:
    """The keys of each cell: one row per cell and grouping, with cell, grouping, key and code.

    A cell stands for one combination of all GROUP_COLUMNS; several cells may have one key. `code` is a number for each
    group of each grouping, counted from 0.
    """
    names = [group.name for group in GROUPS]
    cells = happened.lazy().select("cell", *GROUP_COLUMNS).unique("cell")
    keyed = cells.select("cell", **{group.name: key_expression(group.columns) for group in GROUPS}).unpivot(
        names, index="cell", variable_name="grouping", value_name="key"
    )
    coded = keyed.select("grouping", "key").unique().with_row_index("code", order_by=["grouping", "key"])
    return keyed.join(coded, on=["grouping", "key"]).collect(engine="in-memory")


def group_sums(happened: Frame, keys: Frame, before: Frame) -> Frame:
    """The SUMS of each group after each instant at which they changed: grouping, key, known_at, SUMS, in no order.

    `keys` are those of `group_keys`, for the groupings wanted. `before` has grouping, key and SUMS at the point from
    which `happened` goes on, one row per group; a group that it lacks starts from zero. Instants at which nothing
    changed in sum (a version that repeats its predecessor) have no row.
    """
    groups = keys.lazy().select("code", "grouping", "key").unique()
    started = groups.join(before.lazy(), on=["grouping", "key"]).select("code", *SUMS)
    changed = (
        happened.lazy()
        .select("known_at", "cell", *SUMS)
        .join(keys.lazy().select("cell", "code"), on="cell")
        .group_by("code", "known_at")
        .agg(nw.col(*SUMS).sum())
        .filter(_any_sum())
    )
    # A row without an instant comes first: the sums to go on from.
    summed = nw.concat([started, changed], how="diagonal").with_columns(
        nw.col(*SUMS).cum_sum().over("code", order_by="known_at")
    )
    after = summed.filter(~nw.col("known_at").is_null()).join(groups, on="code")
    return after.select("grouping", "key", "known_at", *SUMS).collect(engine="in-memory")


def last_sums(sums: Frame) -> Frame:
    """The sums of each group at its newest instant: grouping, key and SUMS (replay.STATE_SCHEMA), one row per group.

    `sums` are those of `group_sums`, in which an instant of a group has one row.
    """
    newest = nw.col("known_at") == nw.col("known_at").max().over("grouping", "key")
    return sums.lazy().filter(newest).select("grouping", "key", *SUMS).collect(engine="in-memory")


def measured(sums: Frame) -> Frame:
    """The measures of each group (feature_repo/declarations/features.py) beside its sums. Unknown is null, never a
    default.
    """
    return sums.lazy().select("grouping", "key", "known_at", **measure_expressions()).collect(engine="in-memory")


def stats_features(measures: Frame, view: GroupedView) -> Frame:
    """The view's change rows: its key, event_timestamp and features, from the measures of the groups."""
    names = {"key": view.group.join_key, "known_at": "event_timestamp"}
    names |= {feature.measure: feature.name for feature in view.declared}
    of_view = measures.lazy().filter(nw.col("grouping") == view.group.name)
    return of_view.select(*names).rename(names).collect(engine="in-memory")


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
