"""The three views of latest values (migration 0005), against the change rows and group state they are made from."""

from __future__ import annotations

import uuid
from collections import Counter
from datetime import timedelta
from decimal import Decimal

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_repo.declarations.groups import INSTITUTION, SPORT, SPORT_MARKET
from feature_repo.group_keys import make_key, split_key
from ingestion.features.refresh import refresh
from tests.builders.bet_logs import EPOCH, graded, logs
from tests.ingestion.features.test_refresh import LATER, write_log

# What a name may be made of that a careless reader of keys trips over.
parts = st.one_of(st.none(), st.text(st.sampled_from(["|", "\\", "N", "\n", "é", "𝄞", "\x01", "'", "%"]), max_size=6))


def load(connection, *batches):
    for batch in batches:
        write_log(connection, batch)
        refresh(connection, run_id=uuid.uuid4(), now=LATER)


def rows(connection, view, *columns):
    return connection.execute(f"select {', '.join(columns) or '*'} from features.{view} order by 1").fetchall()


def newest(connection, view, join_key):
    """The newest change row of each key, as a dict."""
    cursor = connection.cursor(row_factory=psycopg.rows.dict_row)
    found = {}
    for row in cursor.execute(f"select * from features.{view}_changes order by event_timestamp"):
        found[row[join_key]] = row
    return found


def money(state, column):
    return (Decimal(state[column]) / 100).quantize(Decimal("0.01"))


def names(key):
    return tuple(part or "" for part in split_key(key))


def expected(connection):
    """The rows of the three views, put together in Python."""
    cursor = connection.cursor(row_factory=psycopg.rows.dict_row)
    states = {(s["grouping"], s["key"]): s for s in cursor.execute("select * from features.group_state")}
    sums = [column for column in next(iter(states.values()), {}) if column not in ("grouping", "key", "recent")]
    live = {at: state for at, state in states.items() if any(state[column] for column in sums)}
    sport, institution = (newest(connection, f"{g.name}_stats", g.join_key) for g in (SPORT, INSTITUTION))
    market, recent = (newest(connection, f"sport_market_{kind}", "sport_market") for kind in ("stats", "recent"))
    views = {"feature_sport_stats": set(), "feature_sport_market_stats": set(), "feature_institution_stats": set()}
    for (grouping, key), state in live.items():
        if grouping == SPORT.name:
            row = sport[key]
            totals = (row["sport_count"], money(state, "stake_cents"), money(state, "profit_cents"))
            values = (row["sport_win_rate"], row["sport_roi"], *totals, row["event_timestamp"])
            views["feature_sport_stats"].add((*names(key), *values))
        elif grouping == INSTITUTION.name:
            row = institution[key]
            values = (
                row["institution_win_rate"],
                row["institution_roi"],
                row["institution_count"],
                row["event_timestamp"],
            )
            views["feature_institution_stats"].add((*names(key), *values))
        elif grouping == SPORT_MARKET.name:
            row, last = market[key], recent.get(key, {})
            at = max(row["event_timestamp"], last.get("event_timestamp", row["event_timestamp"]))
            rates = (row["sport_market_win_rate"], row["sport_market_roi"])
            values = (*rates, last.get("sport_market_count", 0), last.get("recent_win_rate"), at)
            views["feature_sport_market_stats"].add((*names(key), *values))
    return views


@pytest.mark.long
@settings(max_examples=40)
@given(logs(max_size=40))
def test_the_views_hold_the_features_of_the_newest_change_rows_to_the_bit(database, log):
    with database.transaction(force_rollback=True):
        load(database, log)
        found = {view: Counter(rows(database, view)) for view in expected(database)}
        assert found == {view: Counter(held) for view, held in expected(database).items()}


@settings(max_examples=300)
@given(st.lists(parts, min_size=1, max_size=3))
def test_a_key_is_split_into_the_parts_that_were_joined(database, values):
    key = make_key(values)
    split = "select array_agg(features.key_part(%s, number) order by number) from generate_series(1, %s) as number"
    (found,) = database.execute(split, [key, len(values)]).fetchone()
    assert found == [part or "" for part in values]


@pytest.mark.parametrize("sport", ["a|b", "\\N", "\\\\N", "|", "\\", "Bet&Win, O'Hare", "日本\n\t"])
@pytest.mark.parametrize("market", ["1H|Total", "\\N", None])
def test_latest_values_hold_names_of_any_spelling_unchanged(database, sport, market):
    load(database, [graded(1, "a", sport=sport, market=market)])
    assert rows(database, "feature_sport_market_stats", "sport", "market") == [(sport, market or "")]


def test_an_unknown_latest_value_is_null_and_never_a_default(database):
    """A cash-out is staked and not graded; a push with a CLV is neither."""
    load(
        database,
        [
            graded(1, "a", "SETTLED_CASHEDOUT", sport="cash", profit_cents=-50),
            graded(2, "b", "SETTLED_PUSH", sport="push", clv_percentage=1.5),
        ],
    )
    columns = ("sport", "win_rate", "roi", "total_bets", "total_amount", "total_profit")
    assert rows(database, "feature_sport_stats", *columns) == [
        ("cash", None, -50.0, 0, Decimal("1.00"), Decimal("-0.50")),
        ("push", None, None, 0, Decimal("0.00"), Decimal("0.00")),
    ]
    columns = ("sport", "win_rate", "total_bets", "recent_win_rate")
    assert rows(database, "feature_sport_market_stats", *columns) == [("cash", None, 0, None), ("push", None, 0, None)]


def test_latest_money_totals_are_exact_decimals(database):
    bets = [graded(n, f"b{n}", amount_cents=10, profit_cents=20) for n in range(1, 4)]
    load(database, bets)
    assert rows(database, "feature_sport_stats", "total_amount", "total_profit") == [(Decimal("0.30"), Decimal("0.60"))]


def test_group_without_remaining_bets_is_absent_from_the_latest_values(database):
    """Deleted bets, and a bet that moved to another sport; in a batch of their own, and in the same."""
    gone = graded(3, "a", sport="gone", is_deleted=True, previous_seq=1)
    moved = graded(4, "b", sport="new", previous_seq=2)
    load(database, [graded(1, "a", sport="gone"), graded(2, "b", sport="old")], [gone, moved])
    assert rows(database, "feature_sport_stats", "sport") == [("new",)]
    assert rows(database, "feature_sport_market_stats", "sport") == [("new",)]
    assert rows(database, "feature_institution_stats", "institution_name", "total_bets") == [("I", 1)]


def test_updated_at_of_latest_values_is_the_instant_of_the_newest_change_row(database):
    load(database, [graded(1, "a"), graded(2, "b", sport="other")], [graded(3, "a", "SETTLED_LOSS", previous_seq=1)])
    at = [EPOCH + timedelta(seconds=3), EPOCH + timedelta(seconds=2)]
    assert rows(database, "feature_sport_stats", "sport", "updated_at") == list(zip(["S", "other"], at, strict=True))


def test_updated_at_of_latest_values_follows_a_change_of_the_recent_win_rate_alone(database):
    """The oldest of 11 bets, the only lost one, is sent again: it is now the newest, and no sum has changed."""
    first = graded(1, "b1", "SETTLED_LOSS")
    load(database, [first, *(graded(n, f"b{n}") for n in range(2, 12))])
    again = first | {"seq": 12, "known_at": EPOCH + timedelta(seconds=12), "previous_seq": 1}
    load(database, [again])
    columns = ("recent_win_rate", "total_bets", "updated_at")
    assert rows(database, "feature_sport_market_stats", *columns) == [(0.9, 11, again["known_at"])]


def test_a_view_looks_up_each_group_and_reads_no_change_table_whole(database):
    """A thousand change rows per group, as an old store has: the plan must not touch them all."""
    load(database, [graded(1, "a")])
    database.execute(
        "insert into features.sport_stats_changes (sport, event_timestamp, created_timestamp, run_id) "
        "select 'S', now() + n * interval '1 s', now(), gen_random_uuid() from generate_series(1, 1000) as n"
    )
    database.execute("analyze features.sport_stats_changes")
    plan = [line for (line,) in database.execute("explain select * from features.feature_sport_stats")]
    assert any("Index Scan Backward using sport_stats_changes_sport" in line for line in plan)
    assert not any("Seq Scan on sport_stats_changes" in line for line in plan)
