"""Bets taken out of the log: history stays, they count no more, and every place that may name one is known."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_repo.declarations.views import BET_VIEWS, GROUPED_VIEWS
from ingestion.features.refresh import refresh
from ingestion.features.verify import verify_offline
from ingestion.forgetting import places
from ingestion.forgetting.erasure import Subject, erase
from ingestion.forgetting.keyed_digests import KeyedDigests
from tests.builders.bet_logs import EPOCH, graded, logs
from tests.ingestion.features.test_refresh import LATER, write_log

NOW = LATER + timedelta(hours=1)
SUMS = (
    "grouping, key, wins, losses, stake_cents, profit_cents, roi_nano, roi_count, priced_wins, implied_nano, clv_nano"
)


def forget(connection, *bets):
    subject = Subject(frozenset(bets))
    return erase(connection, subject, KeyedDigests.of_store(connection), run_id=uuid.uuid4(), now=NOW)


def publish(connection, now=LATER):
    refresh(connection, run_id=uuid.uuid4(), now=now)


def differences(connection):
    with connection.transaction(force_rollback=True):
        return {c.name: c.differences for c in verify_offline(connection) if c.differences}


def rows_of_groups(connection):
    return {
        view.name: sorted(map(str, connection.execute(
            f"select {view.join_key}, event_timestamp, {', '.join(view.features)} from features.{view.name}_changes"
        )))
        for view in GROUPED_VIEWS
    }  # fmt: skip


def sums(connection):
    zeros = ", ".join(["0"] * 9)
    return connection.execute(
        f"select {SUMS} from features.group_state "
        "where (wins, losses, stake_cents, profit_cents, roi_nano, roi_count, priced_wins, implied_nano, clv_nano) "
        f"<> ({zeros}) order by grouping, key"
    ).fetchall()


def deleted_now(log, bets, published, seq):
    """The log in which these bets, as published, are deleted at the end, and nothing of them waits."""
    kept = [version for version in log if version["id"] not in bets or version["seq"] <= published]
    newest = {version["id"]: version for version in kept if version["id"] in bets}
    standing = [version for version in newest.values() if not version["is_deleted"]]
    return kept, [
        version | {"seq": seq + n, "known_at": NOW, "is_deleted": True, "previous_seq": version["seq"]}
        for n, version in enumerate(standing, start=1)
    ]


@settings(max_examples=4)
@given(logs(max_size=40, ids=6), st.integers(0, 40), st.sets(st.integers(0, 6), min_size=1, max_size=3))
def test_forgotten_bets_stay_in_history_and_leave_groups_from_now_on(database, log, published, drawn):
    bets = {f"b{n}" for n in drawn}
    # A refresh ends between two instants.
    while 0 < published < len(log) and log[published - 1]["known_at"] == log[published]["known_at"]:
        published += 1
    until, seq = log[:published], len(log)
    with database.transaction(force_rollback=True):
        write_log(database, until)
        publish(database)
        write_log(database, log[published:])
        before = rows_of_groups(database)
        forget(database, *bets)
        assert rows_of_groups(database) == before
        assert differences(database) == {}
        assert database.execute(
            "select count(*) from processed.bet_versions where id = any (%s)", [list(bets)]
        ).fetchone() == (0,)
        publish(database, NOW + timedelta(hours=1))
        assert differences(database) == {}
        forgotten = sums(database), rows_of_groups(database)
    with database.transaction(force_rollback=True):
        kept, tombstones = deleted_now(log, bets, published, seq)
        write_log(database, [version for version in kept if version["seq"] <= published])
        publish(database)
        write_log(database, [version for version in kept if version["seq"] > published])
        if tombstones:
            write_log(database, tombstones)
        publish(database, NOW + timedelta(hours=1))
        assert (sums(database), rows_of_groups(database)) == forgotten


def test_forgotten_bet_that_was_reopened_and_then_deleted_stays_deleted(database):
    """Only its win is in the sums. The version that reopened it takes that out, and the deletion takes out nothing."""
    write_log(database, [
        graded(1, "a"),
        graded(2, "a", status="PENDING", profit_cents=None, previous_seq=1),
        graded(3, "a", status="PENDING", profit_cents=None, is_deleted=True, previous_seq=2),
    ])  # fmt: skip
    publish(database)
    forget(database, "a")
    assert differences(database) == {}
    publish(database, NOW + timedelta(hours=1))
    assert differences(database) == {}


def test_window_over_bets_of_an_instant_keeps_the_values_of_history(database):
    """Of twelve bets of an instant the last ten by id are in the window, a loss first; one before them is forgotten."""
    at_once = EPOCH + timedelta(seconds=1)
    log = [graded(n, f"b{n:02}", "SETTLED_LOSS" if n == 3 else "SETTLED_WIN", known_at=at_once) for n in range(1, 13)]
    write_log(database, log)
    publish(database)
    assert database.execute("select recent_win_rate from features.sport_market_recent_changes").fetchone() == (0.9,)
    forget(database, "b01")
    assert differences(database) == {}
    publish(database, NOW)
    newest = "select recent_win_rate from features.sport_market_recent_changes order by event_timestamp desc"
    assert database.execute(newest).fetchone() == (0.9,)
    assert differences(database) == {}


def test_versions_that_no_sum_rests_on_leave_the_log_wholly(database):
    log = [
        graded(1, "a", "PENDING"),
        graded(2, "a", "SETTLED_WIN", previous_seq=1),
        graded(3, "b", "PENDING"),
        graded(4, "b", "PENDING", previous_seq=3, is_deleted=True),
    ]
    write_log(database, log)
    publish(database)
    forget(database, "a", "b")
    columns = "seq, status, previous_seq, is_deleted, bet_type, time_placed, updated_at"
    left = database.execute(f"select {columns} from processed.bet_versions order by seq").fetchall()
    assert left == [
        (2, "SETTLED_WIN", None, False, None, None, None),
        (5, "SETTLED_WIN", 2, True, None, None, None),
    ]


def test_numbers_of_versions_are_never_given_again(database):
    write_log(database, [graded(1, "a"), graded(2, "b", "PENDING")])
    publish(database)
    forget(database, "b")
    assert database.execute("select max(seq) > 2 from raw.bet_versions").fetchone() == (True,)


def test_seals_and_checksums_fit_the_rows_that_are_left(database):
    run_id = uuid.uuid4()
    write_log(database, [graded(1, "a", clv_percentage=1.0), graded(2, "b", clv_percentage=1.0)])
    refresh(database, run_id=run_id, now=LATER)
    forget(database, "a")
    for view in BET_VIEWS:
        sealed = database.execute("select rows, checksum from ops.seals where view = %s", [view.name]).fetchall()
        digests = "select rows, checksum from features.digests(%s, null)"
        assert sealed == database.execute(digests, [view.name]).fetchall()
        described = "select record_count, data_checksum from features.feature_metadata where view = %s"
        assert set(database.execute(described, [view.name])) == set(sealed)


def test_every_column_that_can_name_a_bet_is_handled(database):
    """A table that a migration adds belongs into ingestion/forgetting/places.py."""
    columns = set(
        database.execute(
            "select table_schema || '.' || table_name, column_name "
            "from information_schema.columns join information_schema.tables using (table_schema, table_name) "
            "where table_type = 'BASE TABLE' and table_schema in ('raw', 'processed', 'quarantine', 'features', 'ops') "
            "and data_type in ('text', 'json', 'jsonb', 'ARRAY', 'bytea', 'character varying', 'USER-DEFINED')"
        )
    )
    handled = {
        (table, column)
        for of_table in (places.TEXTS, places.OWN_WAYS, places.WITHOUT_BETS)
        for table, of_column in of_table.items()
        for column in of_column
    } | set(places.ROWS_BY_ID.items())
    assert columns == handled


@pytest.mark.parametrize("bets", [["a"], ["b"], ["a", "b", "c"]])
def test_erasure_is_remembered_by_keyed_digests(database, bets):
    write_log(database, [graded(n, bet) for n, bet in enumerate("abc", start=1)])
    forget(database, *bets)
    digests = KeyedDigests.of_store(database)
    remembered = set(database.execute("select digest, kind from ops.forgotten"))
    assert remembered == {(digests.digest("bet", bet), "bet") for bet in bets}
