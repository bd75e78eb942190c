"""Point-in-time aggregates of five groupings, joined back to every bet: this store's against the original design's pandas.

    python -m benchmarks.aggregates [bets]

Both sides start from the same bets in memory and end with one row of aggregates per bet. Ours replays every version with
retractions and joins as of each bet's placement; the original takes one row per bet in order of creation, shifted by one (it
leaks: a bet that is still open counts as soon as it is placed). So ours does more. Each side runs in a process of its own, for its
peak memory; the rounds take turns, so that a noisy machine treats both alike.
"""

from __future__ import annotations

import json
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

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
    """Seconds, and rows of aggregates: replay the log, join as of placement."""
    import narwhals as nw
    import polars as pl

    from feature_repo.groups import BET_FACTS, GROUPED_VIEWS, GROUPS
    from feature_repo.keys import key_expression
    from ingestion.replay import LOG_SCHEMA, MemoryStates, replay

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
        )
        .with_columns(previous_seq=pl.col("seq").shift(1).over("id"))
        .select(pl.col(name).cast(dtype) for name, dtype in LOG_SCHEMA.items())
    )
    bets = log.unique("id", keep="last").select("id", "time_placed", "sport", "league", "market", "institution_name")
    grouped = {view.name: view.group for view in GROUPED_VIEWS}

    started = time.perf_counter()
    keyed = nw.from_native(bets).with_columns(
        *(key_expression(group.columns).alias(f"{group.name}_key") for group in GROUPS)
    )
    joined = keyed.to_native().sort("time_placed")
    for view, rows in replay(log, 0, MemoryStates()):
        if view == BET_FACTS.name:
            break  # the views of single bets come last, and are no aggregates
        joined = joined.join_asof(
            rows.sort("event_timestamp"),
            left_on="time_placed",
            right_on="event_timestamp",
            by_left=f"{grouped[view].name}_key",
            by_right=grouped[view].join_key,
            check_sortedness=False,
            suffix=f"_{view}",
        )
    return time.perf_counter() - started, joined.height


def original(sample: Path) -> tuple[float, int]:
    """Seconds, and rows of aggregates: expanding means over the rows before, per grouping, as the customer's design has them."""
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


def main() -> None:
    """Make the sample, let both sides take turns, print medians and the ratio."""
    if sys.argv[1] in ("ours", "original"):
        seconds, rows = (ours if sys.argv[1] == "ours" else original)(Path(sys.argv[2]))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps({"seconds": seconds, "rows": rows, "peak_bytes": peak}))
        return
    from ingestion.sample import generate, write

    bets = int(sys.argv[1])
    with tempfile.TemporaryDirectory() as directory:
        sample = Path(directory) / "sample.parquet"
        frame = generate(bets, NOW, seed=7)
        versions = frame.height
        write(frame, sample)
        del frame
        results: dict[str, list[dict[str, float]]] = {"ours": [], "original": []}
        for _ in range(ROUNDS):
            for side, runs in results.items():
                command = [sys.executable, "-m", "benchmarks.aggregates", side, str(sample)]
                runs.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    print(
        f"{bets:,} bets, {versions:,} versions, {ROUNDS} rounds, {platform.machine()}, Python {platform.python_version()}"
    )
    medians = {}
    for side, runs in results.items():
        seconds = [run["seconds"] for run in runs]
        medians[side] = statistics.median(seconds)
        print(
            f"{side:<9} median {medians[side]:6.1f} s ({min(seconds):.1f} to {max(seconds):.1f})"
            f"  {runs[0]['rows'] / medians[side]:>9,.0f} bets/s  peak {max(run['peak_bytes'] for run in runs) / 2**30:.1f} GiB"
        )
    print(f"ratio     {medians['original'] / medians['ours']:.1f} x the original design's pandas")


if __name__ == "__main__":
    main()
