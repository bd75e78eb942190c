"""The win rates over a group's last 10 and last 50 graded bets, under corrections.

A window over "the last N" has no running sum once a bet can leave it from the middle. Order: by the known_at of the
bet's current version, then id. Where none of the last N arrivals has left, the window is a difference of prefix sums;
the few rows for which one has are read backwards, bet by bet, all of them at once. Polars' in-memory engine runs it,
as it does the running sums.

A stored state keeps only the newest KEPT bets of a group. A group that is about to lose more of those than come in
their place, and than it can spare (`short_of_bets`), gets its newest bets from the log first.

What changes the values of a feature changes its definition too (`ingestion/features/feature_definitions.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import narwhals as nw
import numpy as np
import numpy.typing as npt
import polars as pl

from feature_repo.declarations.features import RECENT, RECENT_LONG
from feature_repo.declarations.views import SPORT_MARKET_RECENT
from ingestion.features.running_sums import Frame
from quality.collected import collected

_Integers = npt.NDArray[np.int64]
_Flags = npt.NDArray[np.bool_]
Rates = npt.NDArray[np.float64]

# Twice the longest window: a group may be left with half of what its state holds before the log is read again.
KEPT_BETS: Final = 2 * RECENT_LONG

# A graded bet in a group's list: known_at of its version (microseconds since 1970) and id order it, seq names it.
BETS_SCHEMA: Final = pl.Schema(
    {"key": pl.String, "stood_at": pl.Int64, "id": pl.String, "won": pl.Boolean, "seq": pl.Int64}
)
OLDER_SCHEMA: Final = pl.Schema({"key": pl.String, "older": pl.Int64})

# The order of the last N within a group.
BETS_ORDER: Final = ("stood_at", "id")

_NEVER: Final = np.iinfo(np.int64).max


@dataclass(frozen=True)
class RecentBets:
    """The graded bets of some groups (BETS_SCHEMA), and how many older ones of each are not held (OLDER_SCHEMA)."""

    bets: pl.DataFrame
    older: pl.DataFrame

    @classmethod
    def none(cls) -> RecentBets:
        """Groups without history."""
        return cls(BETS_SCHEMA.to_frame(), OLDER_SCHEMA.to_frame())

    def trimmed(self) -> RecentBets:
        """The newest KEPT of each group, the rest counted as older."""
        newness = pl.len().over("key") - pl.int_range(pl.len()).over("key")
        ordered = self.bets.lazy().sort("key", *BETS_ORDER).with_columns(newness=newness)
        surplus = ordered.filter(pl.col("newness") > KEPT_BETS).group_by("key").agg(older=pl.len().cast(pl.Int64))
        return _collected(
            ordered.filter(pl.col("newness") <= KEPT_BETS).drop("newness"), _added_up([self.older.lazy(), surplus])
        )

    def refilled(self, newest: pl.DataFrame) -> RecentBets:
        """The same groups, those in `newest` (BETS_SCHEMA) with these bets in place of the ones that were held.

        How many bets a group has stays the same: those that are not in `newest` are counted as older.
        """
        others = ~pl.col("key").is_in(newest["key"].unique().implode())
        one = pl.lit(1, pl.Int64)
        held, taken = (
            bets.select("key", older=sign * one) for bets, sign in ((self.bets.filter(~others), 1), (newest, -1))
        )
        older = collected(_added_up([self.older.filter(~others).lazy(), held.lazy(), taken.lazy()]))
        return RecentBets(pl.concat([self.bets.filter(others), newest]), pl.concat([self.older.filter(others), older]))


def _added_up(older: Sequence[pl.LazyFrame]) -> pl.LazyFrame:
    return pl.concat(older).group_by("key").agg(pl.col("older").sum())


def _collected(bets: pl.LazyFrame, older: pl.LazyFrame) -> RecentBets:
    return RecentBets(*pl.collect_all([bets, older], engine="in-memory"))


def graded_events(happened: Frame, keys: Frame) -> pl.DataFrame:
    """What entered and left each sport_market group's list: BETS_SCHEMA with known_at (microseconds) and `departs`.

    `happened` is what `running_sums.events` returns, `keys` what `running_sums.group_keys` returns; seq is that of the
    version that enters or leaves.
    """
    names = keys.lazy().filter(nw.col("grouping") == SPORT_MARKET_RECENT.group.name).select("cell", "key")
    graded = happened.lazy().filter(nw.col("graded")).join(names, on="cell")
    instants = nw.col("known_at", "stood_at").dt.timestamp("us")
    events: pl.DataFrame = (
        graded.select("key", "id", "departs", instants, won=won_expression(), seq="version")
        .collect(engine="in-memory")
        .to_native()
    )
    return events


def won_expression() -> nw.Expr:
    """Whether a graded bet was won, over what its version adds to the sums."""
    return nw.col("wins") == 1


def short_of_bets(state: RecentBets, events: pl.DataFrame) -> pl.DataFrame:
    """The groups that would see past what `state` holds of them at some instant of `events` (as of `graded_events`).

    One row per group: key, and `needed`, how many of its newest bets at the point of `state` are enough to lose what
    departs and to have KEPT left. A departure of a bet that the state counts as older takes none of those it holds, and
    a bet that is graded anew departs and arrives at one instant.
    """
    moved, held = events.lazy(), state.bets.lazy()
    arrived = moved.filter(~pl.col("departs")).select("seq")
    known = pl.concat([held.select("seq"), arrived])
    change = pl.when("departs").then(-1).otherwise(1).cast(pl.Int64)
    lowest = (
        moved.join(known, on="seq", how="semi")
        .group_by("key", "known_at")
        .agg(change=change.sum())
        .sort("key", "known_at")
        .group_by("key")
        .agg(lowest=pl.min_horizontal(0, pl.col("change").cum_sum().min()))
    )
    departed = (
        moved.filter(pl.col("departs")).join(arrived, on="seq", how="anti").group_by("key").agg(departed=pl.len())
    )
    return collected(
        held.group_by("key")
        .agg(held=pl.len().cast(pl.Int64))
        .join(state.older.lazy().filter(pl.col("older") > 0), on="key")
        .join(lowest, on="key", how="left")
        .filter(pl.col("held") + pl.col("lowest").fill_null(0) < RECENT_LONG)
        .join(departed, on="key", how="left")
        .select("key", needed=KEPT_BETS + pl.col("departed").fill_null(0).cast(pl.Int64))
    )


def advance(events: pl.DataFrame, before: RecentBets) -> tuple[pl.DataFrame, RecentBets]:
    """Change rows of sport_market_recent (key, known_at in microseconds, features), and the state after them.

    A row for each group and instant at which its rates or its count changed. `before` holds the groups of `events`.
    """
    # As a category the key is hashed as a small integer; most steps below go by it.
    as_category, as_text = pl.col("key").cast(pl.Categorical), pl.col("key").cast(pl.String)
    moved = events.with_columns(as_category).lazy()
    held, older = before.bets.lazy().with_columns(as_category), before.older.lazy().with_columns(as_category)
    departures = moved.filter(pl.col("departs")).select("seq", departs_at="known_at")
    arrivals = moved.filter(~pl.col("departs")).select(BETS_SCHEMA.names())
    bets = collected(
        pl.concat([held, arrivals])
        .join(departures, on="seq", how="left")
        .sort("key", *BETS_ORDER)
        .with_row_index("place")
        .with_columns(pl.col("place").cast(pl.Int64), pl.col("departs_at").fill_null(_NEVER))
    )
    counts = _added_up([older, held.select("key", older=pl.lit(1, pl.Int64))])
    rows = _with_rates(_instants(moved, counts), bets)
    forgotten = (
        moved.filter(pl.col("departs"))
        .join(bets.lazy(), on="seq", how="anti")
        .select("key", older=pl.lit(-1, pl.Int64))
    )
    # Every group has a row in the state after, so that one which was emptied replaces what it held.
    touched = moved.select("key", older=pl.lit(0, pl.Int64))
    after = _collected(
        bets.lazy().filter(pl.col("departs_at") == _NEVER).select(BETS_SCHEMA.names()).with_columns(as_text),
        _added_up([older, forgotten, touched]).with_columns(as_text),
    )
    return collected(_changed(rows).with_columns(as_text)), after


def _instants(moved: pl.LazyFrame, counts: pl.LazyFrame) -> pl.LazyFrame:
    """Each group's instants with its count after each, in order; first the one before anything happened."""
    change = pl.when("departs").then(-1).otherwise(1).cast(pl.Int64)
    changes = moved.group_by("key", "known_at").agg(count=change.sum())
    first = moved.group_by("key").agg(pl.col("known_at").min() - 1).join(counts, on="key", how="left")
    start = first.select("key", "known_at", count=pl.col("older").fill_null(0))
    instants = pl.concat([start, changes]).sort("key", "known_at")
    return instants.with_columns(pl.col("count").cum_sum().over("key"))


def _with_rates(instants: pl.LazyFrame, bets: pl.DataFrame) -> pl.DataFrame:
    """Beside each instant the win rates over the bets that stood then."""
    places = bets.lazy().select("key", "stood_at", last="place")
    first = places.group_by("key").agg(first=pl.col("last").min())
    rows = collected(
        instants.join_asof(
            places,
            left_on="known_at",
            right_on="stood_at",
            by="key",
            check_sortedness=False,
        )
        .join(first, on="key", how="left", maintain_order="left")
        .with_row_index("row")
        # no bet yet: the range from `first` to `last` is empty
        .with_columns(pl.col("first").fill_null(0), pl.col("last").fill_null(pl.col("first").fill_null(0) - 1))
    )
    windows = _Windows(rows, bets)
    return rows.with_columns(recent_win_rate=windows.rates(RECENT), recent_win_rate_50=windows.rates(RECENT_LONG))


class _Windows:
    """The last N of each row (`first` to `last` are its group's places so far), as arrays."""

    def __init__(self, rows: pl.DataFrame, bets: pl.DataFrame) -> None:
        self._first, self._last, self._instant = (_array(rows, name) for name in ("first", "last", "known_at"))
        self._departs_at = _array(bets, "departs_at")
        self._won: _Flags = bets["won"].to_numpy()
        self._wins_before: _Integers = np.concatenate([[0], np.cumsum(self._won)])
        # A bet leaves at an instant of its group, so that row exists; it ends with the last row of the group.
        instants = rows.lazy().select("key", "row", departs_at="known_at")
        ends = instants.group_by("key").agg(end=pl.col("row").max().cast(pl.Int64) + 1)
        leaving = collected(
            bets.lazy()
            .filter(pl.col("departs_at") != _NEVER)
            .join(instants, on=["key", "departs_at"])
            .join(ends, on="key")
            .select("place", "row", "end")
        )
        self._place, self._row, self._end = (_array(leaving, name) for name in ("place", "row", "end"))

    def rates(self, size: int) -> pl.Series:
        """The share of wins among the newest `size` bets that stand at each row; null where none stands."""
        taken = np.minimum(size, self._last - self._first + 1)
        wins = self._wins_before[self._last + 1] - self._wins_before[self._last + 1 - taken]
        torn = np.flatnonzero(self._torn(size))
        taken[torn], wins[torn] = self._read_backwards(torn, size)
        rates: Rates = np.divide(wins, taken, out=np.full(len(taken), np.nan), where=taken > 0)
        return pl.Series(rates).fill_nan(None)

    def _torn(self, size: int) -> _Flags:
        """For each row, whether one of the last `size` bets that came up to it is retracted by then.

        Only for these rows do the newest `size` places of a group not hold its newest `size` bets.
        """
        # From the row at which it leaves to the one at which `size` others have come after it.
        until = np.clip(np.searchsorted(self._last, self._place + size), self._row, self._end)
        edges: _Integers = np.zeros(len(self._last) + 1, dtype=np.int64)
        np.add.at(edges, self._row, 1)
        np.add.at(edges, until, -1)
        torn: _Flags = np.cumsum(edges)[:-1] > 0
        return torn

    def _read_backwards(self, rows: _Integers, size: int) -> tuple[_Integers, _Integers]:
        """How many of the newest `size` bets stand at these rows, and how many of them won."""
        first, instant, place = self._first[rows], self._instant[rows], self._last[rows].copy()
        taken, wins = np.zeros_like(rows), np.zeros_like(rows)
        reading = np.flatnonzero(place >= first)
        while reading.size:
            at = place[reading]
            stands = self._departs_at[at] > instant[reading]
            taken[reading] += stands
            wins[reading] += stands & self._won[at]
            place[reading] -= 1
            reading = reading[(taken[reading] < size) & (place[reading] >= first[reading])]
        return taken, wins


def _array(frame: pl.DataFrame, column: str) -> _Integers:
    values: _Integers = frame[column].cast(pl.Int64).to_numpy(writable=True)
    return values


def _changed(rows: pl.DataFrame) -> pl.LazyFrame:
    """The rows that differ from the one before in their group, which is not among them where nothing was before."""
    features: list[Any] = ["recent_win_rate", "recent_win_rate_50", pl.col("count").alias("sport_market_count")]
    shown = rows.lazy().select("key", "known_at", *features)
    same_group = pl.col("key") == pl.col("key").shift(1)
    differs = pl.any_horizontal(
        pl.col(*SPORT_MARKET_RECENT.features).ne_missing(pl.col(*SPORT_MARKET_RECENT.features).shift(1))
    )
    return shown.filter(same_group.fill_null(False) & differs)
