"""What differs between two training frames.

Rows are compared with those of the same keys and `event_timestamp`. A row that has none is compared with the row of the
same keys at another instant, where each frame has one: today's frame beside yesterday's.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import polars as pl

from feature_repo.declarations.groups import GROUPS
from feature_repo.declarations.views import ON_DEMAND_DECLARATIONS, STORED_VIEWS
from feature_repo.errors import ConfigurationError
from feature_repo.explanation.differences.difference import (
    ChangedValue,
    Difference,
    DifferingRow,
    DifferingView,
    RowCounts,
)
from feature_repo.explanation.stored_values import StoredView

_INSTANT: Final = "event_timestamp"
_KEYS: Final = ("bet_id", *(group.join_key for group in GROUPS))
_VIEWS: Final = (*STORED_VIEWS, *ON_DEMAND_DECLARATIONS.values())
# What pandas calls an index that it saves as a column.
_INDEX: Final = re.compile(r"__index_level_\d+__")
_PLACE: Final = "place among equals"
_AFTER: Final = " after"
# As values_agree has it.
_TOLERANCE: Final = 1e-9


def difference_of_frames(
    before: pl.DataFrame, after: pl.DataFrame, limit: int | None, *, named: tuple[str, str] = ("A", "B")
) -> Difference:
    """What differs, with at most `limit` rows of each view; null: all. The store is not asked: `with_causes` of
    frame_causes.py does that.

    Raises ConfigurationError for frames without `event_timestamp`, or without a join key that both have.
    """
    before, after = _comparable(before), _comparable(after)
    keys = [key for key in _KEYS if key in before.columns and key in after.columns]
    if not keys or _INSTANT not in before.columns or _INSTANT not in after.columns:
        raise ConfigurationError(
            "Training frames have event_timestamp and a join key such as sport or bet_id, and one of these has not",
            "Nothing was compared",
            "Save what get_historical_features gave with its columns, for instance by to_parquet",
        )
    matched, counts = _matched(before, after, keys)
    columns = [name for name in before.columns if name in after.columns and name not in (*keys, _INSTANT)]
    views = _differing_views(matched, columns, limit)
    return Difference(
        kind="frames",
        before=named[0],
        after=named[1],
        before_at=None,
        after_at=None,
        versions_between=None,
        views=tuple(views),
        backdated=(),
        frames=replace(
            counts,
            columns_only_before=tuple(name for name in before.columns if name not in after.columns),
            columns_only_after=tuple(name for name in after.columns if name not in before.columns),
        ),
    )


def read_frame(path: Path) -> pl.DataFrame:
    """A training frame from Parquet. Raises ConfigurationError for a file that is not there, or none."""
    try:
        return pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ConfigurationError(
            f"{path} cannot be read as a training frame: {str(error).splitlines()[0]}",
            "Nothing was compared",
            "Save one with to_parquet",
        ) from error


def views_of_columns(columns: Collection[str]) -> dict[str, str | None]:
    """Column of a training frame, which may be called `view__feature` -> the view that it is of; null for none.

    Some names are features of several views, and columns of a request too: of these a view has its own only where the
    frame has a feature that no other view has, and no request.
    """
    plain = {column: column.rpartition("__")[2] for column in columns}
    shared = {*_KEYS, *(column for view in ON_DEMAND_DECLARATIONS.values() for column in view.request)}
    present: dict[str, set[str]] = {}
    for view in _VIEWS:
        others = {feature.name for other in _VIEWS if other is not view for feature in other.declared}
        names = {feature.name for feature in view.declared}
        if (names - others - shared) & set(plain.values()):
            present[view.name] = names
    return {
        column: next(
            (view for view, names in present.items() if name in names and column in (name, f"{view}__{name}")), None
        )
        for column, name in plain.items()
    }


# ---- rows against rows ---------------------------------------------------------------------------------------------


def _comparable(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with instants in UTC, categories as text, NaN as null: how it was saved makes no difference."""
    columns = []
    for name, dtype in frame.schema.items():
        if _INDEX.fullmatch(name):
            continue
        column = pl.col(name)
        if isinstance(dtype, pl.Datetime):
            zoned = column.dt.convert_time_zone("UTC") if dtype.time_zone else column.dt.replace_time_zone("UTC")
            column = zoned.cast(pl.Datetime("us", "UTC"))
        elif isinstance(dtype, pl.Categorical | pl.Enum):
            column = column.cast(pl.String)
        elif dtype.is_float():
            column = column.cast(pl.Float64).fill_nan(None)
        elif dtype.is_integer():
            column = column.cast(pl.Int64)
        columns.append(column)
    return frame.select(columns)


def _matched(before: pl.DataFrame, after: pl.DataFrame, keys: Sequence[str]) -> tuple[pl.DataFrame, RowCounts]:
    """Each row beside its other self, the columns of the second frame called `<name> after`; and how many have none."""
    at = [*keys, _INSTANT]
    before, after = (frame.with_columns(_numbered(at)) for frame in (before, after))
    on = [*at, _PLACE]
    both = _joined(before, after, on).with_columns(pl.col(_INSTANT).alias(f"{_INSTANT}{_AFTER}"))
    only_before = before.join(after, on=on, how="anti", nulls_equal=True)
    only_after = after.join(before, on=on, how="anti", nulls_equal=True)
    is_lone = pl.len().over(keys) == 1
    paired = _joined(only_before.filter(is_lone), only_after.filter(is_lone), list(keys))
    matched = pl.concat([both, paired.select(both.columns)])
    return matched, RowCounts(before.height, after.height, only_before.height, only_after.height, paired.height, (), ())


def _numbered(columns: Sequence[str]) -> pl.Expr:
    """Which of the rows with equal values in these columns a row is."""
    return pl.int_range(pl.len()).over(columns).alias(_PLACE)


def _joined(before: pl.DataFrame, after: pl.DataFrame, on: list[str]) -> pl.DataFrame:
    second = after.select(pl.col(on), pl.all().name.suffix(_AFTER))
    return before.join(second, on=on, how="inner", nulls_equal=True, maintain_order="left")


def _differing_views(matched: pl.DataFrame, columns: Sequence[str], limit: int | None) -> list[DifferingView]:
    by_view: dict[str | None, list[str]] = {}
    for column, of_view in views_of_columns(columns).items():
        by_view.setdefault(of_view, []).append(column)
    views = []
    for view, names in by_view.items():
        differing = matched.with_columns(_differs(name, matched.schema).alias(f"{name} differs") for name in names)
        differing = differing.filter(pl.any_horizontal(f"{name} differs" for name in names))
        if differing.height:
            counts = {name: int(differing[f"{name} differs"].sum()) for name in names}
            rows = differing if limit is None else differing.head(limit)
            views.append(
                DifferingView(
                    view=view,
                    rows=differing.height,
                    new=0,
                    expired=0,
                    is_served_before=True,
                    is_served_after=True,
                    features={name: count for name, count in counts.items() if count},
                    listed=tuple(_row(view, row, names) for row in rows.iter_rows(named=True)),
                )
            )
    return views


def _differs(name: str, schema: Mapping[str, pl.DataType]) -> pl.Expr:
    before, after = pl.col(name), pl.col(f"{name}{_AFTER}")
    if schema[name].is_numeric() and schema[f"{name}{_AFTER}"].is_numeric():
        size = pl.max_horizontal(pl.lit(1.0), after.abs())
        is_near = ((before - after).abs() <= _TOLERANCE * size).fill_null(False)
        return before.ne_missing(after) & ~is_near
    if schema[name] != schema[f"{name}{_AFTER}"]:
        return before.cast(pl.String).ne_missing(after.cast(pl.String))
    return before.ne_missing(after)


def _row(view: str | None, row: Mapping[str, Any], names: Sequence[str]) -> DifferingRow:
    stored = stored_view_of(view)
    return DifferingRow(
        key=row.get(stored.join_key if stored else "bet_id"),
        before_at=row[_INSTANT],
        after_at=row[f"{_INSTANT}{_AFTER}"],
        values=tuple(ChangedValue(name, row[name], row[f"{name}{_AFTER}"]) for name in names if row[f"{name} differs"]),
        written_by=None,
        store_has=None,
        versions=(),
        versions_in_all=0,
    )


def stored_view_of(name: str | None) -> StoredView | None:
    """The stored view of this name; null for any other."""
    return next((view for view in STORED_VIEWS if view.name == name), None)
