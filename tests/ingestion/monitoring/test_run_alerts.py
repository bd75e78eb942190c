"""What runs tell of themselves: alerts over a real channel, the sign of life, and the commands on both."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from feature_repo.postgres.run_lock import lock_holder
from feature_repo.servers.connections import Connections
from ingestion.monitoring.silence import SILENCE_CAUSE, SILENCE_GRACE
from tests.builders.bet_files import NOW, bet, jsonl
from tests.rigs.commands import pikkit_here
from tests.rigs.receiver import Receiver
from tests.rigs.trouble import closed_port

HOUR = timedelta(hours=1)


@pytest.fixture
def strict(told: dict[str, str], hook: Receiver) -> dict[str, str]:
    """The default gates, which refuse a store of four bets, and a channel that hears of it."""
    return {name: value for name, value in told.items() if name != "PIKKIT_GATES"} | {"ALERT_URLS": hook.webhook}


def causes(connections: Connections, *, are_open: bool) -> list[str]:
    with psycopg.connect(**connections.postgres.conninfo) as database:
        rows = database.execute(
            "select cause from ops.alerts where (resolved_at is null) = %s order by alert_id", [are_open]
        ).fetchall()
    return [cause for (cause,) in rows]


def test_a_refusal_is_sent_once_with_gates_and_no_bet_and_resolved_by_the_next_good_run(
    strict: dict[str, str], told: dict[str, str], tmp_path: Path, hook: Receiver
) -> None:
    file = jsonl(tmp_path / "b.jsonl", bet("secretbet", 4, institution_name="SecretBook"))
    for _ in range(2):
        assert pikkit_here("run", "--source", file, environ=strict).returncode == 3
    (request,) = hook.requests
    message = request.json()["message"]
    assert message.startswith("The quality gate refused run ")
    assert "min_records" in message
    assert not {"secretbet", "SecretBook", "b.jsonl"} & {*message.replace(",", " ").split()}
    good = pikkit_here("run", "--source", file, environ=told | {"ALERT_URLS": hook.webhook})
    assert good.returncode == 0, good.stderr
    assert [each.json()["title"] for each in hook.requests] == ["Pikkit: critical", "Pikkit: resolved"]


def test_a_dead_channel_is_a_warning_and_neither_exit_code_nor_store_differ(
    told: dict[str, str], tmp_path: Path, after_run: Connections
) -> None:
    dead = {"ALERT_URLS": f"json://user:hush@127.0.0.1:{closed_port()}/", "PIKKIT_NOW": (NOW + 72 * HOUR).isoformat()}
    done = pikkit_here("sync", "--source", jsonl(tmp_path / "b.jsonl", bet("b9", 4)), environ=told | dead)
    assert done.returncode == 0
    assert done.stderr.count("Warning: The alert channel json://user:****@127.0.0.1") == 1
    assert "hush" not in done.stderr
    assert causes(after_run, are_open=True) == [SILENCE_CAUSE]


def test_a_channel_is_told_once_the_run_is_committed_and_the_run_lock_is_free(
    strict: dict[str, str], tmp_path: Path, hook: Receiver, after_run: Connections
) -> None:
    seen: list[tuple[str | None, str]] = []

    def look() -> None:
        with psycopg.connect(**after_run.postgres.conninfo) as database:
            row = database.execute("select state from ops.runs order by run_id desc limit 1").fetchone()
            seen.append((lock_holder(database), row[0] if row else ""))

    hook.look = look
    file = jsonl(tmp_path / "b.jsonl", bet("b9", 4))
    assert pikkit_here("run", "--source", file, environ=strict).returncode == 3
    assert seen == [(None, "refused")]


@pytest.mark.parametrize(("late", "opens"), [(timedelta(0), False), (timedelta(seconds=1), True)])
def test_a_silence_opens_an_alert_past_the_shortest_ttl_and_a_grace(
    late: timedelta, opens: bool, told: dict[str, str], tmp_path: Path, after_run: Connections
) -> None:
    then = (NOW + HOUR + SILENCE_GRACE + late).isoformat()
    pikkit_here("sync", "--source", jsonl(tmp_path / "b.jsonl", bet("b9", 4)), environ=told | {"PIKKIT_NOW": then})
    assert causes(after_run, are_open=True) == [SILENCE_CAUSE] * opens


def test_the_run_that_ends_a_silence_sends_a_resolved_message(
    told: dict[str, str], tmp_path: Path, after_run: Connections, hook: Receiver
) -> None:
    environ = told | {"PIKKIT_NOW": (NOW + 5 * HOUR).isoformat(), "ALERT_URLS": hook.webhook}
    done = pikkit_here("run", "--source", jsonl(tmp_path / "b.jsonl", bet("b9", 4)), environ=environ)
    assert done.returncode == 0, done.stderr
    assert SILENCE_CAUSE in causes(after_run, are_open=False)
    (message,) = [each.json() for each in hook.requests if "No run succeeded" in each.json()["message"]]
    assert message["title"] == "Pikkit: resolved"
    assert "from 2026-05-24T15:00:00Z to 2026-05-24T20:00:00Z: longer than the TTL" in message["message"]


def test_a_silence_that_a_sync_noticed_is_told_once_and_resolved_by_the_next_run(
    told: dict[str, str], tmp_path: Path, after_run: Connections, hook: Receiver
) -> None:
    def at(hours: int) -> dict[str, str]:
        return told | {"ALERT_URLS": hook.webhook, "PIKKIT_NOW": (NOW + hours * HOUR).isoformat()}

    for hours in (5, 6):
        file = jsonl(tmp_path / f"{hours}.jsonl", bet(f"b{hours}", 4))
        assert pikkit_here("sync", "--source", file, environ=at(hours)).returncode == 0
    assert causes(after_run, are_open=True) == [SILENCE_CAUSE]
    assert pikkit_here("run", "--source", file, environ=at(7)).returncode == 0
    said = [each.json() for each in hook.requests if "No run " in each.json()["message"]]
    assert [each["title"] for each in said] == ["Pikkit: critical", "Pikkit: resolved"]
    assert "cleared after 2 h" in said[1]["message"]
    assert SILENCE_CAUSE not in causes(after_run, are_open=True)


def test_run_pings_the_address_and_a_refused_run_pings_the_failure_address(
    told: dict[str, str], strict: dict[str, str], tmp_path: Path, hook: Receiver
) -> None:
    file, address = jsonl(tmp_path / "b.jsonl", bet("b9", 4)), f"{hook.url}/check?rid=1"
    quiet = {name: value for name, value in strict.items() if name != "ALERT_URLS"}
    assert pikkit_here("run", "--source", file, "--ping", address, environ=quiet).returncode == 3
    assert pikkit_here("run", "--source", file, "--ping", address, environ=told).returncode == 0
    assert pikkit_here("run", "--source", "none.jsonl", "--ping", address, environ=told).returncode == 2
    paths = [(request.method, request.path) for request in hook.requests]
    assert paths == [("GET", "/check/fail?rid=1"), ("GET", "/check?rid=1"), ("GET", "/check/fail?rid=1")]


def test_status_pings_by_health_and_keeps_the_exit_codes_of_check(
    told: dict[str, str], tmp_path: Path, hook: Receiver
) -> None:
    pikkit_here("materialize", "--rebuild", environ=told)
    address = f"{hook.url}/check"
    assert pikkit_here("status", "--check", "--ping", address, environ=told).returncode == 0
    stale = told | {"PIKKIT_NOW": (NOW + 48 * HOUR).isoformat()}
    assert pikkit_here("status", "--check", "--ping", address, environ=stale).returncode == 3
    down = told | {"POSTGRES_HOST": "127.0.0.1", "POSTGRES_PORT": closed_port()}
    assert pikkit_here("status", "--check", "--ping", address, environ=down).returncode == 4
    assert [request.path for request in hook.requests] == ["/check", "/check/fail", "/check/fail"]


@pytest.mark.parametrize("trouble", ["closed", "fails", "hangs"])
def test_a_sign_of_life_that_reaches_nobody_is_a_warning_without_the_address(
    trouble: str, told: dict[str, str], hook: Receiver
) -> None:
    pikkit_here("materialize", "--rebuild", environ=told)
    hook.hangs, hook.status = trouble == "hangs", 500
    port = closed_port() if trouble == "closed" else hook.port
    done = pikkit_here("status", "--check", "--ping", f"http://127.0.0.1:{port}/my-secret", environ=told)
    assert done.returncode == 0
    assert "Warning: The sign of life did not reach 127.0.0.1" in done.stderr
    assert "my-secret" not in done.stdout + done.stderr


def test_a_ping_that_is_no_web_address_is_refused_before_anything_is_done(told: dict[str, str]) -> None:
    for verb in (("run", "--source", "b.jsonl"), ("status",)):
        done = pikkit_here(*verb, "--ping", "ftp://hush", environ=told)
        assert done.returncode == 2
        assert "hush" not in done.stderr


def test_alerts_test_sends_a_single_message_to_each_channel(
    told: dict[str, str], hook: Receiver, other_hook: Receiver
) -> None:
    done = pikkit_here("alerts", "test", environ=told | {"ALERT_URLS": f"{hook.webhook}, {other_hook.webhook}"})
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("2 channels took the test message")
    assert [len(each.requests) for each in (hook, other_hook)] == [1, 1]
    assert hook.requests[0].json()["type"] == "info"


@pytest.mark.parametrize("trouble", ["closed", "fails", "hangs", "unusable"])
def test_alerts_test_exits_4_and_names_the_dead_channel_without_secrets(
    trouble: str, told: dict[str, str], hook: Receiver, other_hook: Receiver
) -> None:
    hook.hangs, hook.status = trouble == "hangs", 500
    port = closed_port() if trouble == "closed" else hook.port
    dead = "tgram://hush/1" if trouble == "unusable" else f"json://user:hush@127.0.0.1:{port}/"
    done = pikkit_here("alerts", "test", environ=told | {"ALERT_URLS": f"{dead} {other_hook.webhook}"})
    assert done.returncode == 4
    assert "1 alert channel did not take the test message: " in done.stderr
    assert ("address 1" if trouble == "unusable" else "json://user:****@127.0.0.1") in done.stderr
    assert "1 other channel took it" in done.stderr
    assert "hush" not in done.stderr
    assert len(other_hook.requests) == 1


def test_alerts_test_without_channels_is_a_configuration_error(told: dict[str, str]) -> None:
    assert pikkit_here("alerts", "test", environ=told).returncode == 2


def test_alerts_lists_open_alerts_and_with_all_resolved_alerts_too(
    told: dict[str, str], after_run: Connections
) -> None:
    with psycopg.connect(**after_run.postgres.conninfo) as database:
        database.execute(
            "insert into ops.alerts (cause, severity, message, opened_at, resolved_at) values "
            "('gate a', 'critical', 'it is', now(), null), ('gate b', 'critical', 'it was', now(), now())"
        )
    listed = [
        [alert["cause"] for alert in json.loads(pikkit_here("alerts", *more, "--json", environ=told).stdout)["alerts"]]
        for more in ((), ("--all",))
    ]
    assert listed == [["gate a"], ["gate a", "gate b"]]
    assert pikkit_here("alerts", environ=told).stdout.endswith("\n1 alert open.\n")
