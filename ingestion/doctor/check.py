"""The outcome of one check of `pikkit doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

CheckOutcome = Literal["ok", "warn", "FAIL"]

# What `pikkit` exits with when the check is the first that failed.
CONFIGURATION, REFUSED, UNREACHABLE = 2, 3, 4


@dataclass(frozen=True)
class Check:
    """What was looked at, what was found there, with what to do about it where it is not well."""

    name: str
    verdict: CheckOutcome
    found: str
    exit_code: int = 0


def ok(name: str, found: str) -> Check:
    """Nothing to do."""
    return Check(name, "ok", f"{found}.")


def warn(name: str, found: str, next_step: str) -> Check:
    """It works, but not as it should, or not for long."""
    return Check(name, "warn", f"{found}. {next_step}.")


def fail(name: str, found: str, next_step: str, exit_code: int = CONFIGURATION) -> Check:
    """Something will not work."""
    return Check(name, "FAIL", f"{found}. {next_step}.", exit_code)
