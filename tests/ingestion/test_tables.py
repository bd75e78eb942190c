"""A table as the source of the whole job: corrections down to the served value, outages, kills, secrets."""

from __future__ import annotations

import random
import subprocess
import time
from datetime import timedelta
from pathlib import Path

import pytest

from feature_repo import clock
from feature_repo.group_keys import entity_rows
from feature_repo.store import store_at
from ingestion.database.access import connect
from ingestion.intake.request import TableRows
from ingestion.pipeline import compare, run_reconcile
from ingestion.progress import silent
from tests.builders.bet_files import NOW, T0, bet, lost
from tests.builders.source_table import delete, put
from tests.ingestion.test_pipeline import contents, until_unlocked
from tests.rigs import faults
from tests.rigs.commands import PIKKIT, environ_of, pikkit, pikkit_here
from tests.rigs.forked_commands import forked_command
from tests.rigs.lenient_pipeline import run

over_rest = pytest.mark.parametrize("source", ["supabase"], indirect=True)
by_copy = pytest.mark.parametrize("source", ["postgres"], indirect=True)


@pytest.fixture
def environ(prepared, source, tmp_path):
    """What a user of both has in the environment."""
    ours = source.environ | {"PIKKIT_NOW": NOW.isoformat(), "SOURCE_PATIENCE_SECONDS": "0"}
    return environ_of(prepared, tmp_path / "home", **ours)


def query(connections, statement):
    with connect(connections.postgres, purpose="test") as connection:
        return connection.execute(statement).fetchall()


# ---- corrections ---------------------------------------------------------------------------------------------------


@pytest.mark.long
def test_corrections_of_every_kind_reach_the_served_value(prepared, source):
    """Win to loss, loss to void, another stake, another market, unsettled again, deleted, restored."""
    store = store_at(prepared)
    features = ["sport_market_stats:sport_market_win_rate", "sport_market_stats:sport_market_roi"]

    def served(hour, market="Moneyline"):
        clock.set_now(NOW + timedelta(hours=hour))
        run(prepared, source.open(silent))
        rows = entity_rows([bet("x", market=market)])
        found = store.get_online_features(features, rows).to_dict()
        assert not any(compared.differences for compared in compare(prepared))
        return found["sport_market_win_rate"][0], found["sport_market_roi"][0]

    def now_is(hour, **differs):
        put(source.postgres, bet("a", **differs, updated_at=(NOW + timedelta(hours=hour)).isoformat()))

    put(source.postgres, bet("a", 1), lost("b", 2))
    assert served(0) == (0.5, 25.0)
    now_is(1, status="SETTLED_LOSS", profit=-10.0)
    assert served(1) == (0.0, -100.0)
    now_is(2, status="SETTLED_VOID", profit=0.0)
    assert served(2) == (0.0, -100.0)
    now_is(3, amount=30.0, profit=45.0)
    assert served(3) == (0.5, 87.5)
    now_is(4, market="Spread")
    assert (served(4), served(4.1, "Spread")) == ((0.0, -100.0), (1.0, 150.0))
    now_is(5, status="PENDING", profit=0.0)
    assert served(5) == (0.0, -100.0)
    now_is(6)
    assert served(6) == (0.5, 25.0)
    delete(source.postgres, ["a"])
    clock.set_now(NOW + timedelta(hours=7))
    run_reconcile(prepared, source.open(silent))
    assert served(7) == (0.0, -100.0)
    now_is(6)
    assert served(8) == (0.5, 25.0)


# ---- parts, everything, clocks -------------------------------------------------------------------------------------


def test_a_partial_sync_leaves_the_cursor(sync, source, database):
    put(source.postgres, bet("a", 10), bet("b", 20, sport="Tennis"), bet("c", 30), bet("d", 40, sport=None))

    def cursor():
        return database.execute("select cursor_updated_at, last_success_at from ops.sync_state").fetchall()

    assert sync(sport="Tennis").accepted == 1
    assert sync(sport=r"\N").accepted == 1
    assert sync(since=T0 + timedelta(minutes=10), until=T0 + timedelta(minutes=30)).accepted == 1
    assert cursor() == [(None, None)]
    assert sync().accepted == 1
    assert cursor() == [(T0 + timedelta(minutes=40), NOW)]
    put(source.postgres, bet("late", 5), bet("later", 6))
    assert sync(since=T0, until=T0 + timedelta(minutes=6)).accepted == 1
    assert sync(sport="Soccer").accepted == 1
    assert cursor() == [(T0 + timedelta(minutes=40), NOW)]


def test_a_row_rewritten_under_an_old_updated_at_is_found_by_a_full_sync(sync, source, database):
    put(source.postgres, bet("a", 10), bet("b", 60))
    sync()
    put(source.postgres, lost("a", 10))
    assert sync().accepted == 0
    assert sync(is_full=True).accepted == 1
    assert database.execute("select profit_cents from processed.bets where id = 'a'").fetchone() == (-1000,)


def test_a_late_commit_within_the_overlap_arrives(sync, source):
    put(source.postgres, bet("a", 60))
    sync()
    put(source.postgres, bet("late", 51), bet("too late", 49))
    assert sync().accepted == 1


def test_rows_of_a_source_five_hours_ahead_are_accepted_once_the_clock_reaches_the_stamp(sync, source, database):
    """Neither its rows nor one from 2099 keep later ones from coming."""
    ahead = (NOW + timedelta(hours=5)).isoformat()
    put(source.postgres, bet("a", 10), bet("ahead", updated_at=ahead), bet("never", updated_at="2099-01-01T00:00:00Z"))
    assert sync().future == 2
    put(source.postgres, bet("b", 20))
    assert sync(now=NOW + timedelta(hours=1)).accepted == 1
    assert sync(now=NOW + timedelta(hours=5)).accepted == 1
    assert database.execute("select id from quarantine.bets where state = 'open'").fetchall() == [("never",)]
    assert database.execute("select cursor_id from ops.sync_state").fetchall() == [("ahead",)]


# ---- outages, kills, secrets ---------------------------------------------------------------------------------------


@over_rest
def test_third_failed_sync_in_a_row_opens_an_alert_that_the_next_good_sync_clears(source, prepared, environ, tmp_path):
    put(source.postgres, bet("a", 1))
    source.proxy.storm(1.0, 1, [faults.unavailable])
    alerts = "select severity, resolved_at is null from ops.alerts"
    for failed in (1, 2, 3):
        ended = pikkit_here("sync", environ=environ)
        assert (ended.returncode, "503" in ended.stderr) == (4, True)
        assert query(prepared, "select consecutive_failures from ops.sync_state") == [(failed,)]
        assert query(prepared, alerts) == ([("critical", True)] if failed == 3 else [])
    assert "3 syncs of this source have failed in a row" in ended.stderr
    assert "failed 3 times in a row" in " ".join(pikkit_here("status", environ=environ).stdout.split())
    source.proxy.storm(0, 1)
    assert pikkit_here("sync", environ=environ).returncode == 0
    assert query(prepared, alerts) == [("critical", False)]
    assert query(prepared, "select consecutive_failures from ops.sync_state") == [(0,)]


@by_copy
def test_refused_reconciliation_counts_as_no_failed_sync_and_keeps_an_alert_until_a_reconciliation_passes(
    source, prepared, environ, tmp_path
):
    put(source.postgres, *(bet(f"b{n}", n) for n in range(250)))
    assert pikkit_here("sync", environ=environ).returncode == 0
    delete(source.postgres, [f"b{n}" for n in range(120)])
    assert pikkit_here("reconcile", environ=environ).returncode == 3
    assert pikkit_here("sync", environ=environ).returncode == 0
    assert query(prepared, "select consecutive_failures from ops.sync_state") == [(0,)]
    assert "120 of 250 bets" in " ".join(pikkit_here("status", environ=environ).stdout.split())
    assert pikkit_here("reconcile", "--most-deletes", "120", environ=environ).returncode == 0
    assert query(prepared, "select count(*) from ops.alerts where resolved_at is null") == [(0,)]


@over_rest
def test_failed_reconciliation_keeps_an_alert_while_syncs_succeed(source, prepared, environ, tmp_path):
    put(source.postgres, bet("a", 1))
    source.proxy.before = lambda request: (
        source.proxy.storm(1.0, 1, [faults.unavailable]) if "pikkit_bet_digests" in request.path else None
    )
    assert pikkit_here("reconcile", environ=environ).returncode == 4
    source.proxy.before = lambda request: None
    source.proxy.storm(0, 1)
    assert pikkit_here("sync", environ=environ).returncode == 0
    alerts = "select cause like 'reconciliation with %', resolved_at is null from ops.alerts"
    assert query(prepared, alerts) == [(True, True)]
    assert pikkit_here("reconcile", environ=environ).returncode == 0
    assert query(prepared, alerts) == [(True, False)]


@by_copy
def test_alert_about_a_mistaken_table_name_clears_at_the_next_good_sync(source, prepared, environ, tmp_path):
    put(source.postgres, bet("a", 1))
    wrong = environ | {"SUPABASE_TABLE": "wetten"}
    assert {pikkit_here("sync", environ=wrong).returncode for _ in range(3)} == {2}
    assert query(prepared, "select count(*) from ops.alerts where resolved_at is null") == [(1,)]
    assert pikkit_here("sync", environ=environ).returncode == 0
    assert query(prepared, "select count(*) from ops.alerts where resolved_at is null") == [(0,)]
    assert "wetten" not in pikkit_here("status", environ=environ).stdout


@over_rest
def test_sync_of_persistently_truncated_answers_exits_4_and_stores_no_row(source, prepared, environ, tmp_path):
    put(source.postgres, *(bet(f"b{n}", n) for n in range(50)))
    source.proxy.storm(1.0, 1, [faults.last_rows_left_out])
    ended = pikkit("sync", environ=environ, cwd=tmp_path)
    assert ended.returncode == 4
    assert query(prepared, "select count(*) from raw.bet_versions") == [(0,)]


def test_a_sync_killed_at_any_instant_is_done_by_the_next(source, prepared, new_applied, environ, tmp_path):
    """The rows and the cursor come together or not at all."""
    put(source.postgres, *(bet(f"b{n}", n, sport=f"S{n % 5}") for n in range(3000)), bet("c", status="?"))
    never_killed = new_applied()
    elsewhere = environ_of(never_killed, tmp_path / "other", **environ_of_source(environ))
    with forked_command("pikkit", ["sync"], environ=elsewhere, cwd=tmp_path) as whole:
        started = time.monotonic()
        assert whole.wait().returncode == 0
        seconds = time.monotonic() - started
    dice = random.Random(3)
    for _ in range(8):
        with forked_command("pikkit", ["sync"], environ=environ, cwd=tmp_path) as killed:
            time.sleep(dice.uniform(0.1, 1) * seconds)
            killed.kill()
            killed.wait()
        synced = query(
            prepared, "select (select count(*) from ops.sync_state), (select count(*) from raw.bet_versions)"
        )
        assert synced in ([(0, 0)], [(1, 3001)])
    until_unlocked(prepared)
    assert pikkit("sync", environ=environ, cwd=tmp_path).returncode == 0
    cursor = "select stream, cursor_updated_at, cursor_id, total_versions from ops.sync_state"
    assert query(prepared, cursor) == query(never_killed, cursor)
    assert contents(prepared) == contents(never_killed)


def environ_of_source(environ):
    return {name: value for name, value in environ.items() if name.startswith(("SUPABASE_", "SOURCE_", "PIKKIT_NOW"))}


@over_rest
def test_a_wrong_source_key_ends_a_run_at_once_and_is_printed_nowhere(source, prepared, environ, tmp_path):
    key = "eyJhbGciOiJIUzI1NiJ9.c2VjcmV0LXNlY3JldA.bm90LWEta2V5"
    ended = pikkit("sync", environ=environ | {"SUPABASE_KEY": key, "SOURCE_PATIENCE_SECONDS": "60"}, cwd=tmp_path)
    assert (ended.returncode, "SUPABASE_KEY" in ended.stderr) == (2, True)
    assert len(source.proxy.requests) == 1
    record = query(prepared, "select error from ops.runs")
    assert not any(key in text for text in (ended.stdout, ended.stderr, str(record)))


@over_rest
def test_no_source_key_is_in_the_arguments_or_environment_of_the_process(source, environ, tmp_path):
    put(source.postgres, bet("a", 1))
    seen = []

    def look(_):
        seen.extend(path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if is_ours(path))

    def is_ours(path):
        try:
            return environ["PIKKIT_HOME"].encode() in path.with_name("environ").read_bytes()
        except OSError:
            return False

    source.proxy.before = look
    ended = subprocess.run(
        [PIKKIT, "sync", "--full"],
        env=environ | {"HTTPX_LOG_LEVEL": "trace"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert seen
    key = environ["SUPABASE_KEY"]
    assert not any(key.encode() in title for title in seen)
    assert key not in ended.stdout + ended.stderr


@by_copy
def test_two_configured_tables_need_the_source_option(environ, tmp_path):
    ended = pikkit("sync", environ=environ | {"SUPABASE_URL": "http://x", "SUPABASE_KEY": "k"}, cwd=tmp_path)
    assert (ended.returncode, "--source supabase or --source postgres" in ended.stderr) == (2, True)


def test_a_run_without_any_source_names_the_settings(connections, tmp_path):
    ended = pikkit("sync", environ=environ_of(connections, tmp_path / "home"), cwd=tmp_path)
    assert (ended.returncode, "SUPABASE_URL" in ended.stderr) == (2, True)


@by_copy
def test_sync_of_a_file_with_a_sport_option_exits_2(environ, tmp_path):
    file = tmp_path / "bets.jsonl"
    file.write_text("{}\n")
    ended = pikkit("sync", "--source", file, "--sport", "Soccer", environ=environ, cwd=tmp_path)
    assert ended.returncode == 2


def test_a_bet_deleted_during_the_count_refuses_no_run(prepared, source, monkeypatch):
    """A table is counted, then read: what vanished in between is no truncation."""
    put(source.postgres, *(bet(f"b{n}", n) for n in range(30)))
    table = source.open(silent)
    counted = TableRows.pages
    monkeypatch.setattr(TableRows, "pages", lambda rows: (delete(source.postgres, ["b7"]), counted(rows))[1])
    done = run(prepared, table)
    assert done.summary.gates.state == "passed"
