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


@st.composite
def version(draw):
    status = draw(st.sampled_from(STATUSES))
    amount = draw(st.one_of(st.just(0), st.integers(1, 100_000)))
    win = draw(st.integers(-amount // 2, 500_000))  # below 0: a dead heat
    loss = draw(st.sampled_from((-amount, -amount, 0)))  # 0: a lost bonus bet
    profit = {"SETTLED_WIN": win, "SETTLED_LOSS": loss, "SETTLED_CASHEDOUT": win - amount}.get(status, 0)
    lacks_profit = status in ("PENDING", "SETTLED_PUSH", "SETTLED_VOID") and draw(st.booleans())
    return {
        "is_deleted": draw(st.integers(0, 9)) == 0,
        "status": status,
        "amount_cents": None if draw(st.integers(0, 9)) == 0 else amount,
        "profit_cents": None if lacks_profit else profit,
        "american_odds": draw(odds),
        "clv_percentage": draw(st.one_of(st.none(), st.integers(-1_000_000, 1_000_000).map(lambda n: n / 10_000))),
        "sport": draw(st.sampled_from(SPORTS)),
        "league": draw(st.sampled_from(LEAGUES)),
        "market": draw(st.sampled_from(MARKETS)),
        "institution_name": draw(st.sampled_from(("Bet&Win", "O'Hare", None))),
        "bet_type": "straight",
        "is_live": draw(st.sampled_from((True, False, None))),
        "clv_current_odds": draw(st.one_of(st.none(), st.floats(-500, -100))),
        "time_placed": draw(st.one_of(st.none(), st.just(EPOCH - timedelta(hours=draw(st.integers(1, 9)))))),
    }


@st.composite
def logs(draw, max_size=60, ids=12):
    """A log in order of seq: known_at never falls, and often stands still (ties on the same microsecond)."""
    log, known_at = [], EPOCH
    for seq in range(1, draw(st.integers(0, max_size)) + 1):
        known_at += timedelta(microseconds=draw(st.sampled_from((0, 0, 1, 1, 3_600_000_000))))
        log.append({"seq": seq, "id": f"b{draw(st.integers(0, ids))}", "known_at": known_at, **draw(version())})
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
