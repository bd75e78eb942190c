"""The example does what it says, in some thirty lines."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from feature_repo.servers.connections import Connections
from tests.builders.bet_files import jsonl
from tests.builders.bettors import FIRST_DAY, bettor
from tests.conftest import REPOSITORY
from tests.rigs.commands import environ_of

EXAMPLE = REPOSITORY / "examples" / "train_a_model.py"


def test_example_leads_from_a_file_to_verdicts_and_a_probability(
    new_applied: Callable[[], Connections],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = jsonl(tmp_path / "bets.jsonl", *bettor(0.5, a_day=40, days=12))
    now = FIRST_DAY.replace(day=FIRST_DAY.day + 12, hour=6).isoformat()
    for name, value in environ_of(new_applied(), tmp_path / "home", PIKKIT_NOW=now).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", [str(EXAMPLE), str(file)])
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    printed = capsys.readouterr().out
    assert printed.startswith("boosted: Too few days to say: the test has ")
    assert "logistic: Too few days to say: " in printed
    assert printed.splitlines()[-1].startswith("+120 wins with a probability of 0.")


def test_example_has_some_thirty_lines_of_code() -> None:
    code = EXAMPLE.read_text(encoding="utf-8").split('"""', 2)[2]
    assert len([line for line in code.splitlines() if line and not line.startswith("#")]) <= 32
