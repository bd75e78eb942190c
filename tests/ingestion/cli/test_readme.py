"""What README.md tells a newcomer to do in a fresh clone, done: no file is needed that does not ship or is not made."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from feature_repo.servers.connections import Connections
from tests.conftest import REPOSITORY
from tests.rigs.commands import environ_of, pikkit_here


def block(heading: str, language: str) -> str:
    """The first block of this language under the heading."""
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2]
    found = re.search(rf"```{language}\n(.*?)```", text, re.DOTALL)
    assert found is not None
    return found[1]


def test_own_bets_become_a_training_frame_by_the_commands_and_the_code_that_stand_there(
    prepared: Connections, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    environ = environ_of(prepared, tmp_path / "home", PIKKIT_GATES="")
    lines = [shlex.split(line, comments=True) for line in block("Your own bets", "bash").splitlines()]
    commands = [line[1:] for line in lines if line[:1] == ["pikkit"]]
    assert [command[0] for command in commands] == ["sample", "run", "gate", "groups", "export"]
    for command in commands:
        done = pikkit_here(*command, environ=environ)
        assert done.returncode == 0, done.stderr
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    names: dict[str, object] = {}
    exec(block("Training", "python"), names)
    training = names["training"]
    assert len(training) > 900  # type: ignore[arg-type]
    assert {"sport_win_rate", "implied_prob", "profit"} <= set(training.columns)  # type: ignore[attr-defined]
    assert "clv_percentage" not in training.columns  # type: ignore[attr-defined]
