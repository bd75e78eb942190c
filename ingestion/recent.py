"""The win rates over a group's last 10 and last 50 graded bets, under corrections.

A window over "the last N" has no running sum once a bet can leave it from the middle, so this is an ordered pass over
each group's events: one list of graded bets per group, ordered by (known_at of the bet's current version, id), read
from its end.

A stored state keeps only the newest KEPT of them. A group about to lose more of those than it can spare (`can_lose`)
is reloaded from the log first.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

import narwhals as nw

from feature_repo.groups import RECENT, RECENT_LONG, Group
from feature_repo.keys import key_expression
from ingestion.aggregates import Frame

# Twice the longest window: a group may lose half of what its state holds before the log is read again.
KEPT: Final = 2 * RECENT_LONG

# known_at in microseconds since 1970, bet id
Position = tuple[int, str]


@dataclass
class RecentBets:
    """A group's graded bets, oldest first. `older` more lie before the first of them and are not held."""

    positions: list[Position] = field(default_factory=list)
    won: bytearray = field(default_factory=bytearray)
    older: int = 0

    def add(self, position: Position, won: bool) -> None:
        """Put a graded bet at its place, which is the end unless others share its instant."""
        if not self.positions or position > self.positions[-1]:
            self.positions.append(position)
            self.won.append(won)
            return
        place = bisect_left(self.positions, position)
        self.positions.insert(place, position)
        self.won.insert(place, won)

    def remove(self, position: Position) -> None:
        """Take a graded bet out, wherever it stands."""
        place = bisect_left(self.positions, position)
        if place < len(self.positions) and self.positions[place] == position:
            del self.positions[place]
            del self.won[place]
        else:
            self.older -= 1

    def rates(self) -> tuple[float | None, float | None, int]:
        """Win rate over the last 10 and the last 50 graded bets (null without any), and how many there are in all."""
        short, long = self.won[-RECENT:], self.won[-RECENT_LONG:]
        if not long:
            return None, None, self.older
        return short.count(1) / len(short), long.count(1) / len(long), self.older + len(self.won)

    def can_lose(self, departures: int) -> bool:
        """Whether the windows stay right after that many departures: enough bets are held, or all there are."""
        return not self.older or len(self.positions) - departures >= RECENT_LONG

    def trimmed(self) -> RecentBets:
        """The newest KEPT of them, which is what a state holds."""
        surplus = max(0, len(self.positions) - KEPT)
        return RecentBets(self.positions[surplus:], self.won[surplus:], self.older + surplus)


def graded_events(happened: Frame, group: Group) -> Frame:
    """What entered and left each group's list: key, known_at, id, won, stood_at, departs; the instants in microseconds.

    `happened` is `aggregates.events`. Ordered by key and seq, a version's departure before its successor's arrival.
    """
    graded = happened.filter(nw.col("graded")).with_columns(key=key_expression(group.columns))
    return graded.sort("key", "seq", "departs", descending=[False, False, True]).select(
        "key", _microseconds("known_at"), "id", _microseconds("stood_at"), "departs", won=nw.col("wins") == 1
    )


def _microseconds(column: str) -> nw.Expr:
    return nw.col(column).dt.timestamp("us")


# One change row: key, known_at in microseconds, win rate over 10, over 50, count.
ChangeRow = tuple[str, int, float | None, float | None, int]


def recent_rows(
    events: Iterable[tuple[str, int, str, int, bool, bool]], states: dict[str, RecentBets]
) -> Iterator[ChangeRow]:
    """One row for each group and instant at which its rates changed; `states` is brought up to date on the way.

    `events` yields the rows of `graded_events` in their order.
    """
    key, instant = None, 0
    bets = RecentBets()
    before = bets.rates()
    for event_key, known_at, bet_id, stood_at, departs, won in events:
        if event_key != key or known_at != instant:
            if key is not None and (rates := bets.rates()) != before:
                yield (key, instant, *rates)
            if event_key != key:
                bets = states.setdefault(event_key, RecentBets())
            key, instant = event_key, known_at
            before = bets.rates()
        if departs:
            bets.remove((stood_at, bet_id))
        else:
            bets.add((stood_at, bet_id), won)
    if key is not None and (rates := bets.rates()) != before:
        yield (key, instant, *rates)
