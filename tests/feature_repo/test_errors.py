"""Every error says what happened, what state things are in and what to do, and ends the command with its own code."""

from __future__ import annotations

import re
from pathlib import Path

from feature_repo import errors
from feature_repo.errors import (
    ClockRewound,
    ConfigurationError,
    GateRefused,
    LockHeld,
    PikkitError,
    SourceRejected,
    StoreFull,
    Unreachable,
)
from feature_repo.online_store.redis_errors import FeastOnlineStoreUnavailable


def test_message_of_an_error_is_three_sentences() -> None:
    error = ConfigurationError("No such file", "Nothing was done.", "Name another one")
    assert str(error) == "No such file. Nothing was done. Name another one."


def test_parts_and_data_of_an_error_are_attributes() -> None:
    error = LockHeld("what", "state", "next", holder="pikkit run, process 7")
    assert (error.what, error.state, error.next_step, error.holder) == (
        "what",
        "state",
        "next",
        "pikkit run, process 7",
    )


def test_source_rejected_keeps_the_path() -> None:
    assert SourceRejected("a", "b", "c", path=Path("bets.csv")).path == Path("bets.csv")


def test_each_family_of_errors_has_the_documented_exit_code() -> None:
    family = (ConfigurationError, SourceRejected, ClockRewound, GateRefused, Unreachable, StoreFull, LockHeld)
    assert [error.exit_code for error in family] == [2, 2, 2, 3, 4, 4, 5]


def test_error_tree_in_the_docstring_equals_the_classes_and_exit_codes() -> None:
    drawn: dict[str, tuple[str, int]] = {}
    ancestors = ["PikkitError"]
    for branch, name, code in re.findall(r"^([ │├└─]+) (\w+) +(\d)", errors.__doc__ or "", flags=re.MULTILINE):
        depth = (len(branch) + 1) // 4
        ancestors[depth:] = [name]
        drawn[name] = (ancestors[depth - 1], int(code))
    classes = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, PikkitError)]
    real = {kind.__name__: (kind.__bases__[0].__name__, kind.exit_code) for kind in classes if kind is not PikkitError}
    assert drawn == real


def test_error_derived_for_feast_reports_the_kind_of_the_parent_class() -> None:
    error = FeastOnlineStoreUnavailable("what", "state", "next", service="Redis")
    assert (error.kind, error.data()) == ("Unreachable", {"service": "Redis"})


def test_state_replaced_on_an_error_is_in_the_message() -> None:
    error = Unreachable("No answer", "Nothing was read", "Wait", service="Redis")
    error.state = "Nothing was scored"
    assert str(error) == error.format_message() == "No answer. Nothing was scored. Wait."
