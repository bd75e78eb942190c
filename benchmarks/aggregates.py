"""Point-in-time aggregates of five groupings, joined back to every bet: this store's against the original design's.

    python -m benchmarks.aggregates [bets]

Both sides start from the same bets in memory and end with one row of aggregates per bet. Ours replays every version
with retractions, as a refresh does, and joins as of each bet's placement. The original design's pandas takes one row
per bet in order of creation, shifted by one; it leaks, since a bet that is still open counts as soon as it is placed.
Ours computes seven measures per grouping and two recent rates, the original three and one.

Each side runs in a process of its own, for its peak memory; they take turns, so that a noisy machine treats both alike.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from benchmarks.measuring import GIB, Row, Sample, alone, peak_memory, rates, show

ROUNDS = 3
NOW = datetime(2026, 5, 24, 15, tzinfo=UTC)
GROUPINGS = (
    ("sport",),
    ("sport", "market"),
    ("sport", "league"),
    ("sport", "league", "market"),
    ("institution_name",),
)


def ours(sample: Path) -> tuple[float, int]:
    """Seconds, and rows of aggregates: replay the log in chunks, join as of placement."""
    import narwhals as nw
    import polars as pl

    from feature_repo.declarations.groups import GROUP_COLUMNS
    from feature_repo.declarations.views import GROUPED_VIEWS
    from feature_repo.group_keys import key_expression
    from ingestion.features.refresh import CHUNK_SIZE
    from ingestion.features.replay import LOG_SCHEMA, MemoryStates, replay
    from ingestion.features.running_sums import group_keys

    known = pl.max_horizontal("updated_at", pl.col("time_placed") + pl.duration(microseconds=1))
    log = (
        pl.read_parquet(sample)
        .with_columns(known_at=known)
        .sort("known_at", "updated_at")
        .with_columns(
            pl.int_range(1, pl.len() + 1).alias("seq"),
            (pl.col("amount") * 100).round().cast(pl.Int64).alias("amount_cents"),
            (pl.col("profit") * 100).round().cast(pl.Int64).alias("profit_cents"),
            pl.col("american_odds").cast(pl.Int32),
            pl.lit(False).alias("is_deleted"),
            pl.lit(False).alias("is_forgotten"),
        )
        .with_columns(previous_seq=pl.col("seq").shift(1).over("id"))
        .select(pl.col(name).cast(dtype) for name, dtype in LOG_SCHEMA.items())
    )
    bets = log.unique("id", keep="last").select("id", "time_placed", "sport", "league", "market", "institution_name")

    started = time.perf_counter()
    changes: dict[str, list[pl.DataFrame]] = {view.name: [] for view in GROUPED_VIEWS}
    states = MemoryStates()
    for after in range(0, log.height, CHUNK_SIZE):
        fresh = log.slice(after, CHUNK_SIZE)
        replaced = log[(fresh["previous_seq"].drop_nulls() - 1).filter(fresh["previous_seq"].drop_nulls() <= after)]
        # The views of single bets come last, and are no aggregates.
        for view, rows in islice(replay(pl.concat([replaced, fresh]), after, states), len(GROUPED_VIEWS)):
            changes[view].append(rows)
    placed = nw.from_native(bets.sort("time_placed"), eager_only=True)
    placed = placed.with_columns(cell=key_expression(GROUP_COLUMNS).cast(nw.Categorical))
    joined = placed.to_native().select("id", "time_placed", "cell")
    for grouped in GROUPED_VIEWS:
        key = f"{grouped.name}_key"
        of_cell = (
            group_keys(placed, [grouped.group])
            .to_native()
            .select("cell", pl.col("key").cast(pl.Categorical).alias(key))
        )
        joined = joined.join(of_cell, on="cell", how="left", maintain_order="left").join_asof(
            pl.concat(changes.pop(grouped.name)).with_columns(pl.col(grouped.join_key).cast(pl.Categorical)),
            left_on="time_placed",
            right_on="event_timestamp",
            by_left=key,
            by_right=grouped.join_key,
            check_sortedness=False,
            suffix=f"_{grouped.name}",
        )
    return time.perf_counter() - started, joined.height


def original(sample: Path) -> tuple[float, int]:
    """Seconds, and rows of aggregates: expanding means over the rows before, per grouping."""
    import pandas as pd

    bets = pd.read_parquet(sample).drop_duplicates("id", keep="last")
    bets["is_win"] = bets["is_win"].astype("float64")

    started = time.perf_counter()
    bets = bets.sort_values("created_at").reset_index(drop=True)
    for columns in GROUPINGS:
        groups = bets.groupby(list(columns))
        name = "_".join(columns)
        for measure, column in (("win_rate", "is_win"), ("roi", "roi")):
            bets[f"{name}_{measure}"] = groups[column].transform(lambda values: values.shift(1).expanding().mean())
        bets[f"{name}_count"] = groups.cumcount()
    last_ten = bets.groupby(["sport", "market"])["is_win"]
    bets["recent_win_rate"] = last_ten.transform(lambda values: values.shift(1).rolling(10, min_periods=1).mean())
    return time.perf_counter() - started, len(bets)


SIDES = {"ours": ours, "original": original}
NAMES = {"ours": "ours", "original": "original design's pandas"}


def measure(side: str, sample: Path) -> None:
    """One side, once, in this process: seconds, rows and peak bytes as JSON."""
    taken, rows = SIDES[side](sample)
    print(json.dumps({"seconds": taken, "rows": rows, "peak": peak_memory()}))


def compare(bets: int) -> list[Row]:
    """Make the sample, let both sides take turns, print and return the rows."""
    from ingestion.sample.sample import generate_sample, write_sample

    with tempfile.TemporaryDirectory() as directory:
        sample = Path(directory) / "sample.parquet"
        frame = generate_sample(bets, NOW, seed=7)
        versions = frame.height
        write_sample(frame, sample)
        del frame
        runs: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
        for _ in range(ROUNDS):
            for side in SIDES:
                runs[side].append(alone("benchmarks.aggregates", side, str(sample)))
    taken = {side: Sample(NAMES[side], tuple(run["seconds"] for run in told)) for side, told in runs.items()}
    work = f"{bets:,} bets, {versions:,} versions"
    rows = [
        Row(work, taken["ours"], taken["original"], speedup=True, target=2.0, note=rates(taken, bets, "bets")),
        *(
            Row(f"{work}, peak memory", Sample(NAMES[side], tuple(run["peak"] / GIB for run in told), "GiB"))
            for side, told in runs.items()
        ),
    ]
    show("aggregates: five groupings, joined back to every bet", rows)
    return rows


if __name__ == "__main__":
    if sys.argv[1:] and sys.argv[1] in SIDES:
        measure(sys.argv[1], Path(sys.argv[2]))
    else:
        compare(int(sys.argv[1]) if sys.argv[1:] else 300_000)
