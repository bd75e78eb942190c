"""A refresh on real Postgres, in batches, against one replay in memory of the same log."""

from __future__ import annotations

import uuid
from datetime import timedelta
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_repo.declarations.views import STORED_VIEWS
from feature_repo.postgres.copy import copy_in
from ingestion.database.access import statement
from ingestion.features import last_n
from ingestion.features.refresh import refresh
from ingestion.features.verify import verify_offline
from tests.builders.bet_logs import EPOCH, frame, graded, logs

LATER = EPOCH + timedelta(days=9)


def write_log(connection, log):
    rows = frame(log).with_columns(run_id=pl.lit(str(uuid.uuid4())), updated_at="known_at", is_current=pl.lit(False))
    copy_in(connection, "processed.bet_versions", rows)
    connection.execute("update processed.bet_versions set is_current = false where is_current")
    connection.execute(
        "update processed.bet_versions as version set is_current = true "
        "where not exists (select from processed.bet_versions as later where later.previous_seq = version.seq)"
    )


def refresh_in(connection, batches, chunk_size):
    for batch in batches:
        write_log(connection, batch)
        refresh(connection, run_id=uuid.uuid4(), now=LATER, chunk_size=chunk_size)


def differences(connection):
    return {c.name: c.differences for c in verify_offline(connection) if c.differences}


def batches_of(log, cuts):
    instants = sorted({v["known_at"] for v in log})
    bounds = sorted({instants[cut % len(instants)] for cut in cuts}) if instants else []
    edges = [EPOCH - timedelta(1), *bounds, LATER]
    return [[v for v in log if low < v["known_at"] <= high] for low, high in pairwise(edges)]


@settings(max_examples=10)
@given(logs(max_size=40), st.lists(st.integers(0, 99), max_size=3), st.integers(5, 40))
def test_any_batches_and_chunk_sizes_give_the_rows_of_a_single_replay(database, log, cuts, chunk_size):
    with database.transaction(force_rollback=True):
        refresh_in(database, batches_of(log, cuts), chunk_size)
        assert differences(database) == {}


class Statements:
    """The names of the SQL statements that a connection's refresh asked for."""

    def __init__(self, monkeypatch):
        self.names = []
        monkeypatch.setattr(
            "ingestion.features.refresh.statement", lambda name: self.names.append(name) or statement(name)
        )


def graded_log(bets):
    """So many bets of one group, a third of them won, known one after the other; many share an instant."""
    return [
        graded(n, f"b{n:03}", "SETTLED_LOSS" if n % 3 else "SETTLED_WIN", known_at=EPOCH + timedelta(seconds=n // 7))
        for n in range(1, bets + 1)
    ]


@settings(max_examples=3)
@given(
    st.lists(
        st.tuples(st.sampled_from(("vanished", "SETTLED_VOID", "SETTLED_WIN")), st.integers(10, 60)),
        min_size=3,
        max_size=5,
    ),
    st.integers(0, 99),
    st.integers(20, 400),
)
def test_groups_that_lose_most_newest_bets_give_the_rows_of_a_single_replay(database, blocks, cut, chunk_size):
    """Of 190 bets the state keeps 100; in blocks, the newest first, they vanish, are voided or are graded anew."""
    log, known_at = graded_log(190), EPOCH + timedelta(minutes=1)
    for change, size in blocks:
        for replaced in log[max(0, 380 - len(log) - size) : max(0, 380 - len(log))]:
            status = replaced["status"] if change == "vanished" else change
            version = graded(len(log) + 1, replaced["id"], status, is_deleted=change == "vanished", known_at=known_at)
            log.append(version | {"previous_seq": replaced["seq"]})
        known_at += timedelta(seconds=1)
    with database.transaction(force_rollback=True):
        refresh_in(database, [log[:190], *batches_of(log[190:], [cut])], chunk_size)
        assert differences(database) == {}


def test_group_that_loses_more_bets_than_the_state_can_spare_rereads_only_the_needed_bets(database, monkeypatch):
    """Of 250 bets the state keeps 100. When 80 vanish at once the last 50 reach past those; 180 are enough then."""
    log, asked = graded_log(250), Statements(monkeypatch)
    vanished = [
        graded(250 + n, f"b{251 - n:03}", is_deleted=True, previous_seq=251 - n, known_at=EPOCH + timedelta(minutes=1))
        for n in range(1, 81)
    ]
    refresh_in(database, [log, vanished], chunk_size=1000)
    assert differences(database) == {}
    assert asked.names.count("newest_graded_bets") == 1
    params = {"until": 250, "sports": ["S"], "markets": ["M"], "needed": [last_n.KEPT_BETS + 80]}
    newest = [row[1] for row in database.execute(statement("newest_graded_bets"), params)]
    assert sorted(newest) == list(range(250 - last_n.KEPT_BETS - 80 + 1, 251))


def test_regraded_bets_and_bets_outside_the_state_cause_no_reading_of_the_log(database, monkeypatch):
    """The newest 100 of a group get another grade, and so do 100 that its state does not hold."""
    log, asked = graded_log(300), Statements(monkeypatch)
    anew = [graded(300 + n, f"b{301 - n:03}", previous_seq=301 - n) for n in range(1, 101)]
    old = [graded(400 + n, f"b{n:03}", previous_seq=n) for n in range(1, 101)]
    refresh_in(database, [log, anew, old], chunk_size=1000)
    assert differences(database) == {}
    assert "newest_graded_bets" not in asked.names


def test_a_refresh_writes_only_rows_of_new_versions(database):
    refresh_in(database, [[graded(1, "a")]], chunk_size=10)
    write_log(database, [graded(2, "b")])
    assert refresh(database, run_id=uuid.uuid4(), now=LATER).change_rows["sport_stats"] == 1


def test_a_refresh_without_news_writes_nothing_and_moves_the_watermark(database):
    refresh_in(database, [[graded(1, "a")]], chunk_size=10)
    assert refresh(database, run_id=uuid.uuid4(), now=LATER + timedelta(hours=1)).change_rows == {}
    watermark = database.execute("select features_watermark from features.watermark").fetchone()
    assert watermark == (LATER + timedelta(hours=1),)


@pytest.mark.parametrize("view", [view.name for view in STORED_VIEWS])
def test_verify_counts_a_row_that_somebody_changed(database, view):
    refresh_in(database, [[graded(1, "a", clv_percentage=1.0)]], chunk_size=10)
    changed = {"bet_facts": "amount", "bet_closing_line": "clv_ev"}.get(view, STORED_VIEWS[0].features[0])
    column = next(v for v in STORED_VIEWS if v.name == view).features[0] if changed.startswith("sport_") else changed
    database.execute(f"update features.{view}_changes set {column} = 0.25")
    assert differences(database) == {view: 1}


@pytest.mark.parametrize(
    ("damage", "features"),
    [
        ("update features.feature_metadata set record_count = 3 where feature = 'sport_roi'", 1),
        ("update features.feature_metadata set data_checksum = 1 where feature = 'sport_roi'", 1),
        ("delete from features.feature_metadata where feature = 'sport_roi'", 1),
        ("select", 0),
        ("truncate features.feature_metadata", sum(len(view.features) for view in STORED_VIEWS)),
    ],
)
def test_verify_counts_features_with_a_record_changed_by_hand(database, damage, features):
    for batch in ([graded(1, "a", clv_percentage=1.0)], [graded(2, "b")]):
        refresh_in(database, [batch], chunk_size=10)
    database.execute(damage)
    assert differences(database) == ({"feature_metadata": features} if features else {})


def test_verify_counts_a_group_with_recent_bets_changed_by_hand(database):
    refresh_in(database, [[graded(1, "a")]], chunk_size=10)
    database.execute("""update features.group_state set recent = '{"older": 3, "bets": []}' where recent is not null""")
    assert differences(database) == {"group_state": 1}


def test_feature_metadata_keeps_the_version_while_the_definition_stands(database):
    refresh_in(database, [[graded(1, "a")], [graded(2, "b")]], chunk_size=10)
    rows = database.execute("select version, record_count from features.feature_metadata where feature = 'sport_roi'")
    assert rows.fetchall() == [(1, 2)]


def test_the_checksum_does_not_depend_on_batches(clone, template):
    from ingestion.database.access import connect

    bets = [graded(n, f"b{n}", sport=f"S{n % 7}") for n in range(1, 31)]
    sums = []
    for batches in ([bets], [[bet] for bet in bets]):
        with connect(clone(template), purpose="test") as connection:
            refresh_in(connection, batches, chunk_size=10)
            query = "select feature, view, data_checksum from features.feature_metadata order by 1, 2"
            sums.append(connection.execute(query).fetchall())
    assert sums[0] == sums[1]


def test_codes_of_the_vocabulary_never_change(database):
    refresh_in(database, [[graded(1, "a", sport="Z")], [graded(2, "b", sport="A")]], chunk_size=10)
    rows = database.execute("select value, code from features.vocabulary where column_name = 'sport' order by code")
    assert rows.fetchall() == [("Z", 1), ("A", 2)]
