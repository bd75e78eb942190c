"""Change rows of all eight views from a chunk of the log, continuing from a state: the one path for every caller.

A refresh runs it with the state of the store (`DatabaseStates` in ingestion/features/refresh.py), `verify` and
`backfill` with an empty one in memory. A full replay is the chunk that starts at the beginning.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Protocol

import narwhals as nw
import polars as pl

from feature_repo.declarations.groups import GROUPS, Group
from feature_repo.declarations.views import GROUPED_VIEWS, SPORT_MARKET_RECENT
from ingestion.features import last_n, running_sums, single_bets
from ingestion.features.last_n import RecentBets
from ingestion.features.running_sums import Frame
from quality.evidence import INSTANT_TYPE

# The log as the replay reads it.
LOG_SCHEMA: Final[dict[str, pl.DataType | type[pl.DataType]]] = {
    "seq": pl.Int64,
    # the version of the same bet that this one replaces
    "previous_seq": pl.Int64,
    "id": pl.String,
    "known_at": INSTANT_TYPE,
    "is_deleted": pl.Boolean,
    "status": pl.String,
    "amount_cents": pl.Int64,
    "profit_cents": pl.Int64,
    "american_odds": pl.Int32,
    "clv_percentage": pl.Float64,
    "sport": pl.String,
    "league": pl.String,
    "market": pl.String,
    "institution_name": pl.String,
    "time_placed": INSTANT_TYPE,
    "bet_type": pl.String,
    "is_live": pl.Boolean,
    "clv_current_odds": pl.Float64,
    # it counts in its groups and stands for no bet
    "is_forgotten": pl.Boolean,
}

STATE_SCHEMA: Final = pl.Schema({"grouping": pl.String, "key": pl.String, **dict.fromkeys(running_sums.SUMS, pl.Int64)})

# Events, counted once for each grouping, whose sums are in memory at once.
MOST_ROWS: Final = 100_000


class States(Protocol):
    """What is known of each group at the point where a chunk of the log begins."""

    def sums(self, groups: pl.DataFrame) -> pl.DataFrame:
        """The running sums of these groups (grouping, key), in any order, with STATE_SCHEMA.

        Stakes and profits are cents, ratios billionths. A group without history has no row.
        """

    def put_sums(self, sums: pl.DataFrame) -> None:
        """Replace the running sums of these groups."""

    def recent(self, events: pl.DataFrame) -> RecentBets:
        """The recent bets of the groups in `events`: enough of them that those which depart can be taken out.

        `events` have key, known_at, seq and departs, one row for each graded bet that enters or leaves a group.
        """

    def put_recent(self, bets: RecentBets) -> None:
        """Replace the recent bets of these groups."""


class MemoryStates:
    """States of all groups, held in memory, starting with no history."""

    def __init__(self) -> None:
        self._sums = STATE_SCHEMA.to_frame()
        self._recent = RecentBets.none()

    def sums(self, groups: pl.DataFrame) -> pl.DataFrame:
        """See States."""
        return self._sums.join(groups, on=["grouping", "key"], how="semi")

    def put_sums(self, sums: pl.DataFrame) -> None:
        """See States."""
        others = self._sums.join(sums, on=["grouping", "key"], how="anti")
        self._sums = pl.concat([others, sums.select(STATE_SCHEMA.names())])

    def recent(self, events: pl.DataFrame) -> RecentBets:
        """See States. Nothing is ever trimmed here, so there are always enough."""
        held, keys = self._recent, events.select("key").unique()
        return RecentBets(held.bets.join(keys, on="key", how="semi"), held.older.join(keys, on="key", how="semi"))

    def put_recent(self, bets: RecentBets) -> None:
        """See States. `bets` covers the groups that `recent` returned last."""
        held, keys = self._recent, pl.concat([bets.bets.select("key"), bets.older.select("key")])
        self._recent = RecentBets(
            pl.concat([held.bets.join(keys, on="key", how="anti"), bets.bets]),
            pl.concat([held.older.join(keys, on="key", how="anti"), bets.older]),
        )

    def all_sums(self) -> pl.DataFrame:
        """The running sums of every group of every grouping, with STATE_SCHEMA.

        After a replay of the whole log this is what features.group_state should hold.
        """
        return self._sums

    def all_recent(self) -> RecentBets:
        """The recent bets of every sport_market group."""
        return self._recent


def replay(log: pl.DataFrame, after: int, states: States) -> Iterator[tuple[str, pl.DataFrame]]:
    """Change rows that the versions past `after` cause, a view at a time: (view name, frame); `states` is moved along.

    `log` has LOG_SCHEMA: the versions past `after` and those they replace, without superseded ones. A chunk ends
    between two instants, never inside one.
    """
    versions = nw.from_native(log, eager_only=True)
    happened = running_sums.events(versions, after)
    keys = running_sums.group_keys(happened)
    for groups in _at_once(happened):
        measures = _advance_sums(
            happened, keys.filter(nw.col("grouping").is_in([group.name for group in groups])), states
        )
        for view in GROUPED_VIEWS:
            if view.group in groups and view is not SPORT_MARKET_RECENT:
                yield view.name, running_sums.stats_features(measures, view).to_native()
    yield SPORT_MARKET_RECENT.name, _advance_recent(happened, keys, states)
    for name, rows in single_bets.change_rows(versions, after):
        yield name, rows.to_native()


def _at_once(happened: Frame) -> Iterator[Sequence[Group]]:
    """GROUPS in portions that fit into memory: each has as many rows as there are events, for every grouping."""
    size = max(1, MOST_ROWS // max(1, len(happened)))
    for start in range(0, len(GROUPS), size):
        yield GROUPS[start : start + size]


def _advance_sums(happened: Frame, keys: Frame, states: States) -> Frame:
    before = nw.from_native(states.sums(keys.select("grouping", "key").unique().to_native()), eager_only=True)
    sums = running_sums.group_sums(happened, keys, before)
    states.put_sums(running_sums.last_sums(sums).to_native())
    return running_sums.measured(sums)


def _advance_recent(happened: Frame, keys: Frame, states: States) -> pl.DataFrame:
    events = last_n.graded_events(happened, keys)
    rows, after = last_n.advance(events, states.recent(events))
    states.put_recent(after)
    return rows.rename({"key": SPORT_MARKET_RECENT.join_key, "known_at": "event_timestamp"}).with_columns(
        pl.col("event_timestamp").cast(INSTANT_TYPE)
    )
