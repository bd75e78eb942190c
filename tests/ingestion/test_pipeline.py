"""The hourly job on real servers: killed, locked out, repeated; and what Feast then returns."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from datetime import timedelta

import narwhals as nw
import pandas as pd
import pytest
import redis

from feature_repo import clock
from feature_repo.declarations.views import STORED_VIEWS
from feature_repo.errors import ClockRewound, LockHeld, Unreachable
from feature_repo.group_keys import entity_frame, entity_rows
from feature_repo.store import store_at
from ingestion.database.access import connect, hold_run_lock
from ingestion.doctor.postgres import check_postgres
from ingestion.features import running_sums, single_bets
from ingestion.pipeline import compare, run_materialize
from ingestion.sources.files.file_source import open_file
from tests.builders.bet_files import NOW, at, bet, jsonl, lost
from tests.rigs.commands import by_name, environ_of, pikkit
from tests.rigs.forked_commands import forked_command
from tests.rigs.lenient_pipeline import run, run_backfill
from tests.rigs.processes import wait_until

# Columns that say when and by whom a row was written, and not what it says.
WRITTEN_BY = ("run_id", "batch_id", "received_at")


def contents(connections):
    """Every row of the store, without the columns that say who wrote it, for comparison."""
    tables = [
        "raw.bet_versions",
        "processed.bet_versions",
        "quarantine.bets",
        "features.group_state",
        "features.vocabulary",
    ]
    tables += [f"features.{view.name}_changes" for view in STORED_VIEWS]
    with connect(connections.postgres, purpose="test") as connection:
        return {
            table: sorted(
                connection.execute(f"select (to_jsonb(t) - %s::text[])::text from {table} as t", [list(WRITTEN_BY)])
            )
            for table in tables
        }


# ---- killed, locked out, repeated ----------------------------------------------------------------------------------


@pytest.mark.long
def test_plain_run_after_runs_killed_at_any_instant_restores_the_store_of_an_unkilled_run(
    prepared, new_applied, tmp_path
):
    """kill -9 at ten random instants, then one plain run: the store equals that of a run that was never killed."""
    file = jsonl(
        tmp_path / "bets.jsonl",
        *(bet(f"b{n}", n % 97, sport=f"S{n % 5}", market=f"M{n % 7}") for n in range(3000)),
        *(lost(f"b{n}", 200 + n, sport=f"S{n % 5}") for n in range(0, 3000, 50)),
        *(bet(f"c{n}", status="?") for n in range(20)),
    )
    never_killed = new_applied()
    with _command(never_killed, file) as whole:
        started = time.monotonic()
        assert whole.wait().returncode == 0
        seconds = time.monotonic() - started
    dice = random.Random(20260524)
    for _ in range(10):
        with _command(prepared, file) as killed:
            time.sleep(dice.uniform(0.1, 1) * seconds)
            killed.kill()
            killed.wait()
    until_unlocked(prepared)
    with _command(prepared, file) as mending:
        assert mending.wait().returncode == 0

    assert [c for c in compare(prepared) if c.differences] == []
    assert contents(prepared) == contents(never_killed)
    with connect(prepared.postgres, purpose="test") as connection:
        assert connection.execute("select count(*) from ops.runs where state = 'running'").fetchone() == (0,)


def _command(connections, file):
    """A run of this file that is under way."""
    environ = environ_of(connections, file.parent / "home", PIKKIT_NOW=NOW.isoformat())
    return forked_command("pikkit", ["run", "--source", file], environ=environ, cwd=file.parent)


def until_unlocked(connections):
    """Postgres notices soon that the killed process is gone."""

    def is_unlocked():
        try:
            with connect(connections.postgres, purpose="test") as connection, hold_run_lock(connection, "test"):
                return True
        except LockHeld:
            return False

    wait_until(is_unlocked)


def test_a_second_run_ends_at_once_and_names_the_first(prepared, tmp_path):
    file = open_file(jsonl(tmp_path / "bets.jsonl", bet("a")))
    with (
        connect(prepared.postgres, purpose="run") as connection,
        hold_run_lock(connection, "run"),
        pytest.raises(LockHeld) as error,
    ):
        run(prepared, file)
    assert "pikkit run" in error.value.holder


def test_a_repeated_run_changes_nothing_but_the_watermark(load, prepared):
    load(bet("a", 1), lost("b", 2))
    before = contents(prepared)
    assert load(bet("a", 1), lost("b", 2), now=NOW + timedelta(hours=1)).summary.refresh.total == 0
    assert contents(prepared) == before


@pytest.mark.parametrize(("hours", "warned"), [(24, False), (25, True)])
def test_a_run_long_after_the_last_refresh_reminds_of_the_stopped_clock(load, hours, warned):
    load(bet("a", 1))
    done = load(bet("a", 1), now=NOW + timedelta(hours=hours))
    assert any("stopped clock" in warning for warning in done.summary.warnings) == warned


def test_a_clock_before_the_last_refresh_is_refused(load):
    load(bet("a", 1))
    with pytest.raises(ClockRewound):
        load(bet("b", 1), now=NOW - timedelta(days=1))


def test_a_run_leaves_a_record_with_steps_and_counts(load, prepared):
    done = load(bet("a", 1), bet("b", status="?"))
    with connect(prepared.postgres, purpose="test") as connection:
        record = connection.execute("select state, exit_code, counts ->> 'accepted' from ops.runs").fetchall()
        steps = connection.execute("select step, counts from ops.run_steps order by position").fetchall()
    assert record == [("done", 0, "1")]
    assert [(name, counts) for name, counts in steps] == [(step.name, step.document()) for step in done.steps]


def test_a_failed_run_leaves_a_record_and_the_committed_features(prepared, tmp_path):
    """Redis is gone: the features are committed, the copy is not, and the record says which exit code the run had."""
    without_redis = replace(prepared, redis=type(prepared.redis)("redis://127.0.0.1:1/0"))
    with pytest.raises(Unreachable, match="committed"):
        run(without_redis, open_file(jsonl(tmp_path / "bets.jsonl", bet("a"))))
    with connect(prepared.postgres, purpose="test") as connection:
        assert connection.execute("select state, exit_code from ops.runs").fetchall() == [("failed", 4)]


def test_a_run_copies_the_backlog_of_a_run_that_died_before_copying(prepared, tmp_path):
    file = open_file(jsonl(tmp_path / "bets.jsonl", bet("a", 1)))
    with pytest.raises(Unreachable):
        run(replace(prepared, redis=type(prepared.redis)("redis://127.0.0.1:1/0")), file)
    run(prepared, file)
    assert [c for c in compare(prepared) if c.differences] == []


def test_a_redis_that_lost_everything_is_filled_again_by_materialize(load, prepared):
    load(bet("a", 1, clv_percentage=2.0), lost("b", 2))
    with redis.Redis.from_url(prepared.redis.url) as server:
        server.flushdb()
    assert [c.name for c in compare(prepared) if c.differences] == [f"{view.name} online" for view in STORED_VIEWS]
    run_materialize(prepared)
    assert [c for c in compare(prepared) if c.differences] == []


def test_a_run_fills_a_redis_that_lost_everything(load, prepared):
    load(bet("a", 1, clv_percentage=2.0), lost("b", 2))
    with redis.Redis.from_url(prepared.redis.url) as server:
        server.flushdb()
    load(bet("c", 3), now=NOW + timedelta(hours=1))
    assert [c for c in compare(prepared) if c.differences] == []


@pytest.fixture
def other_definition(monkeypatch):
    """Until it is undone, decimal odds and shrunk win rates come out otherwise than they should."""
    describe = single_bets.described
    with monkeypatch.context() as patch:
        patch.setattr(single_bets, "described", lambda log: describe(log).with_columns(nw.col("decimal_odds") + 1))
        patch.setattr(running_sums, "SHRINKAGE", 50)
        yield patch


def test_a_backfill_after_a_change_of_definition_reaches_redis(other_definition, load, prepared):
    """Redis takes a row of an instant that it has for the same row, and a backfill writes others under old instants."""
    load(bet("a", 1), lost("b", 2))
    other_definition.undo()
    run_backfill(prepared)
    assert [c for c in compare(prepared) if c.differences] == []


def test_verify_names_a_changed_definition_as_the_cause_and_not_a_bug(other_definition, load, prepared, tmp_path):
    load(bet("a", 1), lost("b", 2))
    environ = environ_of(prepared, tmp_path / "home", PIKKIT_NOW=NOW.isoformat())
    with connect(prepared.postgres, purpose="test", autocommit=True) as connection:
        connection.execute("update features.feature_metadata set definition_hash = 'of another make'")
    told = pikkit("verify", "--no-online", environ=environ, cwd=tmp_path)
    assert (told.returncode, "pikkit backfill" in told.stderr, "bug" in told.stderr) == (1, True, False)


def test_a_backfill_does_not_make_a_dead_pipeline_look_alive(load, prepared):
    load(bet("a", 1))
    clock.set_now(NOW + timedelta(days=3))
    run_backfill(prepared)
    with connect(prepared.postgres, purpose="test") as connection:
        assert connection.execute("select features_watermark from features.watermark").fetchone() == (NOW,)


def test_a_run_warns_of_rows_that_another_definition_computed(load, prepared):
    load(bet("a", 1))
    with connect(prepared.postgres, purpose="test") as connection:
        connection.execute("update features.feature_metadata set definition_hash = '?' where view = 'sport_stats'")
    (warning,) = load(bet("b", 2)).summary.warnings[:1]
    assert "sport_stats changed" in warning
    assert "pikkit backfill" in warning


def test_a_backfill_replaces_change_rows_that_somebody_changed(load, prepared):
    load(bet("a", 1), lost("b", 2))
    before = contents(prepared)
    with connect(prepared.postgres, purpose="test") as connection:
        connection.execute("update features.sport_stats_changes set sport_roi = 7")
        connection.execute("delete from features.bet_facts_changes where bet_id = 'a'")
        connection.execute("update features.group_state set wins = 99")
    run_backfill(prepared)
    assert contents(prepared) == before
    assert [c for c in compare(prepared) if c.differences] == []


# ---- what Feast returns --------------------------------------------------------------------------------------------


def historical(connections, features, **columns):
    frame = pd.DataFrame(columns)
    store = store_at(connections)
    return store.get_historical_features(frame, features=features).to_df().sort_values("event_timestamp")


def when(*instants):
    return pd.to_datetime(list(instants), utc=True, format="ISO8601")


def test_a_bet_counts_from_the_instant_at_which_the_result_became_known(load, prepared):
    load(bet("a", 10), lost("b", 20))
    frame = historical(
        prepared,
        ["sport_stats:sport_count"],
        sport=["Soccer"] * 4,
        event_timestamp=when(at(9.999), at(10), at(19.999), at(20)),
    )
    assert frame["sport_count"].fillna(-1).tolist() == [-1, 1, 1, 2]


def test_a_regrade_leaves_features_before_the_regrade_unchanged(load, prepared):
    load(bet("a", 10), lost("a", 30))
    frame = historical(
        prepared,
        ["sport_stats:sport_win_rate", "sport_stats:sport_roi"],
        sport=["Soccer"] * 2,
        event_timestamp=when(at(29), at(31)),
    )
    assert frame[["sport_win_rate", "sport_roi"]].values.tolist() == [[1.0, 150.0], [0.0, -100.0]]


def test_a_group_that_rested_for_months_still_has_values(load, prepared):
    """R6: out of season is not stale. The 24 h TTL speaks of the pipeline, which ran yesterday."""
    load(bet("a", 10))
    load(bet("a", 10), now=NOW + timedelta(days=120))
    frame = historical(
        prepared,
        ["sport_stats:sport_count", "sport_market_recent:sport_market_count"],
        sport=["Soccer"] * 3,
        sport_market=["Soccer|Moneyline"] * 3,
        event_timestamp=when(NOW, NOW + timedelta(days=77, minutes=31), NOW + timedelta(days=120)),
    )
    assert frame[["sport_count", "sport_market_count"]].values.tolist() == [[1, 1]] * 3


@pytest.mark.parametrize(
    ("feature", "hours"), [("sport_stats:sport_count", 24), ("sport_market_recent:sport_market_count", 1)]
)
def test_a_pipeline_dead_past_the_ttl_gives_null(load, prepared, feature, hours):
    load(bet("a", 10))
    frame = historical(
        prepared,
        [feature],
        sport=["Soccer"] * 2,
        sport_market=["Soccer|Moneyline"] * 2,
        event_timestamp=when(NOW + timedelta(hours=hours), NOW + timedelta(hours=hours, microseconds=1)),
    )
    assert frame[feature.split(":")[1]].isna().tolist() == [False, True]


NAMES = [
    ("NBA", "1H Total"), ("NBA1", "H Total"), ("a|b", "c"), ("a", "b|c"), ("back\\", "slash"), ("back", "\\slash"),
    ("it's", 'a "quote"'),
    ("line\nbreak", "in\ttab"), ("😀", "🏀"), ("x" * 100, "y" * 200), ("\\N", "null?"), (None, "null?"),
]  # fmt: skip


def test_names_of_any_shape_are_kept_apart_offline_and_online(load, prepared):
    """Each group has as many bets as its position says, so a mix-up shows as another count."""
    bets = [
        bet(f"{n}-{i}", 1, sport=sport, market=market, league=None)
        for n, (sport, market) in enumerate(NAMES, start=1)
        for i in range(n)
    ]
    load(*bets)
    asked = [bets[sum(range(n))] | {"time_placed": at(60)} for n in range(1, len(NAMES) + 1)]
    store, expected = store_at(prepared), list(range(1, len(NAMES) + 1))
    features = ["sport_market_recent:sport_market_count", "sport_league_market_stats:sport_league_market_count"]
    offline = store.get_historical_features(entity_frame(asked), features=features).to_df()
    online = store.get_online_features(features=features, entity_rows=entity_rows(asked)).to_dict()
    for column in ("sport_market_count", "sport_league_market_count"):
        assert dict(zip(offline["sport_market"], offline[column], strict=True)) == dict(
            zip(online["sport_market"], expected, strict=True)
        )
        assert online[column] == expected


def test_spellings_of_a_name_are_the_same_group_and_letter_case_is_reported(load, prepared):
    spellings = ["Ligue Fran\u00e7aise", "Ligue Franc\u0327aise", "Ligue\u200b Fran\u00e7aise"]
    same = [bet(f"l{n}", 1, league=league) for n, league in enumerate(spellings)]
    cased = [bet(f"s{n}", 1, sport=sport) for n, sport in enumerate(["NBA", "NBA\u200b", "nba", "NFL"])]
    done = load(*same, *cased, bet("null", 1, market="N/A"))
    with connect(prepared.postgres, purpose="test") as connection:
        leagues = connection.execute("select distinct league from processed.bets where id like 'l%'").fetchall()
    assert leagues == [("Ligue Fran\u00e7aise",)]
    warnings = [text for text in done.summary.warnings if "letter case" in text or "NULL" in text]
    assert warnings == [
        "Names that differ in letter case only are groups of their own (graded bets): sport NBA (2), nba (1).",
        "1 names said NULL, None, NaN or N/A and were read as null.",
    ]


def test_the_doctor_names_groups_that_differ_in_letter_case_only(load, prepared):
    load(bet("a", 1, league="LaLiga"), bet("b", 1, league="LALIGA"), bet("c", 1, market="Props"))
    check = by_name(check_postgres(prepared.postgres))["names"]
    assert (check.verdict, "league LALIGA (1), LaLiga (1)" in check.found) == ("warn", True)
