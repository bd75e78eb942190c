"""The outcome of one check of `pikkit doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

CheckOutcome = Literal["ok", "warn", "FAIL"]

# Exit codes of checks that fail.
CONFIGURATION, REFUSED, UNREACHABLE = 2, 3, 4


@dataclass(frozen=True)
class Check:
    """One line of `pikkit doctor`."""

    #: What was looked at: "Postgres", "source rows".
    name: str
    verdict: CheckOutcome
    #: Sentences: what was found and, unless that is ok, what to do.
    found: str
    #: What `pikkit` exits with when the check is the first that failed.
    exit_code: int = 0


def ok(name: str, finding: str) -> Check:
    """A check that found nothing to do. `finding` is a clause without its full stop."""
    return Check(name, "ok", f"{finding}.")


def warn(name: str, finding: str, next_step: str) -> Check:
    """A check of something that works, but not as it should, or not for long. Both texts are without full stops."""
    return Check(name, "warn", f"{finding}. {next_step}.")


def fail(name: str, finding: str, next_step: str, exit_code: int = CONFIGURATION) -> Check:
    """A check of something that will not work. Both texts are without full stops."""
    return Check(name, "FAIL", f"{finding}. {next_step}.", exit_code)
