"""The features against the oracle: full replay, any batching, and nothing from the future."""

from __future__ import annotations

from unittest.mock import patch

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feature_repo.declarations.views import GROUPED_VIEWS
from ingestion.features.replay import MemoryStates, replay
from tests import oracle
from tests.builders.bet_logs import chunks, frame, graded, logs
from tests.builders.examples import examples

FEATURES = {view.name: view.features for view in GROUPED_VIEWS}
FEATURES["bet_facts"] = (*oracle.FACTS, "decimal_odds", "implied_prob", "amount")
FEATURES["bet_closing_line"] = ("clv_percentage", "clv_ev", "clv_current_odds")


def as_rows(view, changes):
    """{(key, instant): features}, failing on a key and instant that stand twice."""
    rows = {(row[0], row[1]): row[2:] for row in changes.select(changes.columns[:2] + list(FEATURES[view])).iter_rows()}
    assert len(rows) == changes.height
    return rows


def replayed(log, cuts=()):
    states, parts = MemoryStates(), {}
    for chunk, after in chunks(log, cuts):
        for view, changes in replay(chunk, after, states):
            parts.setdefault(view, []).append(changes)
    return {view: as_rows(view, pl.concat(frames)) for view, frames in parts.items()}


def same(value, expected):
    if expected is None or isinstance(expected, str | bool):
        return value is expected or value == expected
    if isinstance(expected, int):
        return value == expected
    return value == pytest.approx(float(expected), rel=1e-9, abs=1e-9)


@pytest.mark.long
@examples(60)
@given(logs(), st.lists(st.integers(0, 99), max_size=6))
def test_a_full_replay_equals_the_oracle_and_to_the_bit_a_replay_in_any_batches(log, cuts):
    computed = replayed(log)
    assert replayed(log, cuts) == computed
    for view, expected in oracle.all_rows(log).items():
        rows = computed.get(view, {})
        assert rows.keys() == expected.keys(), view
        for at, features in expected.items():
            wanted = features.values() if isinstance(features, dict) else features
            assert all(same(v, e) for v, e in zip(rows[at], wanted, strict=True)), (view, at, rows[at], features)


@examples(20)
@given(logs(), st.integers(1, 200))
def test_groupings_that_go_through_memory_in_portions_give_the_rows_of_all_at_once(log, most_rows):
    with patch("ingestion.features.replay.MOST_ROWS", most_rows):
        in_portions = replayed(log)
    assert in_portions == replayed(log)


@pytest.mark.long
@examples(40)
@given(logs(), st.integers(0, 99))
def test_versions_known_later_leave_earlier_change_rows_unchanged(log, cut):
    instants = sorted({v["known_at"] for v in log})
    if not instants:
        return
    bound = instants[cut % len(instants)]
    earlier = replayed([v for v in log if v["known_at"] <= bound])
    for view, rows in replayed(log).items():
        known = {at: row for at, row in rows.items() if at[1] <= bound}
        # bet_facts of bets that arrive later start at their time_placed, which may lie before the bound
        seen = {v["id"] for v in log if v["known_at"] <= bound}
        if view == "bet_facts":
            known = {at: row for at, row in known.items() if at[0] in seen}
        assert known == earlier[view], view


def test_group_that_lost_every_bet_restarts_from_empty_sums():
    """An emptied group once had no row in the state after, and so kept the bets that had left it."""
    log = [graded(1, "a"), graded(2, "a", is_deleted=True, previous_seq=1), graded(3, "b", "SETTLED_LOSS")]
    assert replayed(log, cuts=(0, 1, 2)) == replayed(log)


def test_replay_of_an_empty_log_gives_no_rows():
    assert all(changes.is_empty() for _, changes in replay(frame([]), 0, MemoryStates()))
