"""What a reconciliation compares, computed here where the database does not do it: the same as docs/supabase.sql.

The digest of a row is that of ingestion/sql/sources/row_digest.sql.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import polars as pl
from psycopg import sql

from feature_repo.clock import as_utc
from ingestion.database.access import statement
from ingestion.sources.table import DIGESTS_SCHEMA

if TYPE_CHECKING:
    from ingestion.sources.supabase.rest import Rows

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_DAY: Final = 86_400_000_000
_400_YEARS: Final = 146_097 * _DAY
_YEAR: Final = re.compile(r"(\d{4,})(-.*?)( BC)?")
_INFINITE: Final = ("infinity", "-infinity")
# Stamps in microseconds since 1970: a server may have years that no frame has.
_KEYS_SCHEMA: Final = pl.Schema({"id": pl.String(), "stamp": pl.Int64(), "digest": pl.Int64()})


def row_digest(row: sql.Composable) -> sql.Composed:
    """The digest of a row, given the SQL of the text of its JSON: a bigint."""
    return sql.SQL(statement("row_digest")).format(row=row)


def keys_of_pages(pages: Iterable[Rows]) -> pl.DataFrame:
    """Of rows with an id, as their server spells them, the keys with KEYS_SCHEMA: one row per id.

    Where an id came more than once, the row of the newest stamp counts, then the one of the greatest digest.
    """
    frames = [
        pl.DataFrame(
            [
                (_text(record["id"]), _stamp(record), _digest(text))
                for text, record in zip(rows.texts, rows.records, strict=True)
                if record["id"] is not None
            ],
            _KEYS_SCHEMA,
            orient="row",
        )
        for rows in pages
    ]
    keys = pl.concat([pl.DataFrame(schema=_KEYS_SCHEMA), *frames])
    return keys.sort("stamp", "digest", nulls_last=False).unique("id", keep="last", maintain_order=True)


def digests_of(keys: pl.DataFrame) -> pl.DataFrame:
    """The digests of rows by the UTC day of their stamp, with DIGESTS_SCHEMA, in order; the null day comes first.

    `keys` are those of `keys_of_pages`: id, stamp in microseconds since 1970, digest. A day's digest is the sum of the
    digests of its rows, as text, since it may not fit 64 bits.
    """
    days: dict[int | None, tuple[int, int]] = {}
    for stamp, digest in keys.select("stamp", "digest").iter_rows():
        day = None if stamp is None else stamp // _DAY
        rows, total = days.get(day, (0, 0))
        days[day] = rows + 1, total + digest
    columns = {
        "day": pl.Series(list(days), dtype=pl.Int32()).cast(pl.Date()),
        "rows": [rows for rows, _ in days.values()],
        "digest": [str(total) for _, total in days.values()],
    }
    return pl.DataFrame(columns, DIGESTS_SCHEMA).sort("day", nulls_last=False)


def typed_digests(days: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """The digests that the function pikkit_bet_digests computed, with DIGESTS_SCHEMA, in the order in which they came.

    Each of `days` has day (an instant as text, or null), rows, and digest as text.
    """
    numbers = [None if row["day"] is None else _microseconds(row["day"]) // _DAY for row in days]
    columns = {
        "day": pl.Series(numbers, dtype=pl.Int32()).cast(pl.Date()),
        "rows": [row["rows"] for row in days],
        "digest": [row["digest"] for row in days],
    }
    return pl.DataFrame(columns, DIGESTS_SCHEMA)


def day_of(text: str | None) -> date:
    """The UTC day of a timestamp or a date as Postgres spells it in JSON; the nearest there is; null is the first."""
    if text is None:
        return date.min
    days = _microseconds(text) // _DAY + _EPOCH.toordinal()
    return date.fromordinal(min(max(days, 1), date.max.toordinal()))


def _digest(text: str) -> int:
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
        spelling = _YEAR.fullmatch(text)
        if spelling is None:
            raise
        digits, rest, before_christ = spelling.groups()
        year = 1 - int(digits) if before_christ else int(digits)
        instant = datetime.fromisoformat(f"{2000 + year % 400:04}{rest}")
        shift = (year - 2000 - year % 400) // 400 * _400_YEARS
    return (as_utc(instant) - _EPOCH) // _MICROSECOND + shift
