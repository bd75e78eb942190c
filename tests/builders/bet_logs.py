"""Logs of bet versions, drawn by Hypothesis: regrades, re-categorisations, ties, late rows, deletes, nulls, every
status.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
from hypothesis import strategies as st

from ingestion.features.replay import LOG_SCHEMA

EPOCH = datetime(2026, 4, 1, tzinfo=UTC)
STATUSES = ("PENDING", "SETTLED_WIN", "SETTLED_LOSS", "SETTLED_PUSH", "SETTLED_VOID", "SETTLED_CASHEDOUT")
# Few names, so that groups are shared; among them the pairs that collide when keys are joined carelessly.
SPORTS = ("NBA", "NBA1", "a|b", None)
MARKETS = ("1H Total", "H Total", "b\\", "\\N", None)
LEAGUES = ("L", "", None)

odds = st.one_of(
    st.none(), st.sampled_from([-110, 100, -100, 250, 3996]), st.integers(100, 9999), st.integers(-9999, -100)
)


# What each version has, whatever its status. Made once: to make a strategy takes longer than to draw from it.
_TERMS = st.fixed_dictionaries(
    {
        "is_deleted": st.integers(0, 9).map(lambda tenth: tenth == 0),
        "status": st.sampled_from(STATUSES),
        "amount_cents": st.one_of(st.just(0), st.integers(1, 100_000)),
        "lacks_amount": st.integers(0, 9).map(lambda tenth: tenth == 0),
        "american_odds": odds,
        "clv_percentage": st.one_of(st.none(), st.integers(-1_000_000, 1_000_000).map(lambda n: n / 10_000)),
        "sport": st.sampled_from(SPORTS),
        "league": st.sampled_from(LEAGUES),
        "market": st.sampled_from(MARKETS),
        "institution_name": st.sampled_from(("Bet&Win", "O'Hare", None)),
        "bet_type": st.just("straight"),
        "is_live": st.sampled_from((True, False, None)),
        "clv_current_odds": st.one_of(st.none(), st.floats(-500, -100)),
        "time_placed": st.one_of(st.none(), st.integers(1, 9).map(lambda hours: EPOCH - timedelta(hours=hours))),
    }
)
_LOSSES = st.sampled_from((-1, -1, 0))  # times the stake; 0: a lost bonus bet
_NOTHING = st.sampled_from((0, None))
_STEPS = st.sampled_from((0, 0, 1, 1, 3_600_000_000))


@st.composite
def version(draw):
    terms = draw(_TERMS)
    amount = terms["amount_cents"]
    if terms.pop("lacks_amount"):
        terms["amount_cents"] = None
    return terms | {"profit_cents": draw(_profit(terms["status"], amount))}


def _profit(status, amount):
    if status == "SETTLED_LOSS":
        return _LOSSES.map(lambda stakes: stakes * amount)
    if status in ("SETTLED_WIN", "SETTLED_CASHEDOUT"):
        lowest = -amount // 2  # below 0: a dead heat
        return (
            st.integers(lowest, 500_000) if status == "SETTLED_WIN" else st.integers(lowest - amount, 500_000 - amount)
        )
    return _NOTHING


_VERSION = version()


@st.composite
def logs(draw, max_size=60, ids=12):
    """A log in order of seq: known_at never falls, and often stands still (ties on the same microsecond)."""
    log, known_at, bets = [], EPOCH, st.integers(0, ids)
    for seq in range(1, draw(st.integers(0, max_size)) + 1):
        known_at += timedelta(microseconds=draw(_STEPS))
        log.append({"seq": seq, "id": f"b{draw(bets)}", "known_at": known_at, **draw(_VERSION)})
    return chained(log)


def chained(log):
    """The log with the version that each one replaces."""
    newest = {}
    for version in log:
        version["previous_seq"] = newest.get(version["id"])
        newest[version["id"]] = version["seq"]
    return log


def frame(log):
    return pl.DataFrame(log, LOG_SCHEMA).with_columns(pl.col("is_forgotten").fill_null(value=False))


def chunks(log, cuts):
    """The log cut between instants: (rows past `after` with those they replace, after)."""
    instants = sorted({v["known_at"] for v in log})
    bounds = sorted({instants[c % len(instants)] for c in cuts}) if instants else []
    after = 0
    for bound in [*bounds, None]:
        fresh = [v for v in log if v["seq"] > after and (bound is None or v["known_at"] <= bound)]
        replaced = {v["id"]: v for v in log if v["seq"] <= after and v["id"] in {f["id"] for f in fresh}}
        yield frame([*replaced.values(), *fresh]), after
        after = max((v["seq"] for v in fresh), default=after)


def graded(seq, bet, status="SETTLED_WIN", **differs):
    """A version of a bet in the one group S|M, known `seq` seconds after EPOCH."""
    return {
        "seq": seq, "id": bet, "known_at": EPOCH + timedelta(seconds=seq), "is_deleted": False, "status": status,
        "amount_cents": 100, "profit_cents": 100 if status == "SETTLED_WIN" else -100, "american_odds": 100,
        "clv_percentage": None, "sport": "S", "league": None, "market": "M", "institution_name": "I",
        "bet_type": "straight", "is_live": None, "clv_current_odds": None, "time_placed": None, "previous_seq": None,
        **differs,
    }  # fmt: skip
