"""The entity frame: the rows of a training frame before any feature, however the caller made them.

Its own columns come back as they were given, apart from the event timestamps, which come back as aware UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import pandas as pd
import polars as pl
import pyarrow as pa

from feature_repo.clock import as_utc
from feature_repo.errors import EntityFrameUnfit
from feature_repo.offline_store.column_types import UTC_INSTANT

EVENT_TIMESTAMP: Final = "event_timestamp"
_UNCHANGED: Final = "Nothing was read"


@dataclass(frozen=True)
class EntityRows:
    """The rows of an entity frame.

    >>> rows = entity_rows_of_frame(pd.DataFrame({"sport": ["NBA"], "event_timestamp": ["2026-01-01T12:00:00+02:00"]}))
    >>> rows.table.column_names, rows.instants.to_list()
    (['sport', 'event_timestamp'], [datetime.datetime(2026, 1, 1, 10, 0, tzinfo=zoneinfo.ZoneInfo(key='UTC'))])
    """

    # all columns of the frame, in its order, as they come back in the result
    table: pa.Table
    # the column of event timestamps
    instant_column: str
    # the event timestamps, Datetime("us", "UTC"), null where there is none
    instants: pl.Series
    # the columns of pandas' own text type, which Arrow does not tell apart by where it keeps them
    texts: Mapping[str, pd.StringDtype] = field(default_factory=dict)

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        """The earliest and the latest instant; None where there is none."""
        earliest, latest = self.instants.min(), self.instants.max()
        if isinstance(earliest, datetime) and isinstance(latest, datetime):
            return earliest, latest
        return None

    def column(self, name: str) -> pl.Series:
        """A column in Polars, for comparing keys. A category is its values."""
        series = pl.Series(name, pl.from_arrow(_plain(self.table.column(name))))
        return series.cast(pl.String) if isinstance(series.dtype, pl.Categorical | pl.Enum) else series


def entity_rows_of_frame(frame: pd.DataFrame | pl.DataFrame) -> EntityRows:
    """The rows of a frame, one each, in its order. Which column has the instants: see `instant_column`.

    Raises EntityFrameUnfit for values that Arrow has no type for, or that are no instants.
    """
    column = instant_column([str(name) for name in frame.columns], _instants_among(frame))
    names = list(map(str, frame.columns))
    if isinstance(frame, pl.DataFrame):
        instants = _series_instants(frame[column], column)
        return EntityRows(_with_instants(frame.to_arrow(), column, instants, names), column, instants)
    instants = _instants(frame[column], column)
    table = _with_instants(_table(frame.drop(columns=column)), column, instants, names)
    texts = {
        str(name): dtype
        for name, dtype in frame.dtypes.items()
        if isinstance(dtype, pd.StringDtype) and str(name) != column
    }
    return EntityRows(table, column, instants, texts)


def entity_rows_of_table(table: pa.Table, column: str) -> EntityRows:
    """The rows of an Arrow table whose event timestamps are in `column`. Raises EntityFrameUnfit when they are none."""
    instants = _series_instants(pl.Series(column, pl.from_arrow(table.column(column))), column)
    return EntityRows(_with_instants(table, column, instants, table.column_names), column, instants)


def instant_column(names: Sequence[str], instants: Sequence[str]) -> str:
    """The column of event timestamps: `event_timestamp`, or the only one in `instants`. Raises EntityFrameUnfit.

    >>> instant_column(["sport", "at"], instants=["at"])
    'at'
    """
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise EntityFrameUnfit(f"The entity frame has {', '.join(twice)} twice", _UNCHANGED, "Rename or drop one")
    if EVENT_TIMESTAMP in names:
        return EVENT_TIMESTAMP
    if len(instants) == 1:
        return instants[0]
    raise columns_missing_error([EVENT_TIMESTAMP], names)


def require_columns(needed: Iterable[str], names: Sequence[str]) -> None:
    """Raises EntityFrameUnfit naming every column that is not there."""
    missing = [name for name in dict.fromkeys(needed) if name not in names]
    if missing:
        raise columns_missing_error(missing, names)


def columns_missing_error(missing: Sequence[str], names: Sequence[str]) -> EntityFrameUnfit:
    """The error for columns that are not there."""
    return EntityFrameUnfit(
        f"The entity frame lacks {', '.join(missing)}; it has {', '.join(names) or 'no columns'}",
        _UNCHANGED,
        "Give each row its join keys and the instant to look back from, in event_timestamp",
    )


def _instants_among(frame: pd.DataFrame | pl.DataFrame) -> list[str]:
    if isinstance(frame, pl.DataFrame):
        return [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.Datetime)]
    return [str(name) for name, dtype in frame.dtypes.items() if pd.api.types.is_datetime64_any_dtype(dtype)]


# ---- columns as they come back ---------------------------------------------------------------------------------------


def _table(others: pd.DataFrame) -> pa.Table:
    others = others.rename(columns=str)
    for name in others.columns:
        if others[name].dtype == object and any(isinstance(value, UUID) for value in others[name].head(1000)):
            others[name] = [None if value is None else str(value) for value in others[name]]
    try:
        return pa.Table.from_pandas(others, preserve_index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise EntityFrameUnfit(
            f"A column of the entity frame holds values of several kinds: {'; '.join(map(str, error.args))}",
            _UNCHANGED,
            "Bring each column to one type",
        ) from error


def _with_instants(table: pa.Table, column: str, instants: pl.Series, order: list[str]) -> pa.Table:
    """The table with the event timestamps in their place. What pandas noted of the other columns stays noted."""
    arrow = instants.to_arrow().cast(pa.timestamp("us", tz="UTC"))
    if column in table.column_names:
        table = table.drop_columns([column])
    metadata = table.schema.metadata
    columns = {name: arrow if name == column else table.column(name) for name in order}
    return pa.table(columns).replace_schema_metadata(metadata)


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.string()) if pa.types.is_null(column.type) else column


# ---- instants --------------------------------------------------------------------------------------------------------


def _instants(values: pd.Series[Any], name: str) -> pl.Series:
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(values.cat.categories.dtype)
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        # The index may have duplicates, or no meaning to Polars.
        return _series_instants(pl.from_pandas(values.reset_index(drop=True)), name)
    if isinstance(values.dtype, pd.ArrowDtype):
        return _series_instants(pl.Series(name, pl.from_arrow(pa.chunked_array(pa.array(values)))), name)
    if pd.api.types.is_numeric_dtype(values.dtype) and not values.isna().all():
        raise _not_instants(name, f"numbers ({values.dtype})")
    return _parsed(values.astype(object).to_list(), name)


def _series_instants(values: pl.Series, name: str) -> pl.Series:
    if isinstance(values.dtype, pl.Datetime):
        zoned = values.dt.convert_time_zone("UTC") if values.dtype.time_zone else values.dt.replace_time_zone("UTC")
        return zoned.dt.cast_time_unit("us").alias(name)
    if values.dtype == pl.Date:
        return values.cast(pl.Datetime("us")).dt.replace_time_zone("UTC").alias(name)
    if values.dtype.is_numeric():
        raise _not_instants(name, f"numbers ({values.dtype})")
    return _parsed(values.to_list(), name)


def _parsed(values: list[Any], name: str) -> pl.Series:
    try:
        parsed = pd.to_datetime(pd.Series(values, dtype=object), utc=True, format="ISO8601")
        return _series_instants(pl.from_pandas(parsed), name)
    except (ValueError, TypeError, OverflowError):
        pass  # years that nanoseconds do not reach, several kinds of values, or no instants at all
    try:
        instants = [None if value is pd.NaT or value is pd.NA else as_utc(_moment(value)) for value in values]
    except (ValueError, TypeError, OverflowError) as error:
        raise _not_instants(name, str(error)) from error
    return pl.Series(name, instants, dtype=UTC_INSTANT)


def _moment(value: Any) -> Any:
    if isinstance(value, pd.Timestamp):
        return value.to_pydatetime(warn=False)
    if isinstance(value, datetime | str) or value is None or value != value:
        return value
    if hasattr(value, "year"):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001 (as_utc reads it as UTC)
    raise TypeError(f"{value!r} is not an instant")


def _not_instants(name: str, values: str) -> EntityFrameUnfit:
    return EntityFrameUnfit(
        f"{name} of the entity frame does not hold instants: {values}",
        _UNCHANGED,
        "Give datetimes, or text in ISO 8601; without an offset they are UTC",
    )
