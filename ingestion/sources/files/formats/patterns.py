"""Patterns, zones and lengths of time of a declaration: whether they can be used, and what they mean."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final

import polars as pl

OFFSET = re.compile(r"([+-])([01]\d|2[0-3]):([0-5]\d)")
_DURATION = re.compile(r"(\d{1,12})\s*(s|min|h|d)")
_SOME_TIME: Final = datetime(2024, 9, 29, 21, 18, 47)  # noqa: DTZ001 - what a pattern is tried on
#: The longest time that a rule may add.
_LONGEST_DELAY: Final = timedelta(days=3650)
_SECONDS: Final = {"s": 1, "min": 60, "h": 3600, "d": 86400}


def check_pattern(pattern: str, groups: int | None = None) -> None:
    """Raise ValueError for what is no regular expression of Polars', or has another number of groups."""
    try:
        pl.select(pl.lit("").str.contains(pattern))
    except pl.exceptions.ComputeError as error:
        raise ValueError(f"not a pattern: {pattern!r} ({str(error).splitlines()[-1]})") from None
    if groups is not None and len(pl.Series([""]).str.extract_groups(pattern).struct.fields) != groups:
        raise ValueError(f"extract needs one group in parentheses: {pattern!r}")


def check_time_pattern(pattern: str) -> None:
    """Raise ValueError unless a time survives being written and read by it, to the minute.

    A date alone does not: it has no time of day.
    """
    zone = "UTC" if "%z" in pattern else None
    moment = pl.Series([_SOME_TIME]).dt.replace_time_zone(zone)
    bare = pattern.removesuffix("%Z").rstrip()
    try:
        written = moment.dt.strftime(bare)
        read = written.str.to_datetime(bare, time_unit="us", time_zone=zone, strict=False)
        is_sound = (read.dt.truncate("1m") == moment.dt.truncate("1m")).all() and read.null_count() == 0
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        is_sound = False
    if not is_sound:
        raise ValueError(f"pattern is not one of a date with a time of day: {pattern!r}")


def check_zone(name: str) -> None:
    """Raise ValueError for what is no name of a time zone in the IANA database."""
    try:
        is_zone = pl.Series([_SOME_TIME]).dt.replace_time_zone(name or None).dtype == pl.Datetime("us", name)
    except pl.exceptions.PolarsError:
        is_zone = False
    if not is_zone:
        raise ValueError(f"zone is not one such as America/New_York: {name!r}") from None


def delay_of(text: str) -> timedelta | None:
    """The length of time that a text says; null where it says none, or one of more than ten years.

    >>> delay_of("30 min")
    datetime.timedelta(seconds=1800)
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        return None
    seconds = int(match[1]) * _SECONDS[match[2]]
    return timedelta(seconds=seconds) if seconds <= _LONGEST_DELAY.total_seconds() else None


def offset_of(text: str) -> timedelta:
    """What an offset that OFFSET matches means, east of Greenwich.

    >>> offset_of("-04:00")
    datetime.timedelta(days=-1, seconds=72000)
    """
    match = OFFSET.fullmatch(text)
    assert match  # noqa: S101 - checked when the declaration was read
    length = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return -length if match[1] == "-" else length
