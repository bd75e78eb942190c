"""Instants as aware UTC, however the caller wrote them."""

from __future__ import annotations

from datetime import UTC, datetime


def as_utc(value: datetime | str | float | None) -> datetime | None:
    """The instant as aware UTC. A naive one is UTC, text is ISO 8601, a number counts seconds since 1970.

    Feast hands an on-demand view aware datetimes online, naive ones in a training frame, and over HTTP what JSON held.
    """
    if value is None or value != value:  # pandas' NaT and NaN differ from themselves
        return None
    if isinstance(value, str):
        value = datetime.fromisoformat(value.strip().upper())
    if not isinstance(value, datetime):
        return datetime.fromtimestamp(value, tz=UTC)
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
