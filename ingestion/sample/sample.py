"""A synthetic sample of bets that looks like a bettor's own history, for the demo, the tests and the benchmarks.

catalogue.py says what there is to bet on and where; bets.py places bets, with times.py and prices.py; change_log.py
lets them settle and be corrected; table.py spells the result as the source does.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from feature_repo.errors import ConfigurationError
from ingestion.sample.bets import place
from ingestion.sample.change_log import version_history
from ingestion.sample.table import as_table
from ingestion.unfinished_file import unfinished_file

__all__ = ["generate_sample", "write_sample"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def generate_sample(bets: int, now: datetime, seed: int) -> pl.DataFrame:
    """The change log of `bets` bets up to the aware instant `now`: one row for each version of a bet, oldest first.

    The columns are those of the source. The same arguments give the same rows. Most bets have one row, some their
    pending version too, and about 1.5 % are corrected later. The newest bet was placed minutes before `now`.
    """
    random = np.random.default_rng(seed)
    until = (now - _EPOCH) // timedelta(microseconds=1)
    placed = place(bets, until, random)
    return as_table(placed, version_history(placed, until, random), seed)


def write_sample(frame: pl.DataFrame, path: Path) -> None:
    """Write bets to a file, in the format that its suffix names: Parquet, JSON lines or CSV.

    Instants of a CSV file have six digits and their offset. The file is whole or not there. Raises ConfigurationError
    for another suffix, and where it cannot be written.
    """
    writers: dict[str, Callable[[Path], None]] = {
        ".parquet": frame.write_parquet,
        ".jsonl": frame.write_ndjson,
        ".ndjson": frame.write_ndjson,
        ".csv": lambda file: frame.write_csv(file, datetime_format="%Y-%m-%dT%H:%M:%S%.6f%:z"),
    }
    writer = writers.get(path.suffix.lower())
    if writer is None:
        raise ConfigurationError(f"{path} does not end in {', '.join(writers)}", "Nothing was written", "Name it so")
    try:
        with unfinished_file(path) as unfinished:
            writer(unfinished)
    except OSError as error:
        why = error.strerror or str(error)
        raise ConfigurationError(f"{path} cannot be written: {why}", "Nothing was written", "Name another") from error
