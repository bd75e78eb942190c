"""What commands write to stdout and stderr: errors as JSON, to readers that leave, in colour."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import UUID

import pytest
import redis

from feature_repo.errors import GateRefused
from feature_repo.servers.connections import Connections, Postgres
from ingestion.cli.output import say, say_warning
from ingestion.cli.setup import sample
from ingestion.cli.update import backfill
from ingestion.database.access import connect, hold_run_lock
from tests.builders.bet_files import NOW, bet, jsonl, lost
from tests.ingestion.cli.test_cli_help import VERBS
from tests.rigs.commands import PIKKIT, environ_of, pikkit_here
from tests.rigs.databases import temporary_database
from tests.rigs.processes import PATIENCE
from training.cli import execute, main


@pytest.fixture(scope="module")
def store(
    servers: Connections, applied_template: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Connections]:
    """Stores with some published bets and some refused ones. What a test leaves in them, others find."""
    with temporary_database(servers.postgres, applied_template) as postgres:
        with redis.Redis.from_url(servers.redis.url) as client:
            client.flushdb()
        connections = dataclasses.replace(servers, postgres=postgres, embedded=False)
        directory = tmp_path_factory.mktemp("bets")
        file = jsonl(directory / "first.jsonl", bet("won", 1), lost("lost", 2), bet("refused", status="?"))
        environ = environ_of(connections, directory / "home", PIKKIT_NOW=NOW.isoformat())
        assert pikkit_here("run", "--source", file, environ=environ).returncode == 0
        yield connections


@pytest.fixture
def environ(store: Connections, tmp_path: Path) -> dict[str, str]:
    return environ_of(store, tmp_path / "home", PIKKIT_NOW=NOW.isoformat())


def error_of(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The only document on stdout, which names the code that the command ended with."""
    document = json.loads(done.stdout)
    assert document.keys() == {"error"}
    assert document["error"]["exit_code"] == done.returncode
    return document["error"]


# ---- errors --------------------------------------------------------------------------------------------------------


def test_a_refused_run_is_a_document_with_the_checks_that_failed(environ: dict[str, str], tmp_path: Path) -> None:
    del environ["PIKKIT_GATES"]
    done = pikkit_here("run", "--source", jsonl(tmp_path / "bets.jsonl", bet("a", 1)), "--json", environ=environ)
    error = error_of(done)
    assert (done.returncode, error["kind"]) == (3, "GateRefused")
    assert f"GateRefused: {error['what']}" in done.stderr
    assert "min_records" in [failed["gate"] for failed in error["data"]["failed"]]
    assert f"(run {error['data']['run_id'][:8]}" in error["state"]


def test_held_lock_is_a_document_with_the_holder(store: Connections, environ: dict[str, str]) -> None:
    with connect(store.postgres, purpose="test") as database, hold_run_lock(database, "backfill"):
        done = pikkit_here("materialize", "--json", environ=environ)
    error = error_of(done)
    assert (done.returncode, error["kind"], error["next_step"][:4]) == (5, "LockHeld", "Wait")
    assert error["data"]["holder"].startswith("pikkit backfill, process")


@pytest.mark.parametrize(
    ("arguments", "what", "help_of"),
    [
        (["run", "--sorce", "x"], "No such option: --sorce", "pikkit run"),
        (["rum"], "No such command 'rum'.", "pikkit"),
        (["quarantine", "retry", "x"], "Invalid value for 'SEQ'", "pikkit quarantine retry"),
    ],
)
def test_misspelt_command_is_a_document_that_names_the_help(arguments: list[str], what: str, help_of: str) -> None:
    done = pikkit_here(*arguments, "--json", environ={})
    error = error_of(done)
    assert (done.returncode, error["kind"], error["data"]) == (2, "UsageError", {})
    assert what in error["what"]
    assert error["next_step"] == f"`{help_of} --help` lists what may be given"
    assert "Usage: pikkit" in done.stderr


def test_without_json_an_error_leaves_stdout_empty() -> None:
    assert pikkit_here("rum", environ={}).stdout == ""


def test_an_error_after_a_result_adds_no_second_document(environ: dict[str, str]) -> None:
    done = pikkit_here("status", "--json", environ=environ | {"REDIS_URL": "redis://127.0.0.1:1/0"})
    assert (done.returncode, "error" in json.loads(done.stdout)) == (4, False)


def test_unexpected_exception_is_printed_as_a_json_document_and_raised(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(now: str | None = None) -> None:
        raise KeyError("bet")

    monkeypatch.setattr(sample, "begin", broken)
    with pytest.raises(KeyError):
        execute(["sample", "--out", "x", "--json"])
    error = json.loads(capsys.readouterr().out)["error"]
    assert (error["kind"], error["what"], error["exit_code"]) == ("KeyError", "A bug: 'bet'", 1)


WIDE_VERBS = [
    ("status",), ("status", "--all"), ("status", "--check"), ("alerts", "--all"), ("gate",), ("runs",), ("doctor",),
    ("groups",), ("quarantine", "list"), ("features",), ("features", "sport_roi"), ("lineage",), ("verify",),
    ("explain", "sport_market_win_rate", "--bet", "won"), ("explain", "market_profitability_v1", "--bet", "won"),
    ("explain", "sport_roy", "--bet", "won"), ("quarantine", "show", "99"), ("run", "--source", "nowhere.csv"),
    ("alerts", "test"), ("status", "--now", "in May"), ("run", "--source", "REFUSED"),
]  # fmt: skip


@pytest.mark.parametrize("arguments", WIDE_VERBS, ids=" ".join)
def test_no_line_for_a_terminal_but_data_is_longer_than_eighty_columns(
    arguments: tuple[str, ...], environ: dict[str, str], store: Connections, tmp_path: Path
) -> None:
    if "REFUSED" in arguments:
        arguments = (*arguments[:-1], str(jsonl(tmp_path / "b.jsonl", bet("b9", 4))))
        environ = {name: value for name, value in environ.items() if name != "PIKKIT_GATES"}
    with connect(store.postgres, purpose="test") as database:
        database.execute(
            "insert into ops.alerts (cause, severity, message, opened_at, resolved_at) "
            "values ('gate critical_anomalies_alert', 'critical', repeat('It is many words long. ', 9), now(), now())"
        )
        database.commit()
    home = {"PIKKIT_HOME": "/tmp/h"} if arguments == ("doctor",) else {}
    done = pikkit_here(*arguments, environ=environ | home | {"COLUMNS": "80"})
    data = ("Row ", " " * 6)  # a row as its source sent it, and queries
    lines = [line for line in (done.stdout + done.stderr).splitlines() if not line.startswith(data)]
    assert lines
    assert [line for line in lines if len(line) > 80] == []


def test_a_message_in_a_pipe_stays_a_line_and_no_command_is_broken_on_a_terminal(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    long = "A long sentence tells what happened to this store. Run `pikkit quarantine list --state all` after that."
    say_warning(long)
    monkeypatch.setenv("COLUMNS", "60")
    say_warning(long)
    piped, *broken = capsys.readouterr().err.splitlines()
    assert piped == f"Warning: {long}"
    assert len(broken) > 1
    assert " ".join(broken) == piped
    assert any("`pikkit quarantine list --state all`" in line for line in broken)


SECRET = "hush-hush-5"
TOLD = {
    "an error": (
        ("run", "--source", f"postgresql://me:{SECRET}@db/x.csv"),
        2,
        "--source postgresql://***@db/x.csv is a URL",
    ),
    "a known secret": (("run", "--source", f"{SECRET}.csv"), 2, "SourceRejected: ***.csv"),
    "a usage error": (("status", f"postgresql://me:{SECRET}@db/x"), 2, "takes: postgresql://***@db/x"),
    "a dead channel": (("alerts", "test"), 4, "json://me:****@127.0.0.1"),
    "a check": (("doctor",), 2, "/nowhere/***.prom"),
}


@pytest.mark.parametrize("told", TOLD)
@pytest.mark.parametrize("more", [(), ("--json",)])
def test_no_output_of_a_failing_command_has_a_secret(told: str, more: tuple[str, ...], environ: dict[str, str]) -> None:
    arguments, exit_code, shown = TOLD[told]
    secrets = {"ALERT_URLS": f"json://me:{SECRET}@127.0.0.1:1/{SECRET}?token={SECRET}"}
    if told == "a check":
        secrets["PIKKIT_METRICS_FILE"] = f"/nowhere/{SECRET}.prom"
    done = pikkit_here(*arguments, *more, environ=environ | secrets)
    assert (done.returncode, SECRET in done.stdout + done.stderr) == (exit_code, False)
    assert shown in done.stderr.replace("\n", " ") or told == "a check"


def test_an_error_document_has_no_secret_in_the_data_of_the_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(now: str | None = None) -> None:
        data = [{"query": f"select 'password={SECRET}'", "rows": 3, "redis://me:x@h": None}]
        raise GateRefused(f"redis://:{SECRET}@h", "", "", run_id=UUID(int=1), failed=data)

    monkeypatch.setattr(sample, "begin", fail)
    assert execute(["sample", "--out", "x.csv", "--json"]) == 3
    out, err = capsys.readouterr()
    assert SECRET not in out + err
    assert json.loads(out)["error"]["data"]["failed"][0]["rows"] == 3


def test_the_traceback_of_a_bug_is_printed_without_secrets_and_ends_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(now: str | None = None) -> None:
        try:
            raise ValueError(f"postgresql://me:{SECRET}@db/x")
        except ValueError as cause:
            raise KeyError(f"password={SECRET}") from cause

    monkeypatch.setattr(sample, "begin", fail)
    monkeypatch.setattr(sys, "argv", ["pikkit", "sample", "--out", "x.csv", "--json"])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    assert ended.value.code == 1
    assert "Traceback" in err
    assert err.count("***") == 4  # each exception, and the line that raised it
    assert SECRET not in out + err


def test_a_message_and_a_warning_are_said_without_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"it is at redis://:{SECRET}@cache:6379")
    say_warning(f"apikey={SECRET} is refused")
    assert capsys.readouterr().err == "it is at redis://***@cache:6379\nWarning: apikey=*** is refused\n"


def test_an_interrupted_command_is_a_document(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(now: str | None = None) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(backfill, "begin", interrupted)
    done = pikkit_here("backfill", "--json", environ={})
    assert (done.returncode, error_of(done)["kind"]) == (130, "Interrupted")


# ---- readers that leave --------------------------------------------------------------------------------------------


def test_command_without_a_reader_keeps_the_exit_code_and_prints_no_traceback() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([PIKKIT, "--help"], stdout=writer, stderr=subprocess.PIPE, check=False, timeout=PATIENCE)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


def test_run_without_readers_is_recorded_as_done(store: Connections, environ: dict[str, str], tmp_path: Path) -> None:
    file = jsonl(tmp_path / "bets.jsonl", bet("b", 1))
    reader, writer = os.pipe()
    os.close(reader)
    with (
        os.fdopen(writer, "w", encoding="utf-8") as left,
        mock.patch.dict(os.environ, environ, clear=True),
        redirect_stdout(left),
        redirect_stderr(left),
    ):
        exit_code = execute(["run", "--source", str(file)])
    with connect(store.postgres, purpose="test") as database:
        last = database.execute("select state, exit_code, error from ops.runs order by run_id desc limit 1").fetchone()
    assert (exit_code, last) == (0, ("done", 0, None))


# ---- colours -------------------------------------------------------------------------------------------------------

ESCAPE = re.compile(r"\x1b\[\d+m")


def on_a_terminal(*arguments: str, environ: dict[str, str]) -> str:
    """What a command shows on a real terminal, without its carriage returns."""
    terminal, device = os.openpty()
    with (
        mock.patch.dict(os.environ, environ, clear=True),
        os.fdopen(device, "w", encoding="utf-8") as stdout,
        redirect_stdout(stdout),
        redirect_stderr(io.StringIO()),
    ):
        execute(arguments)
    shown = b""
    with suppress(OSError):  # how a terminal says that nobody writes to it any more
        while part := os.read(terminal, 65_536):
            shown += part
    os.close(terminal)
    return shown.decode().replace("\r", "")


def test_a_terminal_shows_states_and_headings_in_colour_and_the_same_text(environ: dict[str, str]) -> None:
    environ |= {"TERM": "xterm", "COLUMNS": "120"}
    plain, coloured = pikkit_here("runs", environ=environ).stdout, on_a_terminal("runs", environ=environ)
    heading, *rows = coloured.splitlines()
    assert heading.startswith("\x1b[1mrun ")
    assert any("\x1b[32mdone\x1b[0m" in row for row in rows)
    assert ESCAPE.sub("", coloured) == plain
    assert ESCAPE.search(plain) is None


@pytest.mark.parametrize("differs", [{"TERM": "dumb"}, {"TERM": "xterm", "NO_COLOR": "1", "FORCE_COLOR": "1"}])
def test_a_terminal_that_cannot_or_must_not_shows_no_colour(environ: dict[str, str], differs: dict[str, str]) -> None:
    assert ESCAPE.search(on_a_terminal("runs", environ=environ | differs)) is None


def test_colours_may_be_forced_into_a_pipe_and_never_into_json(environ: dict[str, str]) -> None:
    forced = environ | {"FORCE_COLOR": "1", "TERM": "dumb"}
    unknown = pikkit_here("runs", "zz", "--json", environ=forced)
    assert unknown.stderr.startswith("\x1b[31mRunUnknown\x1b[0m: ")
    assert ESCAPE.search(unknown.stdout) is None
    assert ESCAPE.search(pikkit_here("runs", environ=forced).stdout) is not None


# ---- what a command loads --------------------------------------------------------------------------------------------

# Verbs that write, start or judge something; all others only read.
WORKING = {
    "demo", "up", "down", "doctor", "env", "migrate", "apply", "sync", "run", "backfill", "verify", "reconcile",
    "materialize", "export", "publish-supabase", "score", "sample", "quarantine", "dataset", "train", "models",
    "explain", "diff", "lineage", "plan", "audit", "forget",
}  # fmt: skip
READING = [[verb] for verb in sorted(VERBS.keys() - WORKING)] + [
    ["gate", "--queries"],
    ["quarantine", "list"],
    ["quarantine", "show", "--id", "refused"],
    ["models", "list"],
]
# Frames and what fetches, judges or draws; Feast, and what it stands on; the clients of the stores.
HEAVY = {
    "feast",
    "httpx",
    "narwhals",
    "numpy",
    "pandas",
    "polars",
    "pyarrow",
    "rich",
    "scipy",
    "sqlalchemy",
    "supabase",
}
CLIENTS = {"psycopg", "redis"}
# Runs commands in turn in one process, and prints of each its exit code and the modules that are loaded after it.
LOADED = """
import io, json, sys
from contextlib import redirect_stdout
from training.cli import execute, main

told = []
for command in json.loads(sys.argv[1]):
    with redirect_stdout(io.StringIO()):
        exit_code = execute(command)
    told.append([command, exit_code, sorted(sys.modules)])
from feast import Entity
print(json.dumps([told, "typeguard" in Entity.__init__.__code__.co_names]))
"""


def test_reading_commands_import_no_heavy_module(environ: dict[str, str], tmp_path: Path) -> None:
    whole = {"sport": "Soccer", "league": None, "market": None, "institution_name": None}
    whole |= {"american_odds": 100, "bet_type": "straight", "is_live": False}
    scores = [["score", "--american-odds", "50"], ["score", "--bet", json.dumps(whole)]]
    commands = [["--help"], *READING, *scores]
    asked = [sys.executable, "-c", LOADED, json.dumps(commands)]
    environ |= {"PIKKIT_REPORT": str(tmp_path / "report.html")}
    done = subprocess.run(asked, env=environ, capture_output=True, text=True, check=True)
    ((asked_for_help, *read, refused, scored), feast_checks_types) = json.loads(done.stdout)
    loaded = [(command, exit_code, set(modules)) for command, exit_code, modules in (asked_for_help, *read)]

    assert {"status", "gate", "features", "runs"} <= {command for command, *_ in READING}
    assert not loaded[0][2] & (HEAVY | CLIENTS | {"pydantic"})
    assert [(command, exit_code, modules & HEAVY) for command, exit_code, modules in loaded[1:]] == [
        (command, 0, set()) for command in READING
    ]
    # A bet that is wrong is refused before Feast is loaded. One that is scored takes Feast, and nothing that judges a
    # refresh, reads files or talks to a source.
    assert (refused[1], "feast" in refused[2]) == (2, False)
    assert (scored[1], "feast" in scored[2], feast_checks_types) == (0, True, False)
    assert not set(scored[2]) & {
        "httpx",
        "scipy",
        "supabase",
        "ingestion.pipeline",
        "ingestion.sources.files.file_source",
    }


# ---- runs ----------------------------------------------------------------------------------------------------------


def test_runs_has_a_line_per_run_and_the_whole_message_for_a_named_run(environ: dict[str, str], tmp_path: Path) -> None:
    del environ["PIKKIT_GATES"]
    environ.pop("COLUMNS", None)  # pytest's workers may have it
    pikkit_here("run", "--source", jsonl(tmp_path / "bets.jsonl", bet("c", 1)), environ=environ)
    narrow = environ | {"COLUMNS": "80"}
    _, newest, *_ = pikkit_here("runs", environ=narrow).stdout.splitlines()
    assert (len(newest), newest[-1], newest.split()[1:3]) == (80, "…", ["run", "refused"])
    shown = newest.split()[0]
    whole = pikkit_here("runs", shown, environ=narrow).stdout
    (run,) = json.loads(pikkit_here("runs", shown, "--json", environ=narrow).stdout)["runs"]
    assert run["run_id"].startswith(shown)
    assert run["error"].strip() in whole
    assert (
        run["error"].split("\n")[0].removesuffix(":") in pikkit_here("runs", environ=environ).stdout
    )  # a pipe has no width
    assert f"\nRun {shown} (run, clock " in pikkit_here("gate", "--run", shown, environ=environ).stdout
