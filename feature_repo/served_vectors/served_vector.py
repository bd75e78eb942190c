"""A vector as it is kept: what it was asked with, its values, and how far each view could be trusted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from feature_repo.scoring.vectors import Vectors

BET_ID: Final = "bet_id"


@dataclass(frozen=True)
class ServedVector:
    """One vector, as JSON holds it."""

    #: ISO 8601.
    served_at: str
    service: str
    bet_id: str | None
    #: Join keys and columns of the request.
    entities: Mapping[str, Any]
    #: view:feature -> value.
    features: Mapping[str, Any]
    #: Stored view -> status, and up to when the row held (microseconds since 1970, or null).
    views: Mapping[str, tuple[str, int | None]]


@dataclass(frozen=True)
class ScoredVectors:
    """Vectors of a scorer. `columns`: what they were asked with, a list per column."""

    vectors: Vectors
    columns: Mapping[str, Sequence[Any]]

    def __len__(self) -> int:
        return len(self.vectors)

    def served(self, positions: Iterable[int]) -> list[ServedVector]:
        """The vectors at these positions."""
        vectors, views = self.vectors, self.vectors.row_statuses
        names = [f"{vectors.feature_views[name]}:{name}" for name in vectors.names]
        return [
            _served_vector(
                vectors.now,
                vectors.service,
                {name: values[position] for name, values in self.columns.items()},
                zip(names, vectors.rows[position], strict=True),
                {view: (statuses[position].status.value, statuses[position].as_of) for view, statuses in views.items()},
            )
            for position in positions
        ]


@dataclass(frozen=True)
class RespondedVectors:
    """Vectors of an answer of Feast's to a request for a service.

    `rows`: what it was asked with, as Feast takes it. `now`: when it was answered.
    """

    response: Any
    service: Any
    rows: Any
    now: datetime

    def __len__(self) -> int:
        return len(self.response.proto.results[0].values) if self.response.proto.results else 0

    def served(self, positions: Iterable[int]) -> list[ServedVector]:
        """The vectors at these positions."""
        answered = {name: position for position, name in enumerate(self.response.proto.metadata.feature_names.val)}
        refs = [
            (projection.name_to_use(), field.name)
            for projection in self.service.feature_view_projections
            for field in projection.features
        ]
        # Features have their full names, or their own; with full names Feast leaves out those of on-demand views.
        called = {ref: name for ref in refs if (name := "__".join(ref)) in answered or (name := ref[1]) in answered}
        values, columns = self.response.to_dict(), _columns_of(self.rows)
        stored = {view: answered[name] for (view, _), name in called.items() if self._is_stored(view)}
        return [
            _served_vector(
                self.now,
                self.service.name,
                {name: column[position] for name, column in columns.items()},
                ((":".join(ref), values[name][position]) for ref, name in called.items()),
                {view: self._row_status(place, position) for view, place in stored.items()},
            )
            for position in positions
        ]

    def _is_stored(self, view: str) -> bool:
        from feature_repo.declarations.views import ON_DEMAND_DECLARATIONS

        return view not in ON_DEMAND_DECLARATIONS

    def _row_status(self, place: int, position: int) -> tuple[str, int | None]:
        """The status of a view's row, by one of its features."""
        from feature_repo.feast_internals import FieldStatus

        vector = self.response.proto.results[place]
        status, stamp = FieldStatus.Name(vector.statuses[position]), vector.event_timestamps[position]
        instant = stamp.seconds * 1_000_000 + stamp.nanos // 1_000
        # That a value is null is no matter of the row.
        return "PRESENT" if status == "NULL_VALUE" else status, instant or None


def _served_vector(
    now: datetime,
    service: str,
    columns: Mapping[str, Any],
    features: Iterable[tuple[str, Any]],
    views: Mapping[str, tuple[str, int | None]],
) -> ServedVector:
    entities = {name: _plain(value) for name, value in columns.items()}
    bet_id = entities.pop(BET_ID, None)
    return ServedVector(
        now.isoformat(),
        service,
        None if bet_id is None else str(bet_id),
        entities,
        {name: _plain(value) for name, value in features},
        views,
    )


def _plain(value: Any) -> Any:
    """A value as JSON holds it: instants in ISO 8601, numbers of NumPy as Python's, null for NaN and NaT."""
    if value != value:
        return None
    if isinstance(value, datetime):
        return value.isoformat()
    return value.item() if isinstance(value, np.generic) else value


def _columns_of(rows: Any) -> Mapping[str, Sequence[Any]]:
    """The columns of a request as Feast takes it: a list of dicts, or a mapping to lists, or to Feast's own lists."""
    from feature_repo.feast_internals import feast_value_type_to_python_type

    if isinstance(rows, list):
        return {name: [row[name] for row in rows] for name in rows[0]} if rows else {}
    return {
        name: [feast_value_type_to_python_type(message) for message in values.val] if hasattr(values, "val") else values
        for name, values in rows.items()
    }
