"""The last 10 and last 50 under corrections, against sorting the bets that stand at each instant."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.recent import KEPT, RecentBets, recent_rows

WINDOWS = (10, 50)


@st.composite
def histories(draw):
    """One group's events (key, known_at, id, stood_at, departs, won), most of them arrivals, enough for both windows."""
    events, standing, known_at = [], {}, 0
    for _ in range(draw(st.integers(0, 160))):
        known_at += draw(st.sampled_from((0, 1)))
        bet = f"b{draw(st.integers(0, 120)):03}"
        if bet in standing:
            events.append(("g", known_at, bet, standing.pop(bet), True, False))
        if draw(st.integers(0, 4)):
            standing[bet] = known_at
            events.append(("g", known_at, bet, known_at, False, draw(st.booleans())))
    return events


def sorted_out(events):
    """{instant: rates}: after each instant, sort what stands and look at its end."""
    rows, standing, before = {}, {}, (None, None, 0)
    for instant in sorted({known_at for _, known_at, *_ in events}):
        for _, known_at, bet, _, departs, won in events:
            if known_at == instant and departs:
                del standing[bet]
            elif known_at == instant:
                standing[bet] = (known_at, bet, won)
        won = [w for *_, w in sorted(standing.values())]
        rates = [sum(won[-n:]) / len(won[-n:]) if won else None for n in WINDOWS]
        if (*rates, len(won)) != before:
            rows[instant] = before = (*rates, len(won))
    return rows


@settings(max_examples=100)
@given(histories())
def test_rates_are_those_of_the_newest_bets_that_stand(events):
    assert {row[1]: row[2:] for row in recent_rows(events, {})} == sorted_out(events)


@settings(max_examples=100)
@given(histories(), st.integers(0, 160))
def test_a_trimmed_state_continues_as_the_whole_one_would(events, cut):
    while 0 < cut < len(events) and events[cut][1] == events[cut - 1][1]:
        cut += 1
    states = {}
    rows = list(recent_rows(events[:cut], states))
    trimmed = {key: bets.trimmed() for key, bets in states.items()}
    departures = sum(departs for *_, departs, _ in events[cut:])
    if all(bets.can_lose(departures) for bets in trimmed.values()):
        rows += recent_rows(events[cut:], trimmed)
        assert {row[1]: row[2:] for row in rows} == sorted_out(events)


def test_a_state_that_cannot_spare_its_departures_says_so():
    bets = RecentBets([(i, "b") for i in range(KEPT + 1)], bytearray(KEPT + 1)).trimmed()
    assert (bets.older, bets.can_lose(50), bets.can_lose(51)) == (1, True, False)
