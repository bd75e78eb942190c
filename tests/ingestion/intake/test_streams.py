"""Sources that lost columns, rows, or the right to show them; rows that say they are deleted; loads that come late."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta

import polars as pl
import psycopg
import pytest
from psycopg import sql

from feature_repo import clock
from feature_repo.errors import (
    ColumnsVanished,
    ConfigurationError,
    DeletesRefused,
    GateRefused,
    LateFirstLoad,
    SourceShrank,
)
from ingestion.database.access import connect
from ingestion.doctor.sources import check_sources
from ingestion.features.refresh import refresh
from ingestion.features.verify import verify_offline
from ingestion.gates.config_file import gates_of
from ingestion.intake.content_hash import content_hashes
from ingestion.intake.load import load_rows
from ingestion.intake.request import SyncRequest
from ingestion.intake.streams import optional_columns, stream_states
from ingestion.pipeline import run_reconcile, run_sync
from ingestion.progress import silent
from ingestion.runs.status import store_status
from ingestion.sources.files.file_source import open_file
from ingestion.sources.json_rows import page_of
from ingestion.sources.postgres.postgres_table import PostgresReading, open_postgres
from ingestion.sources.settings import SourcePostgres, SourceSettings
from quality.schema import validate
from tests.builders.bet_files import NOW, T0, at, bet, csv_text, jsonl, lost
from tests.builders.source_table import create_bets, delete, put
from tests.conftest import LENIENT_GATES
from tests.ingestion.conftest import PATIENCE, conninfo
from tests.rigs import faults
from tests.rigs.commands import by_name, digests, environ_of, pikkit
from tests.rigs.lenient_pipeline import run
from tests.rigs.trouble import execute

by_copy = pytest.mark.parametrize("source", ["postgres"], indirect=True)

BETS = "select id, profit_cents from processed.bets order by id"
RENAMED = "alter table bets rename column clv_percentage to clv_pct"
NAMED_BACK = "alter table bets rename column clv_pct to clv_percentage"


@pytest.fixture
def read(prepared, source):
    """Syncs the table and returns the run's warnings as one text."""

    def read(**request):
        return "\n".join(run_sync(prepared, source.open(silent), SyncRequest(**request)).summary.warnings)

    return read


def state_of(connections):
    with connect(connections.postgres, purpose="test") as connection:
        (state,) = stream_states(connection).values()
        return state


# ---- columns -------------------------------------------------------------------------------------------------------


def test_a_column_that_a_table_lost_is_named_and_nothing_is_changed(prepared, source, read):
    put(source.postgres, bet("a", 1, clv_percentage=2.5), bet("b", 2, clv_percentage=2.5))
    read()
    before = digests(prepared)
    execute(source.postgres, RENAMED)
    for attempt in (
        read,
        lambda: read(is_full=True),
        lambda: read(sport="Soccer"),
        lambda: run(prepared, source.open(silent)),
        lambda: run_reconcile(prepared, source.open(silent)),
    ):
        with pytest.raises(ColumnsVanished, match="clv_percentage may be clv_pct now") as refused:
            attempt()
        assert (refused.value.columns, refused.value.exit_code) == (("clv_percentage",), 2)
    after = digests(prepared)
    # The failures are counted, and the third one rings.
    assert {name for name in before if before[name] != after[name]} == {"ops.sync_state", "ops.alerts"}


def test_column_given_as_without_is_recorded_until_the_table_has_the_column_again(prepared, source, read, query):
    put(source.postgres, bet("a", 1, clv_percentage=2.5), bet("b", 60, clv_percentage=2.5))
    read()
    execute(source.postgres, RENAMED)
    assert "no clv_percentage any more, which was accepted" in read(without=frozenset({"clv_percentage"}))
    assert "clv_percentage" not in read()
    # What the overlap reads again has lost it, as was accepted.
    assert query("select id, clv_percentage from processed.bets order by id") == [("a", 2.5), ("b", None)]
    (stream,) = store_status(prepared, NOW).contents.streams
    assert (stream.without_columns, stream.row_count) == (["clv_percentage"], 2)
    execute(source.postgres, NAMED_BACK)
    assert "has clv_percentage now" in read()
    assert state_of(prepared).without_columns == []
    assert "so --without changed nothing" in read(without=frozenset({"clv_percentage"}))
    execute(source.postgres, RENAMED)
    with pytest.raises(ColumnsVanished):
        read()


def test_stream_without_recorded_columns_records_columns_and_rows_at_the_next_sync(prepared, source, read):
    put(source.postgres, bet("a", 1))
    read()
    execute(prepared.postgres, "update ops.sync_state set columns = null, row_count = null")
    assert "clv" not in read()
    assert "clv_percentage" in state_of(prepared).columns
    assert state_of(prepared).row_count == 1


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_a_column_that_a_file_lost_is_named_and_nothing_is_changed(prepared, tmp_path, suffix, query):
    def load(*bets, **request):
        path = tmp_path / f"bets{suffix}"
        if suffix == ".jsonl":
            jsonl(path, *bets)
        else:
            path.write_text(csv_text(*bets))
        return run_sync(prepared, open_file(path), SyncRequest(**request))

    load(bet("a", 1, clv_percentage=2.5))
    other = {name: value for name, value in bet("a", 2).items() if name != "clv_percentage"}
    with pytest.raises(ColumnsVanished) as refused:
        load(other | {"CLV": 2.5})
    assert refused.value.columns == ("clv_percentage",)
    assert query("select clv_percentage from processed.bet_versions") == [(2.5,)]
    assert load(other, without=frozenset({"clv_percentage"})).summary.sync.accepted == 1
    assert load(other).summary.sync.accepted == 0


def test_without_refuses_a_required_column():
    assert optional_columns(["clv_ev", "roi"]) == {"clv_ev", "roi"}
    with pytest.raises(
        ConfigurationError, match=r"--without amount, clv_pct: no column .* Did you mean clv_percentage\?"
    ):
        optional_columns(["roi", "amount", "clv_pct"])


def test_columns_that_are_not_read_are_named_at_the_first_sync_of_each_stream(prepared, source, read, tmp_path):
    run_sync(prepared, open_file(jsonl(tmp_path / "others.jsonl", bet("of a file"))))
    put(source.postgres, bet("a", 1))
    assert "were not read: raw_json" in read()
    assert "raw_json" not in read()


@by_copy
def test_sync_command_refuses_vanished_columns_until_the_without_option_names_each(prepared, source, tmp_path):
    ours = source.environ | {"PIKKIT_NOW": NOW.isoformat()}
    environ = environ_of(prepared, tmp_path / "home", **ours)
    put(source.postgres, bet("a", 1))
    assert pikkit("sync", environ=environ, cwd=tmp_path).returncode == 0
    execute(source.postgres, "alter table bets drop column clv_ev, drop column is_live")
    refused = pikkit("sync", environ=environ, cwd=tmp_path)
    assert refused.returncode == 2
    assert "--without clv_ev --without is_live" in refused.stderr
    accepted = pikkit("sync", "--without", "clv_ev", "--without", "is_live", environ=environ, cwd=tmp_path)
    assert accepted.returncode == 0, accepted.stderr
    assert "clv_ev, is_live" in pikkit("status", "--all", environ=environ | {"COLUMNS": "250"}, cwd=tmp_path).stdout


# ---- deletes that a row tells of -----------------------------------------------------------------------------------


def test_row_flagged_as_deleted_is_a_delete_until_the_flag_is_gone(source, sync, compare, database):
    put(
        source.postgres,
        bet("a", 1),
        lost("b", 2, deleted_at=at(2)),
        lost("c", 3, is_deleted=True),
        lost("d", 4, is_deleted=False),
    )
    assert (sync().accepted, sync().accepted) == (4, 0)
    assert database.execute(BETS).fetchall() == [("a", 1500), ("d", -1000)]
    refresh(database, run_id=uuid.uuid4(), now=NOW)
    later = [(NOW + timedelta(hours=hour)).isoformat() for hour in (1, 2)]
    put(
        source.postgres,
        bet("a", updated_at=later[0], deleted_at=later[0]),
        lost("b", 3, updated_at=later[1], deleted_at=None),
    )
    now = NOW + timedelta(hours=2)
    counts = sync(now=now)
    assert (counts.accepted, counts.deleted, counts.late) == (2, 1, 0)
    assert database.execute(BETS).fetchall() == [("b", -1000), ("d", -1000)]
    put(source.postgres, bet("a", 1, deleted_at=None))
    sync(now=now, is_full=True)
    assert database.execute(BETS).fetchall() == [("a", 1500), ("b", -1000), ("d", -1000)]
    refresh(database, run_id=uuid.uuid4(), now=now)
    assert not sum(found.differences for found in verify_offline(database))
    assert compare(now=now).differing == 0


def test_delete_in_a_broken_row_of_a_table_still_deletes(source, sync, compare, database):
    put(source.postgres, bet("a", 1), bet("b", 2), bet("c", 3, status="?", is_deleted=True))
    sync()
    put(source.postgres, bet("a", 60, amount=-1, deleted_at=at(60)), bet("b", 60, amount=-1))
    counts = sync()
    assert (counts.accepted, counts.quarantined, counts.broken_deletes) == (0, 2, 1)
    assert database.execute(BETS).fetchall() == [("b", 1500)]
    states = "select id, state, reasons from quarantine.bets order by id"
    assert database.execute(states).fetchall() == [
        ("a", "superseded", ["amount: below 0"]),
        ("b", "open", ["amount: below 0"]),
        ("c", "superseded", ["status: unknown value"]),
    ]
    assert (sync().quarantined, compare().differing) == (0, 0)
    put(source.postgres, bet("a", 61, deleted_at=None))
    assert sync().accepted == 1
    assert database.execute(BETS).fetchall() == [("a", 1500), ("b", 1500)]
    refresh(database, run_id=uuid.uuid4(), now=NOW)
    assert not sum(found.differences for found in verify_offline(database))


def test_broken_delete_in_a_file_is_quarantined_and_leaves_the_bet_unchanged(database, tmp_path):
    """A file says what was: a newer row of it, an older version or a copy that contradicts may say otherwise."""

    def load(*bets):
        file = open_file(jsonl(tmp_path / "log.jsonl", *bets))
        return load_rows(database, file, run_id=uuid.uuid4(), now=NOW)

    load(bet("a", 1), bet("b", 1), bet("c", 1))
    counts = load(
        bet("a", 50, status="?", is_deleted=True),
        bet("a", 60, status="??"),
        bet("b", 5, is_deleted=True),
        bet("b", 5, profit=14, is_deleted=False),
    )
    assert (counts.accepted, counts.quarantined, counts.broken_deletes) == (0, 4, 0)
    assert database.execute("select distinct state from quarantine.bets").fetchall() == [("open",)]
    assert database.execute(BETS).fetchall() == [("a", 1500), ("b", 1500), ("c", 1500)]


def test_delete_with_a_list_in_another_column_still_deletes(source, sync, database):
    put(source.postgres, bet("a", 1), bet("b", 2))
    sync()
    with psycopg.connect(conninfo(source.postgres)) as app:
        app.execute("alter table bets alter column amount type text")
        app.execute("update bets set amount = 'ten', is_deleted = true, updated_at = %s where id = 'a'", [at(60)])
    assert sync().broken_deletes == 1
    assert database.execute(BETS).fetchall() == [("b", 1500)]


def test_unreadable_row_keeps_the_delete_flag():
    page = page_of([json.dumps(bet("a", 5, sport=["x"], is_deleted=True)).encode()])
    assert page.rows.select("id", "sport", "is_deleted", "status").row(0) == ("a", None, True, None)


@pytest.mark.parametrize("name", ["a\0b", "a\ud800b"])
def test_column_name_that_postgres_cannot_hold_is_recorded_with_escapes(prepared, tmp_path, name):
    file = tmp_path / "odd.jsonl"
    file.write_text(json.dumps(bet("a", 1) | {name: 1}) + "\n")
    done = run(prepared, open_file(file))
    assert len(done.summary.sync.unknown_columns) == 1
    assert done.summary.sync.accepted == 1


def test_content_hash_of_a_row_that_is_not_deleted_ignores_the_delete_flag():
    rows = [bet("a", 5, settled_at="2026-05-01T13:00:00Z", clv_percentage=2.5), bet("b", created_at=None)]
    marked = [row | {"deleted_at": None, "is_deleted": False} for row in rows]
    gone = [row | {"is_deleted": True} for row in rows]
    hashes = [
        [digest.hex() for digest in content_hashes(validate(pl.DataFrame(some), NOW).accepted)]
        for some in (rows, marked, gone)
    ]
    assert hashes[0] == ["90766c09c8cbdba5040f48d912155c9b", "b54cfb5161f4baf401fbf7d9d0c597f1"]
    assert hashes[1] == hashes[0]
    assert not set(hashes[2]) & set(hashes[0])


# ---- rows ----------------------------------------------------------------------------------------------------------

ALERTS = "select severity from ops.alerts where cause like 'rows shown by%' and resolved_at is null"


@pytest.mark.parametrize("left", [0, 4])
def test_table_that_shows_no_row_or_under_half_is_refused_by_run_sync_and_reconcile(prepared, source, query, left):
    bets = [bet(f"b{n}", n) for n in range(10)]
    put(source.postgres, *bets)
    run(prepared, source.open(silent))
    delete(source.postgres, [row["id"] for row in bets[: 10 - left]])
    before = digests(prepared)
    clock.set_now(NOW + timedelta(hours=1))
    for attempt in (run, run_sync, run_reconcile):
        with pytest.raises(SourceShrank, match=f"showed 10 rows at the last sync, and shows {left} now") as refused:
            attempt(prepared, source.open(silent))
        assert (refused.value.shown, refused.value.before, refused.value.exit_code) == (left, 10, 3)
    assert f"--most-deletes {10 - left}" in str(refused.value)
    after = digests(prepared)
    assert {name for name in before if before[name] != after[name]} == {"ops.sync_state", "ops.alerts"}
    assert query(ALERTS) == [("critical",)]
    assert query("select cursor_updated_at, row_count from ops.sync_state") == [(T0 + timedelta(minutes=9), 10)]
    put(source.postgres, *bets)
    run(prepared, source.open(silent))
    assert query(ALERTS) == []


def test_table_with_exactly_half_of_the_rows_left_is_read(prepared, source, read, query):
    put(source.postgres, *(bet(f"b{n}", 60 * n) for n in range(10)))
    read()
    delete(source.postgres, [f"b{n}" for n in range(5, 10)])
    assert "not even the row that the last sync ended with, of 5" in read()
    assert query("select row_count from ops.sync_state") == [(5,)]


def test_emptied_table_is_accepted_when_most_deletes_allows_every_row(prepared, source, read, query):
    put(source.postgres, *(bet(f"b{n}", n) for n in range(10)))
    read()
    delete(source.postgres, [f"b{n}" for n in range(10)])
    with pytest.raises(DeletesRefused):
        run_reconcile(prepared, source.open(silent), most_deletes=9)
    assert query("select row_count from ops.sync_state") == [(10,)]
    assert run_reconcile(prepared, source.open(silent), most_deletes=10).summary.reconciled.deleted == 10
    assert query("select row_count from ops.sync_state") == [(0,)]
    assert "shows no row" in read()
    put(source.postgres, bet("new", 60))
    read()
    assert query(BETS) == [("new", 1500)]


def test_a_table_that_never_showed_a_row_is_refused(prepared, source, read, query):
    """A wrong key on the first day looks like this. Somebody who knows better says so."""
    with pytest.raises(SourceShrank, match="shows no row at all"):
        run(prepared, source.open(silent))
    assert query(ALERTS) == [("critical",)]
    assert query("select count(*) from features.watermark") == [(0,)]
    run_reconcile(prepared, source.open(silent), most_deletes=0)
    assert query(ALERTS) == []
    read()


@by_copy
def test_alert_about_a_mistaken_empty_table_clears_at_the_first_sync_of_the_right_table(prepared, source, read, query):
    with pytest.raises(SourceShrank):
        read()
    create_bets(source.postgres, "others")
    put(source.postgres, bet("a", 1), table="others")
    named = SourcePostgres(conninfo(source.postgres), "public", "others")
    run_sync(prepared, open_postgres(named, PATIENCE, silent))
    assert query(ALERTS) == []


def test_sync_of_an_empty_part_of_a_table_is_accepted(prepared, source, read):
    put(source.postgres, bet("a", 1))
    read(sport="Golf")
    read()
    delete(source.postgres, ["a"])
    read(since=T0)


def test_count_past_the_time_limit_warns_and_an_empty_table_is_refused_all_the_same(
    prepared, source, read, query, monkeypatch
):
    put(source.postgres, bet("a", 1), bet("b", 60))
    read()
    too_slow(source, monkeypatch)
    assert "could not be counted" in read()
    assert query("select row_count from ops.sync_state") == [(2,)]
    delete(source.postgres, ["b"])
    with pytest.raises(SourceShrank, match="not even the row that its last sync ended with") as refused:
        read()
    assert (refused.value.shown, refused.value.before) == (None, 2)


def too_slow(source, monkeypatch):
    """Has the server end every statement that counts the whole table, as its time limit does."""
    if source.proxy is None:
        execute(
            source.postgres,
            "create function out_of_time() returns boolean language plpgsql as "
            "$$ begin raise exception using errcode = 'query_canceled'; end $$",
        )
        ask = PostgresReading._statement

        def ask_slowly(reading, name, condition):
            is_total = name == "source_count" and condition == sql.SQL("true")
            return ask(reading, name, sql.SQL("out_of_time()") if is_total else condition)

        monkeypatch.setattr(PostgresReading, "_statement", ask_slowly)
    else:
        take = source.proxy._take

        def take_slowly(method, path, prefer):
            fault = take(method, path, prefer)
            is_total = "count=exact" in prefer and path.endswith("/bets?select=id&limit=1")
            return faults.statement_timeout if is_total else fault

        monkeypatch.setattr(source.proxy, "_take", take_slowly)


def test_doctor_reports_columns_and_rows_lost_since_the_last_sync(prepared, source, read):
    name = "Supabase" if source.proxy else "source"

    def look():
        with connect(prepared.postgres, purpose="test") as connection:
            states = stream_states(connection)
        checks = by_name(check_sources(SourceSettings.load(source.environ), timedelta(0), states=states))
        return checks[f"{name} columns"], checks[f"{name} rows"]

    put(source.postgres, bet("a", 1), bet("b", 2), bet("c", 3))
    read()
    assert [check.verdict for check in look()] == ["ok", "ok"]
    delete(source.postgres, ["b", "c"])
    execute(source.postgres, RENAMED)
    columns, rows = look()
    assert (columns.verdict, columns.exit_code, "clv_pct" in columns.found) == ("FAIL", 2, True)
    assert (rows.verdict, rows.exit_code) == ("FAIL", 3)
    assert "showed 3 rows at the last sync, and shows 1 now" in rows.found


def test_doctor_warns_of_a_table_with_a_row_count_past_the_time_limit(source, monkeypatch):
    put(source.postgres, bet("a", 1))
    too_slow(source, monkeypatch)
    checks = by_name(check_sources(SourceSettings.load(source.environ), timedelta(0)))
    name = "Supabase" if source.proxy else "source"
    table = checks[f"{name} table"]
    assert (table.verdict, "could not be counted" in table.found) == ("warn", True)
    assert checks[f"{name} columns"].verdict == "ok"


# ---- first loads that come late ------------------------------------------------------------------------------------


@pytest.fixture
def like_the_demo(prepared, tmp_path):
    """A store with features as of NOW, from a sample of its own."""
    run(prepared, open_file(jsonl(tmp_path / "demo.jsonl", *(bet(f"demo{n}", n) for n in range(5)))))
    return prepared


def history(minutes=20, rows=100):
    """So many bets of nobody, the newest of them updated so many minutes after T0."""
    return [bet(f"h{n}", min(n, minutes)) for n in range(rows)]


def test_first_load_older_than_the_features_watermark_needs_late(like_the_demo, tmp_path, query):
    older = open_file(jsonl(tmp_path / "mine.jsonl", *history(), bet("c", status="?")))
    before = digests(like_the_demo)
    for attempt in (run, run_sync):
        with pytest.raises(LateFirstLoad) as refused:
            attempt(like_the_demo, older)
    assert (refused.value.newest, refused.value.watermark) == (T0 + timedelta(minutes=20), NOW)
    assert "PIKKIT_HOME" in str(refused.value)
    assert digests(like_the_demo) == before
    done = run(like_the_demo, older, SyncRequest(late=True))
    assert (done.summary.sync.accepted, done.summary.sync.late) == (100, 100)
    later = open_file(jsonl(tmp_path / "mine.jsonl", *history(), bet("d", 15)))
    assert run(like_the_demo, later).summary.sync.accepted == 1


def test_first_load_older_than_the_log_needs_late_even_before_any_publication(prepared, tmp_path):
    """Two exports, the newer one first and refused by a gate: all of the second would become known at one instant."""
    run_sync(prepared, open_file(jsonl(tmp_path / "newer.jsonl", bet("newer", 500))))
    older = open_file(jsonl(tmp_path / "older.jsonl", *history()))
    with pytest.raises(LateFirstLoad) as refused:
        run_sync(prepared, older)
    assert refused.value.watermark == T0 + timedelta(minutes=500)
    assert run_sync(prepared, older, SyncRequest(late=True)).summary.sync.late == 100


def test_fewer_than_a_hundred_late_bets_are_accepted_with_a_warning(like_the_demo, tmp_path):
    done = run_sync(like_the_demo, open_file(jsonl(tmp_path / "few.jsonl", *history(rows=99))))
    assert (done.summary.sync.accepted, "arrived late" in " ".join(done.summary.warnings)) == (99, True)


def test_first_load_of_known_bets_or_with_newer_rows_needs_no_late_option(like_the_demo, tmp_path):
    again = jsonl(tmp_path / "export (1).jsonl", bet("demo1", 1), lost("demo2", 30), *history())
    assert run_sync(like_the_demo, open_file(again)).summary.sync.accepted == 101
    clock.set_now(NOW + timedelta(hours=1))
    other = [row | {"id": f"other {row['id']}"} for row in history()]
    newer = jsonl(tmp_path / "newer.jsonl", *other, bet("b", updated_at=clock.now().isoformat()))
    assert run_sync(like_the_demo, open_file(newer)).summary.sync.accepted == 101


def test_first_sync_of_a_table_older_than_the_features_watermark_needs_late(like_the_demo, source, read):
    put(source.postgres, *history())
    with pytest.raises(LateFirstLoad):
        read()
    with pytest.raises(LateFirstLoad):
        read(since=T0)
    assert "arrived late" in read(late=True)
    put(source.postgres, bet("b", 9))
    read()


def test_late_first_load_is_refused_on_the_command_line_until_the_late_option_is_given(like_the_demo, tmp_path):
    file = jsonl(tmp_path / "mine.jsonl", *history())
    environ = environ_of(like_the_demo, tmp_path / "home", PIKKIT_NOW=NOW.isoformat())
    refused = pikkit("sync", "--source", file, environ=environ, cwd=tmp_path)
    assert (refused.returncode, "--late" in refused.stderr) == (2, True)
    accepted = pikkit("run", "--late", "--source", file, environ=environ, cwd=tmp_path)
    assert accepted.returncode == 0, accepted.stderr


# ---- refusals ------------------------------------------------------------------------------------------------------


def test_rows_refused_by_a_gate_are_published_once_corrected_under_unchanged_stamps(prepared, source, tmp_path, query):
    """Far behind the cursor, where no overlap reaches."""
    strict = tmp_path / "gates.toml"
    text = LENIENT_GATES.read_text()
    strict.write_text(
        text.replace(
            "[max_null_sport_pct]\nthreshold = 1",
            "[max_null_sport_pct]\nthreshold = 0.3\nmin_rows = 1\nmin_failing_rows = 1",
        )
    )
    assert strict.read_text() != text

    def run_at(hour):
        clock.set_now(NOW + timedelta(hours=hour))
        return run(prepared, source.open(silent), gates=gates_of(strict))

    def batch(sport):
        stamps = [(NOW + timedelta(minutes=minute)).isoformat() for minute in (5, 10, 50)]
        return [bet(f"new{n}", updated_at=stamp, sport=sport) for n, stamp in enumerate(stamps)]

    put(source.postgres, bet("a", 1), bet("b", 2))
    run_at(0)
    put(source.postgres, *batch(None), bet("broken", updated_at=(NOW + timedelta(minutes=6)).isoformat(), status="?"))
    with pytest.raises(GateRefused, match="mended under its old updated_at"):
        run_at(1)
    put(source.postgres, *batch("Tennis"), bet("broken", updated_at=(NOW + timedelta(minutes=6)).isoformat()))
    put(source.postgres, bet("older", 3))
    done = run_at(2)
    assert (done.summary.sync.rows_read, done.summary.sync.accepted) == (4, 4)
    counts = "select sport, max(sport_count) from features.sport_stats_changes group by sport order by sport"
    assert query(counts) == [("Soccer", 3), ("Tennis", 3)]
    assert query("select count(*) from quarantine.bets where state = 'open'") == [(0,)]
    assert run_at(3).summary.sync.rows_read == 1
    full = run_sync(prepared, source.open(silent), SyncRequest(is_full=True))
    assert full.summary.sync.accepted == 1
