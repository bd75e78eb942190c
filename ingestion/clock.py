"""The one clock (feature_repo/clock.py), with its error in our words: everything here asks for the time here."""

from __future__ import annotations

from datetime import datetime

from feature_repo import clock
from feature_repo.clock import CLOCK_TOLERANCE, is_stopped, names_zone, set_now
from feature_repo.errors import ConfigurationError

__all__ = ["CLOCK_TOLERANCE", "is_stopped", "names_zone", "now", "parse_instant", "set_now"]


def now() -> datetime:
    """The current instant, or the one at which the clock was stopped. Raises ConfigurationError."""
    try:
        return clock.now()
    except ValueError as error:
        raise _unreadable(error) from None


def parse_instant(text: str) -> datetime:
    """The instant that an ISO 8601 text names. Without an offset it is UTC; a date alone is its midnight."""
    try:
        return clock.parse_instant(text)
    except ValueError as error:
        raise _unreadable(error) from None


def _unreadable(error: ValueError) -> ConfigurationError:
    what, _, next_step = str(error).partition("; ")
    return ConfigurationError(what, "Nothing was done", next_step[0].upper() + next_step[1:])
