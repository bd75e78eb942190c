"""Change rows of the two views of single bets: what was known when it was placed, and its closing line.

bet_facts         first row at time_placed (whoever placed the bet knew it then), a correction at its known_at
bet_closing_line  a row at each known_at at which the closing line changed
A deleted bet gets a row of nulls at the known_at of its tombstone.

What changes the values of a feature changes its definition too (`ingestion/features/feature_definitions.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import narwhals as nw
from narwhals.typing import FrameT

from feature_repo.bets.odds import implied_probability_expression
from feature_repo.declarations.views import BET_CLOSING_LINE, BET_FACTS, BetView
from ingestion.features.running_sums import Frame

FACTS: Final = BET_FACTS.features
CLOSING_LINE: Final = BET_CLOSING_LINE.features
# The column of the log that names a bet: the key of both views.
BET_KEY: Final = "id"


def change_rows(log: Frame, after: int) -> Iterator[tuple[str, Frame]]:
    """Change rows of both views from the versions past `after`: (view name, bet_id, event_timestamp and features).

    `log` is that of a chunk (replay.LOG_SCHEMA), with the versions that it replaces. `amount` is in units of the
    currency. The first row of bet_facts stands at time_placed, where that is known; bet_closing_line has none before
    anything of the closing line is known, and each at the version's known_at.
    """
    # A version of a bet that was forgotten counts in its groups alone.
    of_bets = log.lazy().filter(~nw.col("is_forgotten").fill_null(False))
    versions = described(of_bets).collect(engine="in-memory")
    something = nw.any_horizontal(~nw.col(*CLOSING_LINE).is_null(), ignore_nulls=True)
    yield BET_FACTS.name, _changes(versions, BET_FACTS, after, first_at=first_fact_at(), first_if=~nw.col("is_deleted"))
    yield (
        BET_CLOSING_LINE.name,
        _changes(versions, BET_CLOSING_LINE, after, first_at=first_line_at(), first_if=something),
    )


def first_fact_at() -> nw.Expr:
    """When the first facts of a bet could be known: when it was placed."""
    return nw.col("time_placed").fill_null(nw.col("known_at"))


def first_line_at() -> nw.Expr:
    """When the first closing line of a bet could be known."""
    return nw.col("known_at")


def described(log: FrameT) -> FrameT:
    """The versions of the log with FACTS and CLOSING_LINE, which are null in tombstones."""
    place = ("seq", "previous_seq", BET_KEY, "known_at", "is_deleted")
    odds = nw.col("odds")
    standing = (
        log.filter(~nw.col("is_deleted"))
        # 100 as a column: see running_sums.measure_expressions on division by a constant
        .with_columns(odds=nw.col("american_odds").cast(nw.Float64), hundred=nw.col("seq") * 0 + 100)
        .with_columns(
            nw.col("american_odds").cast(nw.Int64),
            decimal_odds=1 + nw.when(odds < 0).then(100 / odds.abs()).otherwise(odds / nw.col("hundred")),
            implied_prob=implied_probability_expression(odds),
            amount=nw.col("amount_cents") / nw.col("hundred"),
        )
        .with_columns(clv_ev=nw.col("clv_percentage") * nw.col("implied_prob"))
        .select(*place, "time_placed", *FACTS, *CLOSING_LINE)
    )
    return nw.concat([standing, log.filter(nw.col("is_deleted")).select(*place)], how="diagonal")


def _changes(versions: Frame, view: BetView, after: int, *, first_at: nw.Expr, first_if: nw.Expr) -> Frame:
    """First versions past `after` (`first_if`, `first_at`), and later ones whose features differ from those before."""
    shown = (BET_KEY, "event_timestamp", "seq", *view.features)
    fresh = versions.lazy().filter(nw.col("seq") > after)
    first = fresh.filter(nw.col("previous_seq").is_null(), first_if).with_columns(event_timestamp=first_at)
    before = versions.lazy().select(nw.col(*view.features).name.suffix("_before"), previous_seq="seq")
    later = (
        fresh.join(before, on="previous_seq")
        .filter(nw.any_horizontal(*map(_differs, view.features), ignore_nulls=True))
        .with_columns(event_timestamp="known_at")
    )
    # Several versions of one bet at one instant: the last one stands.
    is_last = nw.col("seq") == nw.col("seq").max().over(BET_KEY, "event_timestamp")
    rows = nw.concat([first.select(*shown), later.select(*shown)]).filter(is_last)
    return rows.drop("seq").rename({BET_KEY: view.join_key}).collect(engine="in-memory")


def _differs(name: str) -> nw.Expr:
    now, before = nw.col(name), nw.col(f"{name}_before")
    return (now != before).fill_null(now.is_null() != before.is_null())
