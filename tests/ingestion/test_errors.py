"""Every error says what happened, what state things are in and what to do, and ends the command with its own code."""

from __future__ import annotations

import re
from pathlib import Path

from ingestion import errors
from ingestion.errors import (
    ClockRewound,
    ConfigurationError,
    LockHeld,
    PikkitError,
    SourceRejected,
    StoreFull,
    Unreachable,
)


def test_a_message_is_three_sentences() -> None:
    error = ConfigurationError("No such file", "Nothing was done.", "Name another one")
    assert str(error) == "No such file. Nothing was done. Name another one."


def test_the_parts_are_at_hand_so_that_nobody_parses_text() -> None:
    error = LockHeld("what", "state", "next", holder="pikkit run, process 7")
    assert (error.what, error.state, error.next_step, error.holder) == (
        "what",
        "state",
        "next",
        "pikkit run, process 7",
    )


def test_a_rejected_source_knows_its_path() -> None:
    assert SourceRejected("a", "b", "c", path=Path("bets.csv")).path == Path("bets.csv")


def test_every_error_has_its_exit_code() -> None:
    family = (ConfigurationError, SourceRejected, ClockRewound, Unreachable, StoreFull, LockHeld)
    assert [error.exit_code for error in family] == [2, 2, 2, 4, 4, 5]


def test_the_drawn_tree_is_the_real_one() -> None:
    drawn = set(re.findall(r"── (\w+)", errors.__doc__ or ""))
    real = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, PikkitError)}
    assert drawn == real - {"PikkitError"}
