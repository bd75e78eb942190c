"""What time it is, for everything that asks: `--now` moves all of it (rule R10). And every instant as aware UTC.

`PIKKIT_NOW` in the environment stops the clock at an instant; `set_now` does the same and wins.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, overload

from feature_repo.errors import ConfigurationError

# How far instants that others wrote may lie ahead of this clock before it counts as wrong: two machines' clocks differ,
# the schema grants a bet's timestamps five minutes, and the order of the log some microseconds.
CLOCK_TOLERANCE: Final = timedelta(minutes=10)

_stopped_at: datetime | None = None


def now() -> datetime:
    """The current instant, or the one at which the clock was stopped. Raises ConfigurationError: PIKKIT_NOW is none."""
    if _stopped_at is not None:
        return _stopped_at
    text = os.environ.get("PIKKIT_NOW", "").strip()
    return parse_instant(text) if text else datetime.now(UTC)


def is_stopped() -> bool:
    """Whether somebody stopped the clock, by `set_now` or PIKKIT_NOW: what it says is not this machine's time."""
    return _stopped_at is not None or bool(os.environ.get("PIKKIT_NOW", "").strip())


def set_now(instant: datetime | None) -> None:
    """Stop the clock at an aware instant; None lets it run (or follow `PIKKIT_NOW`) again."""
    global _stopped_at
    if instant is not None and instant.tzinfo is None:
        raise ValueError(f"the clock takes aware instants, not {instant!r}")
    _stopped_at = as_utc(instant)


@contextmanager
def stopped_at(instant: datetime) -> Iterator[None]:
    """The clock stopped at an aware instant for as long, then as it was."""
    global _stopped_at
    before = _stopped_at
    set_now(instant)
    try:
        yield
    finally:
        _stopped_at = before


@lru_cache(maxsize=16)
def parse_instant(text: str) -> datetime:
    """The instant that an ISO 8601 text names. Without an offset it is UTC; a date alone is its midnight.

    Raises ConfigurationError for a text that names none.
    """
    try:
        return as_utc(_read(text))
    except (ValueError, OverflowError):
        raise ConfigurationError(
            f"{text!r} is not an instant", "Nothing was done", "Write it in ISO 8601, such as 2026-05-24T15:00:00Z"
        ) from None


def names_zone(text: str) -> bool:
    """Whether a text that `parse_instant` reads says which zone it means.

    >>> names_zone("2026-05-24T15:00:00Z"), names_zone("2026-05-24 15:00"), names_zone("2026-05-24")
    (True, False, False)
    """
    return _read(text).tzinfo is not None


@overload
def as_utc(value: datetime) -> datetime: ...
@overload
def as_utc(value: datetime | str | float | None) -> datetime | None: ...
def as_utc(value: datetime | str | float | None) -> datetime | None:
    """The instant as aware UTC. A naive one is UTC, text is ISO 8601, a number counts seconds since 1970.

    None, NaN and pandas' NaT are no instant: None. Raises ValueError and OverflowError for texts and numbers that name
    none. Feast hands an on-demand view aware datetimes online, naive ones in a training frame, and over HTTP what JSON
    held.

    >>> as_utc(datetime(2026, 5, 24, 15)) == as_utc("2026-05-24T17:00+02:00") == as_utc(1779634800)
    True
    """
    if value is None or value != value:  # NaT and NaN differ from themselves
        return None
    if isinstance(value, str):
        value = _read(value)
    if not isinstance(value, datetime):
        return datetime.fromtimestamp(value, tz=UTC)
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _read(text: str) -> datetime:
    return datetime.fromisoformat(text.strip().upper())
