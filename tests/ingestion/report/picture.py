"""The picture of the report in the README, of a synthetic sample that comes in 24 loads.

python -m tests.ingestion.report.picture docs/report.png
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from feature_repo import clock
from feature_repo.errors import GateRefused
from feature_repo.servers.connections import Connections
from ingestion.cli.stores import prepare
from ingestion.embedded import servers
from ingestion.pipeline import run_pipeline
from ingestion.report.written_report import write_report
from ingestion.sample.sample import generate_sample
from ingestion.sources.files.file_source import open_file
from tests.builders.bet_files import NOW
from tests.rigs.browser import browser
from tests.rigs.keeper import temporary_homes

BETS, LOADS, HISTORY = 12_000, 19, 0.6
WIDTH, HEIGHT = 1280, 1900


def main(picture: Path) -> None:
    """Fill a store of its own, write its report, and take the picture of the upper part of it."""
    with temporary_homes() as homes:
        connections = servers.start_servers(homes / "home")
        prepare(connections)
        fill(connections, homes)
        clock.set_now(NOW)
        write_report(connections, homes / "report.html")
        with browser(homes / "chromium") as page:
            page.open((homes / "report.html").as_uri(), width=WIDTH, scheme="light")
            picture.write_bytes(page.screenshot(height=HEIGHT))
        servers.stop_servers(homes / "home")


def fill(connections: Connections, directory: Path) -> None:
    """Load the sample as it would have come: most of it at first, then a part at a time, some rows of it broken."""
    path = directory / "bets.parquet"
    for number, (rows, now) in enumerate(loads()):
        broken = rows.head(number % 3).with_columns(id=pl.lit(f"broken {number} ") + pl.col("id"), status=pl.lit("?"))
        pl.concat([rows, broken]).write_parquet(path)
        clock.set_now(now)
        with suppress(GateRefused):
            run_pipeline(connections, open_file(path))


def loads() -> Iterator[tuple[pl.DataFrame, datetime]]:
    rows = generate_sample(BETS, NOW - timedelta(minutes=20), seed=7).sort("updated_at")
    ends = [round(rows.height * (HISTORY + (1 - HISTORY) * part / LOADS)) for part in range(LOADS + 1)]
    for start, end in zip([0, *ends], ends, strict=False):
        part = rows[start:end]
        newest: datetime = part["updated_at"].max()  # type: ignore[assignment]
        yield part, newest + timedelta(minutes=12)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
