"""What a reconciliation compares, computed here where the database does not do it: the same as docs/supabase.sql."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import polars as pl

from ingestion.sources.table import DIGESTS_SCHEMA, KEYS_SCHEMA

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_DAY: Final = 86_400_000_000
_400_YEARS: Final = 146_097 * _DAY
_YEAR: Final = re.compile(r"(\d{4,})(-.*?)( BC)?")
_INFINITE: Final = ("infinity", "-infinity")


def stamps_of(pages: Iterable[Sequence[Mapping[str, Any]]]) -> pl.DataFrame:
    """The id as text and the stamp in microseconds since 1970 of rows, each id once though it may come twice."""
    frames = [
        pl.DataFrame(
            {"id": [_text(row["id"]) for row in rows], "stamp": [_stamp(row) for row in rows]},
            {"id": pl.String(), "stamp": pl.Int64()},
        )
        for rows in pages
    ]
    empty = pl.DataFrame(schema={"id": pl.String(), "stamp": pl.Int64()})
    return pl.concat([empty, *frames]).unique("id", keep="last", maintain_order=True)


def keys_of(stamps: pl.DataFrame) -> pl.DataFrame:
    """These rows with KEYS_SCHEMA."""
    return stamps.cast(KEYS_SCHEMA)


def digests_of(stamps: pl.DataFrame) -> pl.DataFrame:
    """The digests of these rows with DIGESTS_SCHEMA, in the order of the days, rows without a stamp first."""
    days: dict[int | None, tuple[int, int]] = {}
    for identifier, stamp in stamps.iter_rows():
        day = None if stamp is None else stamp // _DAY
        rows, digest = days.get(day, (0, 0))
        days[day] = rows + 1, digest + _digest(identifier, stamp)
    columns = {
        "day": pl.Series(list(days), dtype=pl.Int32()).cast(pl.Date()),
        "rows": [rows for rows, _ in days.values()],
        "digest": [str(digest) for _, digest in days.values()],
    }
    return pl.DataFrame(columns, DIGESTS_SCHEMA).sort("day", nulls_last=False)


def digests_told(days: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """The digests that the database computed, as it spells them, with DIGESTS_SCHEMA."""
    numbers = [None if row["day"] is None else _microseconds(row["day"]) // _DAY for row in days]
    columns = {
        "day": pl.Series(numbers, dtype=pl.Int32()).cast(pl.Date()),
        "rows": [row["rows"] for row in days],
        "digest": [row["digest"] for row in days],
    }
    return pl.DataFrame(columns, DIGESTS_SCHEMA)


def _digest(identifier: str, stamp: int | None) -> int:
    text = f"{identifier} {'' if stamp is None else stamp}"
    digest = hashlib.md5(text.encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest[:8], signed=True)


def _text(identifier: Any) -> str:
    return identifier if isinstance(identifier, str) else json.dumps(identifier)


def _stamp(row: Mapping[str, Any]) -> int | None:
    for name in ("updated_at", "created_at"):
        if (text := row.get(name)) is not None and text not in _INFINITE:
            return _microseconds(text)
    return None


def _microseconds(text: str) -> int:
    """Since 1970, of a timestamp as Postgres spells it in JSON; one without a zone is UTC."""
    try:
        instant = datetime.fromisoformat(text)
        shift = 0
    except ValueError:
        # A year that Python does not know. The calendar repeats every 400 years.
        found = _YEAR.fullmatch(text)
        if found is None:
            raise
        digits, rest, before_christ = found.groups()
        year = 1 - int(digits) if before_christ else int(digits)
        instant = datetime.fromisoformat(f"{2000 + year % 400:04}{rest}")
        shift = (year - 2000 - year % 400) // 400 * _400_YEARS
    aware = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    return (aware - _EPOCH) // _MICROSECOND + shift
