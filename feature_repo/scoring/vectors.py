"""What scoring gives: one vector per bet, in a fixed order of columns, and how far each value can be trusted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from feature_repo.bets.vocabulary import ENCODED_COLUMNS, have_codes
from feature_repo.declarations.groups import GROUPS
from feature_repo.group_keys import only_part
from feature_repo.online_store.layout import instant_of_microseconds
from feature_repo.scoring.models import WinChances

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_JOIN_KEYS = frozenset(group.join_key for group in GROUPS)


class ValueStatus(StrEnum):
    """Why a value is what it is, in Feast's words. Every value that is not PRESENT is None."""

    PRESENT = "PRESENT"
    NULL_VALUE = "NULL_VALUE"  # the group is known, this feature of it is not
    NOT_FOUND = "NOT_FOUND"  # nothing is known of the group
    OUTSIDE_MAX_AGE = "OUTSIDE_MAX_AGE"  # what is known is older than the view's TTL


class RowStatus(NamedTuple):
    """Whether a view's row for one bet may be served: the status of its values, and up to when they hold."""

    #: Never NULL_VALUE, which is said of a single value.
    status: ValueStatus
    #: Microseconds since 1970; null where there is no row.
    as_of: int | None


@dataclass(frozen=True)
class Vectors:
    """The vectors of some bets, in the order of the bets.

    `names`          the features, in the order of the service: always the same for one service
    `rows`           one tuple per bet, one value per name: float, int, bool, str, or None
    `feature_views`  feature -> the view it comes from
    `now`            the instant at which ages were taken
    `chances`        by the scorer's model: of a win, beside the prices; None without a model

    Values of on-demand views are computed from the bet itself: PRESENT, also when they are None, and of no age.
    """

    service: str
    names: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    feature_views: Mapping[str, str]
    now: datetime
    # pandas' type of each feature; stored view -> its position in `_row_statuses`; for each bet the status of each view
    _types: Mapping[str, str] = field(repr=False)
    _views: Mapping[str, int] = field(repr=False)
    _row_statuses: list[tuple[RowStatus, ...]] = field(repr=False)
    # join keys and request columns of the bets, a list per column
    _columns: Mapping[str, Sequence[Any]] = field(repr=False)
    chances: WinChances | None = None

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def win_probabilities(self) -> list[float | None] | None:
        """By the scorer's model, one per bet, None for one without a price; None without a model."""
        return self.chances.model if self.chances else None

    @property
    def columns(self) -> dict[str, list[Any]]:
        """Feature -> its values, one per bet."""
        return {name: [row[position] for row in self.rows] for position, name in enumerate(self.names)}

    @property
    def as_of(self) -> dict[str, list[datetime | None]]:
        """Stored view -> until when its values of each bet are known to hold, aware; None where it holds nothing."""
        return {
            view: [None if each.as_of is None else instant_of_microseconds(each.as_of) for each in statuses]
            for view, statuses in self.row_statuses.items()
        }

    @property
    def ages(self) -> dict[str, list[timedelta | None]]:
        """Stored view -> how long before `now` that is; None where the view holds nothing for a bet.

        Below zero the store is ahead of the clock: values that are not known yet at `now`.
        """
        return {
            view: [None if instant is None else self.now - instant for instant in instants]
            for view, instants in self.as_of.items()
        }

    @property
    def statuses(self) -> dict[str, list[ValueStatus]]:
        """Feature -> its status, one per bet."""
        by_view = self.row_statuses
        return {
            name: [
                _status(of_row, value) for of_row, value in zip(by_view[self.feature_views[name]], values, strict=True)
            ]
            if self.feature_views[name] in by_view
            else [ValueStatus.PRESENT] * len(values)
            for name, values in self.columns.items()
        }

    @property
    def unknown_names(self) -> list[dict[str, str]]:
        """For each bet, column -> the name that it has there, of those names that no stored bet has.

        Looked up in the vocabulary that categories are encoded by, which is in memory
        (`feature_repo/bets/vocabulary.py`), as it is now: a name that was first known after the bet was placed has the
        code 0 and is none of these. A name that is known and whose group is NOT_FOUND has no graded bet yet.
        Raises VocabularyUnavailable where the service encodes no category and Postgres does not answer.
        """
        unknown: list[dict[str, str]] = [{} for _ in self.rows]
        for column, names in self.names_of(ENCODED_COLUMNS).items():
            for of_bet, name, has_code in zip(unknown, names, have_codes(column, names), strict=True):
                if name is not None and not has_code:
                    of_bet[column] = name
        return unknown

    def names_of(self, columns: Iterable[str]) -> dict[str, list[str | None]]:
        """Column -> the name that each bet has there; None where it has none, or the service asks for none."""
        names = {}
        for column in columns:
            keys = self._columns.get(column, [None] * len(self))
            # A one-part key is the name, escaped.
            names[column] = [only_part(key) for key in keys] if column in _JOIN_KEYS else list(keys)
        return names

    def to_dicts(self) -> list[dict[str, Any]]:
        """One dict per bet, feature -> value: what JSON takes."""
        return [dict(zip(self.names, row, strict=True)) for row in self.rows]

    def to_pandas(self) -> pd.DataFrame:
        """One row per bet, one column per feature, in the order of `names`.

        Numbers are float64, flags boolean, text string, and that also where every value is null: a model sees the same
        types at every call.
        """
        import pandas as pd

        return pd.DataFrame({name: pd.Series(values, dtype=self._types[name]) for name, values in self.columns.items()})

    def to_numpy(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Bets by features, float64: None is NaN, a flag 0 or 1. Raises ValueError where there is text."""
        import numpy as np

        if other := [name for name in self.names if self._types[name] not in ("float64", "boolean")]:
            raise ValueError(f"{self.service} has features that are no numbers: {', '.join(other)}")
        return np.array(self.rows, dtype=np.float64).reshape(len(self.rows), len(self.names))

    @property
    def row_statuses(self) -> dict[str, list[RowStatus]]:
        """Stored view -> the status of its row, one per bet."""
        return {view: [row[position] for row in self._row_statuses] for view, position in self._views.items()}


def _status(of_row: RowStatus, value: Any) -> ValueStatus:
    return ValueStatus.NULL_VALUE if value is None and of_row.status is ValueStatus.PRESENT else of_row.status
