"""The one clock. Everything that asks for the time asks here, so that `--now` moves all of it (R10).

Time is aware UTC. `PIKKIT_NOW` in the environment stops the clock at an instant; `set_now` does the same and wins.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime

from ingestion.errors import ConfigurationError

_stopped_at: datetime | None = None


def now() -> datetime:
    """The current instant, or the one at which the clock was stopped."""
    if _stopped_at is not None:
        return _stopped_at
    text = os.environ.get("PIKKIT_NOW", "").strip()
    return parse_instant(text) if text else datetime.now(UTC)


def set_now(instant: datetime | None) -> None:
    """Stop the clock at an aware instant; None lets it run (or follow `PIKKIT_NOW`) again."""
    global _stopped_at
    if instant is not None and instant.tzinfo is None:
        raise ValueError(f"the clock takes aware instants, not {instant!r}")
    _stopped_at = instant.astimezone(UTC) if instant is not None else None


def parse_instant(text: str) -> datetime:
    """The instant that an ISO 8601 text names. Without an offset it is UTC; a date alone is its midnight."""
    try:
        # Upper case because Python takes a "Z" but not the "z" that RFC 3339 allows as well.
        instant = datetime.fromisoformat(text.strip().upper())
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ConfigurationError(
            f"{text!r} is not an instant",
            "Nothing was done",
            "Write it in ISO 8601, such as 2026-05-24T15:00:00Z",
        ) from None
