"""`pikkit status` looks into Redis: the watermarks, and a few keys of each view, held against Postgres."""

from __future__ import annotations

import doctest
import json
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from psycopg import IsolationLevel

from feature_repo import clock
from feature_repo.declarations.views import STORED_VIEWS
from feature_repo.errors import GateRefused
from feature_repo.online_store.layout import entity_key, feature_field, key_prefix, watermarks_key
from feature_repo.servers.connections import Connections
from ingestion import pipeline, wording
from ingestion.database.access import connect
from ingestion.pipeline import run_materialize
from ingestion.runs.alerts import open_alert, resolve_alerts
from ingestion.runs.status import ViewStatus, store_status
from ingestion.serving import online_sample
from ingestion.serving.online_sample import KEYS_OF_A_KIND, actual_copy, expected_copy, online_findings
from ingestion.sources.files.file_source import open_file
from tests.builders.bet_files import NOW, bet, jsonl, lost
from tests.builders.view_states import all_are
from tests.rigs.commands import environ_of, pikkit_here
from tests.rigs.databases import dumped, restore

HOUR = timedelta(hours=1)
MOST = 2 * KEYS_OF_A_KIND
FIRST = [bet(f"b{n}", n, sport=f"S{n % 3}", clv_percentage=1.5) for n in range(200)]
REFUSED = bet("refused", status="?")
SECOND = [lost(f"c{n}", 300 + n, sport=f"S{n % 3}", market=None) for n in range(20)]


@pytest.fixture
def command(prepared: Connections, tmp_path: Path) -> Callable[..., tuple[int, list[str]]]:
    """Run `pikkit status`; returns its exit code and the lines of stdout."""

    def command(*arguments: str, now: Any = NOW, **differs: str) -> tuple[int, list[str]]:
        environ = environ_of(prepared, tmp_path / "home", **differs)
        done = pikkit_here("status", *arguments, "--now", now.isoformat(), environ=environ)
        return done.returncode, done.stdout.splitlines()

    return command


def views(connections: Connections, now: Any = NOW) -> dict[str, ViewStatus]:
    found = store_status(connections, now).contents
    assert found is not None
    return {view.name: view for view in found.views}


def online(connections: Connections, now: Any = NOW) -> dict[str, str]:
    """The state of each view online that is not fresh."""
    return {name: view.online.state for name, view in views(connections, now).items() if view.online.state != "fresh"}


def test_status_reports_missing_or_different_redis_keys_with_the_command_that_repairs_redis(
    load: Callable[..., Any], prepared: Connections, command: Callable[..., tuple[int, list[str]]]
) -> None:
    server = redis.Redis.from_url(prepared.redis.url)
    load(*FIRST, REFUSED)
    assert [name for name, view in views(prepared).items() if not view.sample or not view.sample.keys] == []
    snapshot = dumped(server)
    later = NOW + HOUR
    load(*SECOND, REFUSED | {"id": "refused too"}, now=later)

    def delete_all_keys_but_the_marks() -> None:
        for key in server.scan_iter():
            if key != watermarks_key("pikkit"):
                server.delete(key)

    def flush_but_for_a_foreign_key() -> None:
        server.flushdb()
        server.set("somebody else's", "1")

    def evict_nine_keys_of_ten() -> None:
        kept = watermarks_key("pikkit")
        for place, key in enumerate(sorted(key for key in server.scan_iter() if key != kept)):
            if place % 10:
                server.delete(key)

    def restore_the_snapshot() -> None:
        server.flushdb()
        restore(server, snapshot)

    def overwrite_a_feature() -> None:
        for sport in ("S0", "S1", "S2"):
            key = entity_key(key_prefix("sport"), sport, b"pikkit")
            server.hset(key, feature_field("sport_stats", "sport_count"), b"\x20\x07")

    def store_text_under_the_key() -> None:
        for sport in ("S0", "S1", "S2"):
            server.set(entity_key(key_prefix("sport"), sport, b"pikkit"), "text")

    def garble_the_bytes() -> None:
        for sport in ("S0", "S1", "S2"):
            key = entity_key(key_prefix("sport"), sport, b"pikkit")
            server.hset(key, feature_field("sport_stats", "sport_count"), b"\x12\xff")

    def remove_the_marks() -> None:
        server.delete(watermarks_key("pikkit"))

    def name_another_store() -> None:
        server.hset(watermarks_key("pikkit"), "", "another store")

    assert online(prepared, later) == {}
    assert command("--check", now=later)[0] == 0
    for damage, expected in (
        (delete_all_keys_but_the_marks, all_are("incomplete")),
        (flush_but_for_a_foreign_key, all_are("incomplete")),
        (evict_nine_keys_of_ten, {"bet_facts": "incomplete"}),
        (restore_the_snapshot, all_are("incomplete")),
        (remove_the_marks, all_are("incomplete")),
        (name_another_store, all_are("incomplete")),
        (overwrite_a_feature, {"sport_stats": "differs"}),
        (garble_the_bytes, {"sport_stats": "differs"}),
    ):
        damage()
        assert expected.items() <= online(prepared, later).items(), damage.__name__
        code, (line,) = command("--check", now=later)
        assert (code, "Run `pikkit materialize --rebuild`." in line) == (3, True), damage.__name__
        clock.set_now(later)
        run_materialize(prepared, rebuild=True)
        assert online(prepared, later) == {}, damage.__name__
    store_text_under_the_key()
    assert online(prepared, later) == {"sport_stats": "differs"}
    server.flushdb()
    assert online(prepared, later) == all_are("empty")
    server.close()


def test_status_looks_at_the_same_number_of_keys_whatever_the_size_of_a_view(
    load: Callable[..., Any], prepared: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(*FIRST)
    few = views(prepared)
    load(*(bet(f"d{n}", 500, league=f"L{n}") for n in range(600)), now=NOW + HOUR)
    many = views(prepared, NOW + HOUR)
    samples = {name: view.sample.keys for name, view in many.items() if view.sample}
    assert few["bet_facts"].sample is not None
    assert few["bet_facts"].sample.keys <= MOST
    assert samples["sport_stats"] == 4
    assert KEYS_OF_A_KIND < samples["bet_facts"] <= MOST
    assert KEYS_OF_A_KIND < samples["sport_league_stats"] <= MOST

    # Neither the pages that are looked at nor the last runs have any.
    monkeypatch.setattr(online_sample, "_PAGES", 0)
    with connect(prepared.postgres, purpose="test") as connection:
        connection.execute("update ops.seals set rows = 0")
        expected = expected_copy(connection, NOW + HOUR)
    assert all(view.rows for view in expected.views if view.view.name != "bet_closing_line")


def test_status_ages_a_copy_by_the_watermark_and_samples_no_expired_bet(
    load: Callable[..., Any], prepared: Connections
) -> None:
    load(*FIRST)
    for view in STORED_VIEWS:
        past = views(prepared, NOW + view.ttl + timedelta(microseconds=1))[view.name]
        assert (views(prepared, NOW + view.ttl)[view.name].online.state, past.online.state) == ("fresh", "stale")
    later = NOW + timedelta(days=30)
    load(bet("b0", 0, sport="S0", clv_percentage=1.5), now=later)
    clock.set_now(later)
    run_materialize(prepared, rebuild=True)
    found = views(prepared, later)
    assert online(prepared, later) == {}
    assert [view.sample.keys for view in found.values() if view.sample and view.ttl > timedelta(days=1)] == [0, 0]


def test_run_that_publishes_while_status_reads_is_no_online_fault(
    load: Callable[..., Any], prepared: Connections
) -> None:
    load(*FIRST)
    with (
        connect(prepared.postgres, purpose="test") as connection,
        redis.Redis.from_url(prepared.redis.url) as client,
    ):
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        with connection.transaction():
            expected = expected_copy(connection, NOW)
        load(*SECOND, *(lost(f"b{n}", 400 + n, sport=f"S{n % 3}") for n in range(200)), now=NOW + HOUR)
        actual = actual_copy(client, expected)
        with connection.transaction():
            findings = online_findings(connection, expected, actual)
    assert {finding.fault for finding in findings.values()} == {None}


def test_status_check_prints_a_line_and_exits_3_for_a_wrong_clock_or_a_late_copy_and_4_without_redis(
    load: Callable[..., Any], prepared: Connections, monkeypatch: pytest.MonkeyPatch, command: Any
) -> None:
    load(*FIRST)
    code, (line,) = command("--check", now=NOW - HOUR)
    assert (code, "--now or PIKKIT_NOW" in line) == (3, True)

    def die(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "_copy_online", die)
    lacking = "8 of 8 views lack the last refresh online. Run `pikkit materialize`."
    with pytest.raises(KeyboardInterrupt):
        load(*SECOND, now=NOW + HOUR)
    found = views(prepared, NOW + HOUR)
    assert all(view.online_is_behind for view in found.values())
    assert online(prepared, NOW + HOUR) == {}
    assert command("--check", now=NOW + HOUR) == (3, [lacking])
    assert command(now=NOW + HOUR)[0] == 0

    down = {"REDIS_URL": "redis://127.0.0.1:1/0"}
    assert command("--check", now=NOW + HOUR, **down) == (4, ["Redis does not answer: nothing is served online."])


def test_verdict_of_status_names_a_gate_refusal_before_alerts_of_sources_even_before_the_first_refresh(
    prepared: Connections, tmp_path: Path, command: Callable[..., tuple[int, list[str]]]
) -> None:
    clock.set_now(NOW)
    with pytest.raises(GateRefused) as refused:
        pipeline.run_pipeline(prepared, open_file(jsonl(tmp_path / "bets.jsonl", *FIRST)))
    with connect(prepared.postgres, purpose="test", autocommit=True) as connection:
        for cause, opened_at in (("source a table", NOW - HOUR), ("source b table", NOW + HOUR)):
            open_alert(connection, cause, "critical", "it fails", notice="", run_id=refused.value.run_id, now=opened_at)
        resolve_alerts(connection, "gate ", now=NOW)
    code, (line,) = command("--check")
    assert (code, line.startswith("3 alerts open: The quality gate refused run ")) == (3, True), line
    told = "until it passes. `pikkit gate --failed` shows why. Also open: source a table, source b table."
    assert line.endswith(told), line
    (last_run,) = (line for line in command(COLUMNS="200")[1] if line.startswith("Last run"))
    assert "checks failed (" in last_run
    assert not last_run.endswith(":")


def test_docstring_examples_of_the_wording_module_pass() -> None:
    assert doctest.testmod(wording).failed == 0


def test_status_of_a_home_without_a_store_gives_the_error_of_verify_with_exit_code_4(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("POSTGRES_", "REDIS_URL"))}
    environ |= {"PIKKIT_HOME": str(tmp_path / "none")}
    monkeypatch.chdir(tmp_path)
    status_error, verify_error = (
        json.loads(pikkit_here(verb, "--json", environ=environ).stdout)["error"] for verb in ("status", "verify")
    )
    assert status_error["what"] == verify_error["what"] == f"There is no store under {tmp_path / 'none'}"
    assert status_error["next_step"] == verify_error["next_step"] == "Make one with `pikkit run` or `pikkit demo`"
    assert (status_error["exit_code"], verify_error["exit_code"]) == (4, 2)
