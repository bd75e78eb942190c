"""A refresh on real Postgres, in batches, against one replay in memory of the same log."""

from __future__ import annotations

import uuid
from datetime import timedelta
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_repo.copying import copy_in
from feature_repo.groups import STORED_VIEWS
from ingestion import recent
from ingestion.refresh import refresh
from ingestion.verify import verify_offline
from tests.ingestion.logs import EPOCH, frame, graded, logs

LATER = EPOCH + timedelta(days=9)


def write_log(connection, log):
    rows = frame(log).with_columns(run_id=pl.lit(str(uuid.uuid4())), updated_at="known_at", is_current=pl.lit(False))
    copy_in(connection, "processed.bet_versions", rows)


def refresh_in(connection, batches, stretch):
    for batch in batches:
        write_log(connection, batch)
        refresh(connection, run_id=uuid.uuid4(), now=LATER, stretch=stretch)


def differences(connection):
    return {c.name: c.differences for c in verify_offline(connection) if c.differences}


def batches_of(log, cuts):
    instants = sorted({v["known_at"] for v in log})
    bounds = sorted({instants[cut % len(instants)] for cut in cuts}) if instants else []
    edges = [EPOCH - timedelta(1), *bounds, LATER]
    return [[v for v in log if low < v["known_at"] <= high] for low, high in pairwise(edges)]


@settings(max_examples=10)
@given(logs(max_size=40), st.lists(st.integers(0, 99), max_size=3), st.integers(5, 40))
def test_any_batches_and_any_stretches_give_what_one_replay_gives(database, log, cuts, stretch):
    with database.transaction(force_rollback=True):
        refresh_in(database, batches_of(log, cuts), stretch)
        assert differences(database) == {}


def test_a_group_that_loses_more_bets_than_its_state_holds_is_read_again_from_the_log(database):
    """150 bets, of which the state keeps 100: when 80 of those vanish at once, the last 50 reach past what it holds."""
    log = [graded(n, f"b{n:03}", "SETTLED_LOSS" if n % 3 else "SETTLED_WIN") for n in range(1, 151)]
    vanished = [graded(150 + n, f"b{151 - n:03}", is_deleted=True, previous_seq=151 - n) for n in range(1, 81)]
    assert len(log) > recent.KEPT
    refresh_in(database, [log, vanished], stretch=1000)
    assert differences(database) == {}


def test_a_refresh_writes_only_what_is_new(database):
    refresh_in(database, [[graded(1, "a")]], stretch=10)
    write_log(database, [graded(2, "b")])
    assert refresh(database, run_id=uuid.uuid4(), now=LATER)["sport_stats"] == 1


def test_a_refresh_without_news_writes_nothing_and_moves_the_mark(database):
    refresh_in(database, [[graded(1, "a")]], stretch=10)
    assert refresh(database, run_id=uuid.uuid4(), now=LATER + timedelta(hours=1)) == {}
    mark = database.execute("select refreshed_at from features.reach").fetchone()
    assert mark == (LATER + timedelta(hours=1),)


@pytest.mark.parametrize("view", [view.name for view in STORED_VIEWS])
def test_verify_counts_a_row_that_somebody_changed(database, view):
    refresh_in(database, [[graded(1, "a", clv_percentage=1.0)]], stretch=10)
    changed = {"bet_facts": "amount", "bet_closing_line": "clv_ev"}.get(view, STORED_VIEWS[0].features[0])
    column = next(v for v in STORED_VIEWS if v.name == view).features[0] if changed.startswith("sport_") else changed
    database.execute(f"update features.{view}_changes set {column} = 0.25")
    assert differences(database) == {view: 1}


def test_verify_counts_a_group_whose_recent_bets_somebody_changed(database):
    refresh_in(database, [[graded(1, "a")]], stretch=10)
    database.execute("""update features.group_state set recent = '{"older": 3, "bets": []}' where recent is not null""")
    assert differences(database) == {"group_state": 1}


def test_feature_metadata_keeps_one_version_while_the_definition_stands(database):
    refresh_in(database, [[graded(1, "a")], [graded(2, "b")]], stretch=10)
    rows = database.execute("select version, record_count from features.feature_metadata where feature = 'sport_roi'")
    assert rows.fetchall() == [(1, 2)]


def test_the_checksum_does_not_depend_on_batches(clone, template):
    from ingestion.database import connect

    bets = [graded(n, f"b{n}", sport=f"S{n % 7}") for n in range(1, 31)]
    sums = []
    for batches in ([bets], [[bet] for bet in bets]):
        with connect(clone(template), purpose="test") as connection:
            refresh_in(connection, batches, stretch=10)
            query = "select feature, view, data_checksum from features.feature_metadata order by 1, 2"
            sums.append(connection.execute(query).fetchall())
    assert sums[0] == sums[1]


def test_codes_of_the_vocabulary_never_change(database):
    refresh_in(database, [[graded(1, "a", sport="Z")], [graded(2, "b", sport="A")]], stretch=10)
    rows = database.execute("select value, code from features.vocabulary where column_name = 'sport' order by code")
    assert rows.fetchall() == [("Z", 1), ("A", 2)]
