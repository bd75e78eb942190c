"""The command line explains itself: every verb and every option, in its own help and in README.md."""

from __future__ import annotations

import re
import subprocess
from typing import Any

import pytest
import typer

from ingestion.runs.record import code_version
from tests.conftest import REPOSITORY
from tests.rigs.commands import PIKKIT, pikkit_here
from training.cli import app

VERBS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
# A verb with verbs of its own, such as `quarantine`, stands for each of them.
COMMANDS: dict[str, Any] = {
    " ".join((verb, *more)): command
    for verb, found in VERBS.items()
    for more, command in ({(name,): one for name, one in getattr(found, "commands", {}).items()} or {(): found}).items()
}


@pytest.mark.parametrize("verb", VERBS | COMMANDS)
def test_summary_of_a_verb_fits_a_line_of_the_help(verb: str) -> None:
    summary = (VERBS | COMMANDS)[verb].get_short_help_str(56)  # what `pikkit --help` has room for on 80 columns
    assert summary.endswith(".")
    assert not summary.endswith("...")


def test_version_option_prints_the_version() -> None:
    told = subprocess.run([PIKKIT, "--version"], capture_output=True, text=True, check=True).stdout
    assert told == f"pikkit {code_version()}\n"


@pytest.mark.parametrize("verb", COMMANDS)
def test_every_option_has_help(verb: str) -> None:
    assert [option.name for option in COMMANDS[verb].params if not option.help] == []


@pytest.mark.parametrize("verb", COMMANDS)
def test_every_verb_with_output_has_a_json_option(verb: str) -> None:
    options = {spelling for option in COMMANDS[verb].params for spelling in option.opts}
    assert "--json" in options or verb == "env"  # what env prints is for a machine already


def test_readme_names_exactly_the_verbs_of_the_command_line() -> None:
    """Each stands as `pikkit <verb>` in backticks, with or without options after it."""
    written = re.findall(r"`pikkit ([a-z-]+)[^`]*`", (REPOSITORY / "README.md").read_text(encoding="utf-8"))
    assert set(written) == set(VERBS)


# Those that take a name, or have verbs of their own.
TAKE_ARGUMENTS = ("alerts", "diff", "explain", "features", "groups", "lineage", "models", "quarantine", "runs")


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in TAKE_ARGUMENTS])
def test_positional_argument_is_refused_with_the_options_that_take_a_value(verb: str) -> None:
    required = [f"{option.opts[0]}=x" for option in VERBS[verb].params if option.required]
    done = pikkit_here(verb, *required, "bets.parquet", environ={})
    takers = [option.opts[0] for option in VERBS[verb].params if not option.is_flag and option.opts[0] != "--help"]
    assert (done.returncode, "Got what no option takes: bets.parquet." in done.stderr) == (2, True)
    assert [taker for taker in takers if f"{taker} " not in done.stderr] == []
