"""Change rows of the two views of single bets: what was known when it was placed, and its closing line.

bet_facts         first row at time_placed (whoever placed the bet knew it then), a correction at its known_at
bet_closing_line  a row at each known_at at which the closing line changed
A deleted bet gets a row of nulls at the known_at of its tombstone.

What changes the values of a feature changes its definition too (`ingestion/features/feature_definitions.py`).
"""

from __future__ import annotations

from typing import Final

import narwhals as nw

from feature_repo.bets.odds import implied_probability_expression
from feature_repo.declarations.views import BET_CLOSING_LINE, BET_FACTS
from ingestion.features.running_sums import Frame

FACTS: Final = BET_FACTS.features
CLOSING_LINE: Final = BET_CLOSING_LINE.features
# The column of the log that names a bet: the key of both views.
BET_KEY: Final = "id"


def is_of_a_bet() -> nw.Expr:
    """Whether a version stands for a bet. That of a bet that was forgotten counts in its groups alone."""
    return ~nw.col("is_forgotten").fill_null(value=False)


def fact_rows(log: Frame, after: int) -> Frame:
    """Change rows of bet_facts: bet_id, event_timestamp and FACTS, from the versions past `after`.

    `log` is that of a chunk (replay.LOG_SCHEMA), with the versions that it replaces. `amount` is in units of the
    currency. A bet's first row stands at time_placed, where that is known.
    """
    return _changes(log, FACTS, after, first_at=first_fact_at(), first_if=~nw.col("is_deleted"))


def first_fact_at() -> nw.Expr:
    """When the first facts of a bet could be known: when it was placed."""
    return nw.when(~nw.col("time_placed").is_null()).then(nw.col("time_placed")).otherwise(nw.col("known_at"))


def closing_line_rows(log: Frame, after: int) -> Frame:
    """Change rows of bet_closing_line: bet_id, event_timestamp and CLOSING_LINE, from the versions past `after`.

    `log` as of `fact_rows`. A bet has no row before anything of its closing line is known; every row stands at the
    version's known_at.
    """
    something = nw.any_horizontal(*(~nw.col(name).is_null() for name in CLOSING_LINE), ignore_nulls=True)
    return _changes(log, CLOSING_LINE, after, first_at=first_line_at(), first_if=something)


def first_line_at() -> nw.Expr:
    """When the first closing line of a bet could be known."""
    return nw.col("known_at")


def _described(log: Frame) -> Frame:
    """The log with FACTS and CLOSING_LINE, null for tombstones."""
    computed = log.with_columns(**fact_expressions()).with_columns(**closing_line_expressions())
    return computed.with_columns(*(unless_deleted(name) for name in (*FACTS, *CLOSING_LINE)))


def unless_deleted(name: str) -> nw.Expr:
    """This column, null in a tombstone."""
    return nw.when(~nw.col("is_deleted")).then(nw.col(name)).alias(name)


def fact_expressions() -> dict[str, nw.Expr]:
    """Those of FACTS that are not columns of the log as they stand, over its columns."""
    odds = nw.col("american_odds").cast(nw.Float64)
    size = odds.abs()
    # 100 as a column: see running_sums.measure_expressions on division by a constant
    hundred = nw.col("seq") * 0 + 100
    return {
        "american_odds": nw.col("american_odds").cast(nw.Int64),
        "decimal_odds": nw.when(odds < 0).then(1 + 100 / size).otherwise(1 + size / hundred),
        "implied_prob": implied_probability_expression(odds),
        "amount": nw.col("amount_cents") / hundred,
    }


def closing_line_expressions() -> dict[str, nw.Expr]:
    """Those of CLOSING_LINE that are not columns of the log as they stand, over its columns and FACTS."""
    return {"clv_ev": nw.col("clv_percentage") * nw.col("implied_prob")}


def _changes(log: Frame, columns: tuple[str, ...], after: int, *, first_at: nw.Expr, first_if: nw.Expr) -> Frame:
    """First versions past `after` (`first_if`, `first_at`), and later ones whose `columns` differ from those before."""
    versions = _described(log)
    fresh = versions.filter(nw.col("seq") > after)
    first = fresh.filter(nw.col("previous_seq").is_null(), first_if).with_columns(event_timestamp=first_at)
    before = versions.select(*(nw.col(name).alias(f"{name}_before") for name in columns), previous_seq=nw.col("seq"))
    compared = fresh.join(before, on="previous_seq", how="inner").with_columns(event_timestamp=nw.col("known_at"))
    later = compared.filter(nw.any_horizontal(*(_differs(name) for name in columns), ignore_nulls=True))
    # Several versions of one bet at one instant: the last one stands.
    at = [BET_KEY, "event_timestamp"]
    last = later.group_by(at).agg(nw.col("seq").max())
    kept = later.join(last, on=[*at, "seq"], how="inner")
    shown: tuple[nw.Expr | str, ...] = (nw.col(BET_KEY).alias("bet_id"), "event_timestamp", *columns)
    return nw.concat([first.join(last, on=at, how="anti").select(*shown), kept.select(*shown)], how="vertical")


def _differs(name: str) -> nw.Expr:
    now, before = nw.col(name), nw.col(f"{name}_before")
    return (now != before).fill_null(False) | (now.is_null() & ~before.is_null()) | (~now.is_null() & before.is_null())
