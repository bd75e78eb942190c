"""How old a value in the online store is, and whether it may still be served (rule R6). All in microseconds."""

from __future__ import annotations


def as_of(row: int | None, mark: int | None) -> int | None:
    """Until when a row is known to hold: its own instant, or the mark of its view. None: there is no row."""
    return row if row is None or mark is None else max(row, mark)


def is_outside(as_of: int, ttl: int, now: int) -> bool:
    """Whether that is longer ago than the view's TTL, both bounds included. A TTL of 0 never ends."""
    return ttl > 0 and now - as_of > ttl
