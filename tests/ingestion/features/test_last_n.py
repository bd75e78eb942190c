"""The last 10 and last 50 under corrections, against sorting the bets that stand at each instant."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from ingestion.features.last_n import BETS_SCHEMA, KEPT_BETS, OLDER_SCHEMA, RecentBets, advance, short_of_bets
from tests.builders.examples import examples

WINDOWS = (10, 50)
EVENTS = {**BETS_SCHEMA, "known_at": pl.Int64, "departs": pl.Boolean}

# Of a step of a history: how much later it is, its bet, whether the bet then stands, in which group, and won.
STEPS = st.tuples(
    st.sampled_from((0, 1)), st.integers(0, 120), st.integers(0, 4), st.integers(0, 9), st.booleans()
)  # fmt: skip


@st.composite
def histories(draw):
    """Events of two groups, long enough for both windows, most of them arrivals; often several at one instant."""
    events, standing, known_at = [], {}, 0
    for seq in range(draw(st.integers(0, 170))):
        later, number, stands, group, won = draw(STEPS)
        known_at += later
        bet = f"b{number:03}"
        if bet in standing:
            events.append(standing.pop(bet) | {"known_at": known_at, "departs": True})
        if stands:
            key = "h" if group == 0 else "g"
            standing[bet] = {"key": key, "stood_at": known_at, "id": bet, "won": won, "seq": seq}
            events.append(standing[bet] | {"known_at": known_at, "departs": False})
    return events


def sorted_out(events):
    """{(key, instant): rates}: after each instant, sort what stands in the group and look at its end."""
    rows, standing, before = {}, {}, {}
    for instant in sorted({event["known_at"] for event in events}):
        for event in (e for e in events if e["known_at"] == instant):
            if event["departs"]:
                del standing[event["seq"]]
            else:
                standing[event["seq"]] = event
        for key in "gh":
            bets = sorted((e["stood_at"], e["id"], e["won"]) for e in standing.values() if e["key"] == key)
            won = [w for *_, w in bets]
            rates = (*(sum(won[-n:]) / len(won[-n:]) if won else None for n in WINDOWS), len(won))
            if rates != before.get(key, (None, None, 0)):
                rows[key, instant] = before[key] = rates
    return rows


def advanced(events, before):
    rows, after = advance(pl.DataFrame(events, EVENTS), before)
    return {row[:2]: row[2:] for row in rows.iter_rows()}, after


@examples(100)
@given(histories())
def test_recent_win_rates_are_those_of_the_newest_graded_bets_of_the_group(events):
    assert advanced(events, RecentBets.none())[0] == sorted_out(events)


@examples(100)
@given(histories(), st.integers(0, 160), st.integers(50, KEPT_BETS))
def test_trimmed_recent_bets_with_refill_give_the_rates_of_the_untrimmed_state(events, cut, kept):
    """Trimmed to fewer bets than a store keeps, so that short histories need a refill too."""
    while 0 < cut < len(events) and events[cut]["known_at"] == events[cut - 1]["known_at"]:
        cut += 1
    rows, state = advanced(events[:cut], RecentBets.none())
    later = pl.DataFrame([event for event in events[cut:] if event["key"] == "g"], EVENTS)
    whole = RecentBets(state.bets.filter(key="g"), state.older.filter(key="g"))
    trimmed = newest_of(whole, kept)
    short = short_of_bets(trimmed, later)
    for (needed,) in short.select("needed").iter_rows():
        trimmed = trimmed.refilled(newest_of(whole, needed).bets)
    rows |= advanced(later, trimmed)[0]
    assert {at: r for at, r in rows.items() if at[0] == "g"} == {
        at: r for at, r in sorted_out(events).items() if at[0] == "g"
    }


def newest_of(state, size):
    """A state of one group with no more than its newest `size` bets, the rest counted as older."""
    bets = state.bets.sort("stood_at", "id").tail(size)
    older = state.older.with_columns(older=pl.lit(state.bets.height - bets.height, pl.Int64))
    return RecentBets(bets, older)


def test_recent_bets_with_more_departures_than_spare_bets_are_reported_short():
    bets = [{"key": "g", "stood_at": n, "id": "b", "won": True, "seq": n} for n in range(KEPT_BETS + 1)]
    state = RecentBets(pl.DataFrame(bets, BETS_SCHEMA), OLDER_SCHEMA.to_frame()).trimmed()
    leaving = [bet | {"known_at": KEPT_BETS + 1, "departs": True} for bet in bets[1:]]
    short = [short_of_bets(state, pl.DataFrame(leaving[:n], EVENTS)).rows() for n in (50, 51)]
    assert short == [[], [("g", KEPT_BETS + 51)]]


def test_departures_of_older_or_regraded_bets_leave_the_recent_bets_long_enough():
    bets = [{"key": "g", "stood_at": n, "id": f"{n}", "won": True, "seq": n} for n in range(2 * KEPT_BETS)]
    state = RecentBets(pl.DataFrame(bets, BETS_SCHEMA), OLDER_SCHEMA.to_frame()).trimmed()
    older = [bet | {"known_at": 1_000, "departs": True} for bet in bets[:KEPT_BETS]]
    anew = [
        event
        for bet in bets[KEPT_BETS:]
        for event in (bet | {"known_at": 1_001, "departs": True}, bet | {"seq": bet["seq"] + 1_000, "departs": False})
    ]
    arriving_late = [event | {"known_at": 1_001 if event["departs"] else 1_002} for event in anew]
    at_once = [event | {"known_at": 1_001} for event in anew]
    short = [short_of_bets(state, pl.DataFrame(older + events, EVENTS)).height for events in (at_once, arriving_late)]
    assert short == [0, 1]
