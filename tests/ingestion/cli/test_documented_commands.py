"""Commands in README.md, docs/ and messages: each one exists, and the README's do what it says in a fresh clone."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest
import typer

from feature_repo.servers.connections import Connections
from tests.conftest import REPOSITORY
from tests.house import PACKAGES
from tests.rigs.commands import environ_of, pikkit_here
from tests.rigs.documents import commands_of, documents, fenced_lines, lines_in_text, section
from training.cli import app

README = REPOSITORY / "README.md"
# Lines of shell blocks that no test executes as they stand, and why not. The README's others are executed below, in
# order. No line of make is: each builds an environment, or runs these tests; what make runs is run by tests itself.
NOT_EXECUTED = {
    "pikkit doctor": "is shown on a Supabase project; tests/ingestion/doctor runs it on stand-ins of each fault",
    "pikkit run": "is shown on a Supabase project; tests/ingestion/test_tables.py runs it against PostgREST",
    "pikkit reconcile": "is shown on a Supabase project; tests/ingestion/test_tables.py runs it against PostgREST",
    '( eval "$(pikkit env)"; feast feature-views list )': "tests/feature_repo/test_feast_commands.py runs the latter "
    "on the exports of the former, and tests/ingestion/cli/test_cli_services.py evaluates the former",
    "pikkit metrics": "tests/ingestion/monitoring/test_metrics.py runs it",
    "pikkit metrics --serve 9464": "does not end; tests/ingestion/monitoring/test_metrics.py scrapes what it serves",
    "pikkit alerts": "tests/ingestion/monitoring/test_run_alerts.py runs it",
    "pikkit alerts test": "tests/ingestion/monitoring/test_run_alerts.py runs it on real channels",
    "pikkit run --ping https://hc-ping.com/your-check": "tests/ingestion/monitoring/test_run_alerts.py pings a server",
    "pikkit status --check --ping https://hc-ping.com/your-check": "the same",
    '( eval "$(pikkit env)"; feast monitor run -v sport_stats )': ("tests/feature_repo/test_feast_monitor.py runs it"),
    '( eval "$(pikkit env --read-only)"; feast ui -h 127.0.0.1 )': "does not end; what its role may do is held by "
    "tests/feature_repo/test_read_only_exports.py",
    "pikkit train --source bets.parquet": "tests/training/test_trained_store.py runs it, and the next five",
    "pikkit models list": "the same",
    'pikkit score --model promoted --sport Soccer --league "Italy Serie A" --market "Moneyline 3-Way" '
    "--institution-name Bet365 --american-odds 150 --bet-type straight --no-live": "the same",
    "pikkit train --from MODEL": "the same",
    "pikkit dataset --from MODEL --out DIR": "the same",
    "pikkit dataset --since 2026-05-01 --out DIR": "the same",
    "pikkit audit": "tests/training/audit/test_planted_leaks.py runs it, and the next three",
    "pikkit audit --service market_profitability_at_placement_v1": "the same",
    "pikkit audit --since 2026-05-01 --rows 5000 --cuts 10": "the same",
    "pikkit audit --json": "the same",
    "feast serve --port 6566 --workers 2 --max-requests 0 --max-requests-jitter 0 --registry_ttl_sec 60 "
    "--no-access-log": "does not end; tests/feature_repo/scoring/test_scorer_serving.py takes it from the document",
}
EXECUTED = [
    line
    for line in fenced_lines(README.read_text(encoding="utf-8"))
    if line not in NOT_EXECUTED and line.split()[0] != "make"
]
# Typer has a copy of Click of its own, which does not name the class.
USAGE_ERRORS = (click.UsageError, typer.BadParameter.__mro__[1])
PIKKIT_COMMANDS: Any = typer.main.get_command(app)
# Names in braces stand for values.
IN_MESSAGE = re.compile(r"`(pikkit (?:[^`{\n]|\{[a-z_.]+\})+)`")


def unknown_parts(command: list[str]) -> list[str]:
    """The words of a command that its program does not know: verbs, options, make targets and variables."""
    program, *words = command
    if program == "make":
        text = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
        targets = set(re.findall(r"^([a-z_-]+):", text, re.MULTILINE))
        variables = set(re.findall(r"\$[({](\w+)", text))
        return [word for word in words if word not in targets and word.partition("=")[0] not in variables]
    if program == "feast":
        from feast.cli.cli import cli as group
    else:
        group = PIKKIT_COMMANDS
    return unknown_words(group, words)


def unknown_words(command: Any, words: list[str]) -> list[str]:
    """What this command of Click, or the one of its verbs that the words name, cannot parse."""
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        verb, *words = words
        if verb not in command.commands:
            return [verb]
        command = command.commands[verb]
    context = command.make_context(command.name, [], resilient_parsing=True)
    context.resilient_parsing = False
    try:
        _, arguments, _ = command.make_parser(context).parse_args(list(words))
    except USAGE_ERRORS as error:
        return [str(error)]
    return arguments


@pytest.mark.parametrize("document", [document.relative_to(REPOSITORY).as_posix() for document in documents()])
def test_every_documented_command_and_option_exists(document: str) -> None:
    text = (REPOSITORY / document).read_text(encoding="utf-8")
    commands = [command for line in [*fenced_lines(text), *lines_in_text(text)] for command in commands_of(line)]
    assert {shlex.join(command): unknown for command in commands if (unknown := unknown_parts(command))} == {}


def test_every_command_and_option_named_in_a_message_exists() -> None:
    """The next steps of errors, warnings and checks, wherever the code has one in backticks."""
    unknown = {
        (path.name, line): parts
        for package in PACKAGES
        for path in sorted((REPOSITORY / package).rglob("*.py"))
        for line in IN_MESSAGE.findall(path.read_text(encoding="utf-8"))
        for command in commands_of(line.replace("\\", ""))
        if (parts := unknown_parts(command))
    }
    assert unknown == {}


def test_every_line_of_a_shell_block_is_executed_or_has_a_reason_why_not() -> None:
    lines = [line for document in documents() for line in fenced_lines(document.read_text(encoding="utf-8"))]
    ours = [line for line in lines if line.split()[0] != "make"]
    assert [line for line in ours if line not in NOT_EXECUTED and line not in EXECUTED] == []
    assert [line for line in NOT_EXECUTED if line not in lines] == []


def test_commands_of_the_readme_turn_own_bets_into_a_training_frame_and_a_vector(
    prepared: Connections, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No file is needed that does not ship or is not made by an earlier line."""
    monkeypatch.chdir(tmp_path)
    environ = environ_of(prepared, tmp_path / "home", PIKKIT_GATES="")
    commands = [command for line in EXECUTED for command in commands_of(line)]
    assert {"sample", "run", "gate", "groups", "export", "score"} <= {verb for _, verb, *_ in commands}
    for _, *arguments in commands:
        done = pikkit_here(*arguments, environ=environ)
        assert done.returncode == 0, done.stderr
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    code = re.search(r"```python\n(.*?)```", section(README, "Training"), re.DOTALL)
    assert code is not None
    names: dict[str, Any] = {}
    exec(code[1], names)
    training = names["training"]
    assert len(training) > 900
    assert {"sport_win_rate", "implied_prob", "profit"} <= set(training.columns)
    assert "clv_percentage" not in training.columns
