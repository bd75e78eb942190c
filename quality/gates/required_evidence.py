"""The evidence that a measure needs, checked before it is read: a gate without its evidence fails, it never passes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import polars as pl

from quality.evidence import EVIDENCE_SCHEMAS, Evidence

#: The columns that are read, by the frame of the evidence.
Needs: TypeAlias = Mapping[str, tuple[str, ...]]

NULLABLE = {
    "batch": {"american_odds", "sport", "market", "institution_name", "clv_percentage"},
    "intake": {"rows_read", "source_rows"},
    "totals": {"sport", "institution_name"},
    "graded": {"american_odds"},
    "shifts": {"segment_column", "segment"},
}
# Counts, and scores.
NEVER_NEGATIVE = {
    "intake": {"accepted", "quarantined", "rows_read", "source_rows"},
    "totals": {"bets", "settled", "without_market", "without_price"},
    "shifts": {"rows", "score"},
    "completeness": {"rows", "known"},
}


class Unusable(Exception):
    """Evidence that cannot be judged; the message names the frame or column and what is wrong with it."""


@dataclass(frozen=True)
class Provided:
    """Evidence that was checked: `provided["batch"]` has the needed columns, and nothing else can be read."""

    now: datetime
    #: How many rows a segment needs to be judged.
    min_rows: int
    frames: Mapping[str, pl.DataFrame]

    def __getitem__(self, name: str) -> pl.DataFrame:
        return self.frames[name]


class CheckedEvidence:
    """The evidence of one refresh. A frame or column is checked once, however many gates read it."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._problems: dict[tuple[str, str | None], list[str]] = {}

    def provided(self, needs: Needs, min_rows: int = 0) -> Provided:
        """The part of the evidence that is needed.

        Raises Unusable when a frame or column is missing, of another type, null or not finite where a value must be, or
        below 0 where nothing can be.
        """
        read = [(name, column) for name, columns in needs.items() for column in (None, *columns)]
        if problems := [problem for name, column in read for problem in self._problems_of(name, column)]:
            raise Unusable("; ".join(problems))
        frames = {name: getattr(self._evidence, name).select(columns) for name, columns in needs.items()}
        return Provided(self._evidence.now, min_rows, frames)

    def _problems_of(self, name: str, column: str | None) -> list[str]:
        """What is wrong with a column of a frame, or with the frame itself (None)."""
        if (name, column) not in self._problems:
            frame = getattr(self._evidence, name)
            found = _problems_of_frame(frame, name) if column is None else _problems_of_column(frame, name, column)
            self._problems[name, column] = list(found)
        return self._problems[name, column]


def _problems_of_frame(frame: object, name: str) -> Iterator[str]:
    if not isinstance(frame, pl.DataFrame):
        yield f"{name} is missing" if frame is None else f"{name} is no Polars data frame"
    elif name == "intake" and frame.height != 1:
        yield f"intake has {frame.height:,} rows instead of one"


def _problems_of_column(frame: object, name: str, column: str) -> Iterator[str]:
    if not isinstance(frame, pl.DataFrame):
        return
    if column not in frame.columns:
        yield f"{name}.{column} is missing"
    elif (found := frame.schema[column]) != (wanted := EVIDENCE_SCHEMAS[name][column]):
        yield f"{name}.{column} is {found} instead of {wanted}"
    else:
        yield from _bad_values(frame[column], name)


def _bad_values(values: pl.Series, frame: str) -> Iterator[str]:
    column = f"{frame}.{values.name}"
    if values.name not in NULLABLE.get(frame, ()) and (nulls := values.null_count()):
        yield f"{column} is null in {nulls:,} rows"
    if values.dtype.is_float() and (odd := (~values.is_finite()).sum()):
        yield f"{column} is not a finite number in {odd:,} rows"
    if values.name in NEVER_NEGATIVE.get(frame, ()) and (negative := (values < 0).sum()):
        yield f"{column} is below 0 in {negative:,} rows"
