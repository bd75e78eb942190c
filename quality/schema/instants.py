"""The kind of column that holds a moment: native timestamps of any unit and zone, or ISO 8601 text of any shape."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

import polars as pl
from typing_extensions import override

from feature_repo.clock import as_utc
from quality.schema.grammar import HAS_OFFSET, TIMESTAMP
from quality.schema.kinds import NULL_EXPRESSION, ColumnKind, Limit, Unreadable

# No online bet is older. What is, is a zero, or an epoch read in the wrong unit (1970).
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
# The clocks of source and store may differ by this much.
CLOCK_SKEW = timedelta(minutes=5)

# The years 1 to 9999 in seconds since 1970. A millisecond column reaches further than microseconds can follow.
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799
_PER_SECOND = {"ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


@dataclass(frozen=True)
class Instant(ColumnKind):
    """A moment, in UTC to the microsecond (what is finer is cut off). Without an offset it is taken as UTC."""

    dtype = pl.Datetime("us", "UTC")
    unreadable = "not an ISO 8601 timestamp with a time of day"

    @override
    def read(self, value: object) -> datetime:
        if isinstance(value, datetime):
            return as_utc(value)
        match = re.fullmatch(TIMESTAMP, value) if isinstance(value, str) else None
        if match is None:
            raise Unreadable
        return _moment(*match.groups())

    @override
    def expression(self, raw: pl.Expr, dtype: pl.DataType) -> pl.Expr:
        if dtype == pl.String:
            return _moments(raw)
        if isinstance(dtype, pl.Datetime):
            seconds = raw.to_physical() // _PER_SECOND[dtype.time_unit]
            moment = pl.when(seconds.is_between(_FIRST_SECOND, _LAST_SECOND)).then(raw).dt.cast_time_unit("us")
            return moment.dt.convert_time_zone("UTC") if dtype.time_zone else moment.dt.replace_time_zone("UTC")
        return NULL_EXPRESSION.cast(self.dtype)

    def naive(self, raw: pl.Expr, dtype: pl.DataType) -> pl.Expr:
        """Whether a readable value of this column came without an offset."""
        if dtype == pl.String:
            return ~raw.str.contains(HAS_OFFSET)
        return pl.lit(isinstance(dtype, pl.Datetime) and dtype.time_zone is None)

    @cached_property
    @override
    def limits(self) -> tuple[Limit, ...]:
        return (
            Limit(f"before the year {EARLIEST.year}", lambda moment, _: moment < EARLIEST),
            Limit("in the future", lambda moment, now: moment > now + CLOCK_SKEW),
        )


def _moment(*groups: str | None) -> datetime:
    """The instant that the groups of TIMESTAMP name."""
    year, month, day, hour, minute, second = (int(group or 0) for group in groups[:6])
    fraction, sign, hours, minutes = groups[6:]
    microsecond = int((fraction or "").ljust(6, "0")[:6])
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    try:
        moment = datetime(year, month, day, hour, minute, second, microsecond, UTC)
        return moment + offset if sign == "-" else moment - offset
    except ValueError:  # the 30th of February
        raise Unreadable from None
    except OverflowError:  # the last night of the year 9999, west of Greenwich
        return datetime.max.replace(tzinfo=UTC)


def _moments(text: pl.Expr) -> pl.Expr:
    """`_moment` over a column; null where the text is no TIMESTAMP."""

    def group(number: int) -> pl.Expr:
        return text.str.extract_groups(TIMESTAMP).struct.field(str(number))

    def count(number: int) -> pl.Expr:
        return group(number).cast(pl.Int64).fill_null(0)

    to_the_minute = pl.concat_str(group(number) for number in range(1, 6))
    moment = to_the_minute.str.to_datetime("%Y%m%d%H%M", time_unit="us", time_zone="UTC", strict=False)
    microseconds = group(7).str.pad_end(6, "0").str.head(6).cast(pl.Int64).fill_null(0)
    east = pl.when(group(8) == "-").then(-1).otherwise(1)
    return moment + pl.duration(
        seconds=count(6) - east * (3600 * count(9) + 60 * count(10)), microseconds=microseconds, time_unit="us"
    )
