"""Judging bets against the schema: `validate` over a whole frame against `BetSchema` row by row, in one run.

    python -m benchmarks.validation [rows]

The same bets twice: typed, as Parquet and Postgres give them, and all text, as CSV does. About one in a hundred is
broken, for a rejected row costs each judge more than a sound one. Row by row a million bets take minutes, so that judge
gets a sample of them, and its rate is what is compared. The two take turns, so that a noisy machine treats both alike.
Before anything is timed, both judge the sample and must reject the same rows.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import polars as pl
from pydantic import ValidationError

from benchmarks.measuring import Row, Sample, in_turn, rates, show
from ingestion.sample.sample import generate_sample
from quality.schema import BetSchema, validate

ROUNDS = 5
NOW = datetime(2026, 5, 24, 15, tzinfo=UTC)
# Bets that row-by-row judging is timed on.
SAMPLE = 20_000
# One bet in so many gets each of these faults.
BROKEN_EVERY = 300
FAULTS: Mapping[str, pl.Expr] = {
    "amount": -pl.col("amount") - 1,
    "status": pl.lit("WON"),
    "roi": pl.col("roi") + 5,
}


def bets(rows: int) -> pl.DataFrame:
    """That many rows of a sample, repeated as often as it takes, with faults spread over them."""
    sample = generate_sample(min(rows, 100_000), NOW, seed=7)
    frame = pl.concat([sample] * (rows // sample.height + 1)).head(rows).rechunk()
    row = pl.int_range(pl.len())
    return frame.with_columns(
        pl.when(row % BROKEN_EVERY == position).then(fault).otherwise(column).alias(column)
        for position, (column, fault) in enumerate(FAULTS.items())
    )


def as_text(frame: pl.DataFrame) -> pl.DataFrame:
    """The same bets with every value as text."""
    instants = pl.selectors.datetime().dt.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00")
    return frame.with_columns(instants).cast(pl.String)


def rejected_row_by_row(rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """The positions of the rows that `BetSchema` rejects."""
    rejected = []
    for position, row in enumerate(rows):
        try:
            BetSchema.model_validate(row, context={"now": NOW})
        except ValidationError:
            rejected.append(position)
    return rejected


def compare(rows: int) -> list[Row]:
    """Print and return how many times as many rows a second the frame is judged at, on both spellings."""
    typed = bets(rows)
    sampled = min(SAMPLE, rows)
    found = []
    for name, frame in (("typed", typed), ("all text", as_text(typed))):
        singly = frame.head(sampled).to_dicts()
        rejected = validate(frame.head(sampled), NOW).rejected["row"].to_list()
        if not rejected or rejected != rejected_row_by_row(singly):
            raise RuntimeError(f"the judges do not agree on {name} bets")
        taken = in_turn(
            ROUNDS,
            {"as a frame": partial(validate, frame, NOW), "row by row": partial(rejected_row_by_row, singly)},
            warm=False,
        )
        of_each = {"as a frame": rows, "row by row": sampled}
        judges = {
            judge: Sample(judge, tuple(1_000 * one / of_each[judge] for one in sample.values))
            for judge, sample in taken.items()
        }
        found.append(
            Row(
                f"{name} bets",
                judges["as a frame"],
                judges["row by row"],
                speedup=True,
                target=20.0,
                note=rates(judges, 1_000),
            )
        )
    show(f"validation: {rows:,} bets as a frame, {sampled:,} of them row by row", found)
    return found


if __name__ == "__main__":
    compare(int(sys.argv[1]) if sys.argv[1:] else 1_000_000)
