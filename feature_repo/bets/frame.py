"""Bets as callers have them (dicts, pandas, Polars), brought to one shape: known columns, one type each, blanks null.

Names and types are spelled as at ingestion (`feature_repo/bets/names.py`, `bet_types.py`), so that a bet to be scored
meets the groups that history knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from feature_repo.bets.bet_types import known_bet_type
from feature_repo.bets.names import WHITESPACE, normal_name, normal_names
from feature_repo.clock import as_utc
from feature_repo.declarations.groups import GROUP_COLUMNS

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

Bets: TypeAlias = "pd.DataFrame | pl.DataFrame | Sequence[Mapping[str, Any]]"

NEEDED: Final = (*GROUP_COLUMNS, "bet_type", "american_odds", "is_live", "time_placed")
# A bet that is not stored yet has no id, and its closing line is unknown when it is placed.
OPTIONAL_COLUMNS: Final = ("bet_id", "clv_percentage")


class ColumnsMissing(ValueError):
    """Bets lack columns that features are made from; `missing` names all of them."""

    def __init__(self, missing: Sequence[str]) -> None:
        super().__init__(f"bets lack {', '.join(missing)}; where a value is unknown, give null")
        self.missing = tuple(missing)


def bet_columns(
    bets: Bets, needed: Sequence[str] = NEEDED, optional: Sequence[str] = OPTIONAL_COLUMNS
) -> dict[str, list[Any]]:
    """A list per column, one value per bet, in order: the `needed` columns, and those `optional` ones that bets have.

    `id` is taken for `bet_id`; other columns are left out. Raises ColumnsMissing, and ValueError for a value that its
    column cannot hold.
    """
    if isinstance(bets, Sequence):
        first: Iterable[str] = bets[0] if bets else needed
        names = _names(set(first).union(*bets), set(first).intersection(*bets), needed, optional)
        return {name: _cleaned_all(name, [bet.get(called) for bet in bets]) for name, called in names.items()}
    columns = {str(name) for name in bets.columns}
    names = _names(columns, columns, needed, optional)
    return {name: _clean_column(name, bets[called]).to_list() for name, called in names.items()}


def bet_frame(bets: Bets) -> pl.DataFrame:
    """The bets as a frame: one row per bet in their order, and the columns that `bet_columns` has, in its order.

    Names are String, numbers Float64, is_live is Boolean, time_placed Datetime in UTC. Raises as `bet_columns` does.
    """
    import polars as pl

    if isinstance(bets, Sequence):
        return pl.DataFrame([_series(name, values) for name, values in bet_columns(bets).items()])
    columns = {str(name) for name in bets.columns}
    names = _names(columns, columns, NEEDED, OPTIONAL_COLUMNS)
    return pl.DataFrame([_clean_column(name, bets[called]) for name, called in names.items()])


def _names(of_some: set[str], of_all: set[str], needed: Sequence[str], optional: Sequence[str]) -> dict[str, str]:
    """Our name -> what the caller calls it, in our order, of the columns that some bets have.

    Raises ColumnsMissing for a `needed` one that not all of them have.
    """
    calls = {name: name for name in (*needed, *optional)}
    if "bet_id" in calls and "bet_id" not in of_some:
        calls["bet_id"] = "id"
    if missing := [name for name in needed if calls[name] not in of_all]:
        raise ColumnsMissing(missing)
    return {name: called for name, called in calls.items() if called in of_some}


def _clean_column(name: str, values: pd.Series[Any] | pl.Series) -> pl.Series:
    """Columns of the usual types are cleaned as a whole; anything else value by value, as in `bet_columns`."""
    import polars as pl

    if not isinstance(values, pl.Series):
        if values.dtype == object:
            return _series(name, _cleaned_all(name, values.where(values.notna(), None).tolist()))
        values = pl.from_pandas(values)
    column, clean = values.alias(name), _CLEAN.get(name, _text)
    if clean is _number and column.dtype.is_numeric():
        return column.cast(pl.Float64).fill_nan(None)
    if clean is _flag and column.dtype == pl.Boolean:
        return column
    if clean is as_utc and isinstance(column.dtype, pl.Datetime):
        zoned = column.dt.convert_time_zone("UTC") if column.dtype.time_zone else column.dt.replace_time_zone("UTC")
        return zoned.cast(pl.Datetime("us", "UTC"))
    if clean is _name and column.dtype == pl.String:
        return normal_names(column)
    return _series(name, _cleaned_all(name, column.to_list()))


def _series(name: str, values: Sequence[Any]) -> pl.Series:
    import polars as pl

    dtypes: dict[Any, pl.DataType] = {_number: pl.Float64(), _flag: pl.Boolean(), as_utc: pl.Datetime("us", "UTC")}
    return pl.Series(name, values, dtype=dtypes.get(_CLEAN.get(name), pl.String()))


def _cleaned_all(name: str, values: Sequence[Any]) -> list[Any]:
    clean: Callable[[Any], Any] = _CLEAN.get(name, _text)
    try:
        # NaN and NaT differ from themselves.
        return [None if value is None or value != value else clean(value) for value in values]
    except (TypeError, ValueError, OverflowError):
        return [_cleaned(name, value, clean) for value in values]  # one of these raises, and says which value it was


def _cleaned(name: str, value: Any, clean: Callable[[Any], Any]) -> Any:
    try:
        return None if value is None or value != value else clean(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{name} cannot be {value!r}") from error


def _text(value: Any) -> str | None:
    return str(value).strip(WHITESPACE) or None


def _name(value: Any) -> str | None:
    return normal_name(str(value))


def _bet_type(value: Any) -> str | None:
    text = _text(value)
    return known_bet_type(text) or text.lower() if text else None


def _number(value: Any) -> float | None:
    number = float(value)
    return None if number != number else number


def _flag(value: Any) -> bool:
    if value not in (False, True):
        raise ValueError(value)
    return bool(value)


# Everything not named here is text.
_CLEAN: dict[str, Callable[[Any], Any]] = {
    "american_odds": _number,
    "clv_percentage": _number,
    "is_live": _flag,
    "time_placed": as_utc,
    "bet_type": _bet_type,
    **dict.fromkeys(GROUP_COLUMNS, _name),
}
