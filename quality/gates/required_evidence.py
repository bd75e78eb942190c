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


def provided(evidence: Evidence, needs: Needs, min_rows: int = 0) -> Provided:
    """The part of the evidence that is needed.

    Raises Unusable when a frame or column is missing, of another type, null or not finite where a value must be, or
    below 0 where nothing can be.
    """
    if problems := [problem for name, columns in needs.items() for problem in _problems(evidence, name, columns)]:
        raise Unusable("; ".join(problems))
    frames = {name: getattr(evidence, name).select(columns) for name, columns in needs.items()}
    return Provided(evidence.now, min_rows, frames)


def _problems(evidence: Evidence, name: str, columns: tuple[str, ...]) -> Iterator[str]:
    frame = getattr(evidence, name)
    if not isinstance(frame, pl.DataFrame):
        yield f"{name} is missing" if frame is None else f"{name} is no Polars data frame"
        return
    if name == "intake" and frame.height != 1:
        yield f"intake has {frame.height:,} rows instead of one"
    for column in columns:
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
