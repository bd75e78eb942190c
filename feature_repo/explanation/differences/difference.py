"""What a comparison of two states of the features consists of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from feature_repo.explanation.result import ChangingVersion, RunBehind

FrameSide = Literal["before", "after", "neither"]


@dataclass(frozen=True)
class ChangedValue:
    """A feature of a row on both sides."""

    feature: str
    before: Any
    after: Any


@dataclass(frozen=True)
class DifferingRow:
    """What differs of one key in one view."""

    key: str | None
    #: The change rows of both sides; of frames their instants. Null where a side has no row.
    before_at: datetime | None
    after_at: datetime | None
    values: tuple[ChangedValue, ...]
    #: The run that wrote what the store has now; null where it has no record.
    written_by: RunBehind | None
    #: Of frames whose instants are equal: which of them has what the store answers now.
    store_has: FrameSide | None
    #: The newest versions that did it, and how many there are.
    versions: tuple[ChangingVersion, ...]
    versions_in_all: int


@dataclass(frozen=True)
class DifferingView:
    """What differs in one view; of frames the columns of no view stand under a null one."""

    view: str | None
    #: Keys that differ; of frames rows.
    rows: int
    #: Of these those that had nothing before.
    new: int
    #: Single bets that are served no more, for their age alone.
    expired: int
    #: Whether anything of it is served on each side: not where the pipeline had been silent for longer than the TTL.
    is_served_before: bool
    is_served_after: bool
    #: Feature -> in how many of the rows it differs.
    features: Mapping[str, int]
    #: Some of the rows.
    listed: tuple[DifferingRow, ...]


@dataclass(frozen=True)
class BackdatedRows:
    """Rows that a run wrote after the first of two runs, and that hold from before its instant on.

    A backfill writes history anew; in bet_facts a new bet holds from its placement on.
    """

    view: str
    run_id: UUID
    verb: str | None
    rows: int


@dataclass(frozen=True)
class RowCounts:
    """The rows of two frames."""

    before: int
    after: int
    #: Rows whose keys and instant the other frame does not have.
    only_before: int
    only_after: int
    #: Of both, those that were compared with the only row of the same keys at another instant.
    paired: int
    columns_only_before: tuple[str, ...]
    columns_only_after: tuple[str, ...]


@dataclass(frozen=True)
class Difference:
    """All that differs between two states, the earlier one first."""

    kind: Literal["instants", "runs", "frames"]
    before: str
    after: str
    #: The instants of both sides; null for frames, whose rows have their own.
    before_at: datetime | None
    after_at: datetime | None
    #: How many versions became known in between.
    versions_between: int | None
    views: tuple[DifferingView, ...]
    backdated: tuple[BackdatedRows, ...]
    frames: RowCounts | None

    @property
    def rows(self) -> int:
        """Keys and rows that differ, in all views."""
        return sum(view.rows for view in self.views)
