"""Bets taken out of what was written of the store: exports, reports, the file of lineage events.

An export and a report are copies, and are made again from the store. A place where nothing of it stands any more is
left alone, and not remembered.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import polars as pl

from feature_repo.errors import PikkitError
from feature_repo.servers.connections import Connections, Postgres
from ingestion.forgetting.receipt import PlaceCounts
from ingestion.forgetting.strike import PersonalNames
from ingestion.serving.export import manifest
from ingestion.serving.export.datasets import RAW
from ingestion.serving.export.export import export_store
from ingestion.serving.export.root import Root
from ingestion.unfinished_file import unfinished_file

NOTHING_THERE = "nothing of it is there any more"


def erase_in_export(postgres: Postgres, place: str, names: PersonalNames) -> PlaceCounts:
    """Write an export again, whole, from the store without these bets. Counts rows."""
    try:
        root = Root(place)
        if manifest.NAME not in root.sizes():
            return PlaceCounts(place, 0, 0, 0, NOTHING_THERE)
        has_raw = RAW.name in manifest.parse(root.read(manifest.NAME)).datasets
        searched, found = _rows_in_export(root, names)
        exported = export_store(postgres, place, raw=has_raw, full=True)
        return PlaceCounts(
            place, searched, found, _rows_in_export(root, names)[1], f"{exported.written} files made anew"
        )
    except (PikkitError, OSError, ValueError) as error:
        return not_done(place, error)


def erase_in_report(connections: Connections, place: str, names: PersonalNames) -> PlaceCounts:
    """Write a report again where it names one of these bets. Counts files."""
    from ingestion.report.written_report import write_report

    path = Path(place)
    if not path.is_file():
        return PlaceCounts(place, 0, 0, 0, NOTHING_THERE)
    try:
        if not _is_named(path, names):
            return PlaceCounts(place, 1, 0, 0)
        write_report(connections, path)
        return PlaceCounts(place, 1, 1, int(_is_named(path, names)), "made anew")
    except (PikkitError, OSError) as error:
        return not_done(place, error)


def erase_in_lines(path: Path, names: PersonalNames) -> PlaceCounts:
    """Strike names out of a file of JSON lines. Counts lines."""
    if not path.is_file():
        return PlaceCounts(str(path), 0, 0, 0, NOTHING_THERE)
    lines = changed = 0
    try:
        with unfinished_file(path) as unfinished, unfinished.open("w", encoding="utf-8") as target:
            for line in path.open(encoding="utf-8"):
                struck = _struck_line(line, names)
                lines, changed = lines + 1, changed + (struck != line)
                target.write(struck)
        return PlaceCounts(str(path), lines, changed, 0)
    except OSError as error:
        return not_done(str(path), error)


def not_done(place: str, error: Exception) -> PlaceCounts:
    """That a place could not be searched to its end, and why."""
    why = error.what if isinstance(error, PikkitError) else type(error).__name__
    return PlaceCounts(place, 0, 0, None, f"not done: {why}")


def _struck_line(line: str, names: PersonalNames) -> str:
    try:
        value = json.loads(line)
    except ValueError:
        return str(names.struck(line))
    struck = names.struck(value)
    return line if struck == value else json.dumps(struck) + "\n"


def _is_named(path: Path, names: PersonalNames) -> bool:
    return names.stands_in(path.read_text(encoding="utf-8", errors="replace"))


def _rows_in_export(root: Root, names: PersonalNames) -> tuple[int, int]:
    """How many rows of bets an export has, and how many are of these."""
    rows = found = 0
    for path in root.sizes():
        if path.endswith(".parquet") and path != manifest.NAME:
            ids = pl.read_parquet(io.BytesIO(root.read(path)), columns=["id"], hive_partitioning=False)["id"]
            rows, found = rows + ids.len(), found + int(ids.is_in(list(names.names)).sum())
    return rows, found


FileErasure = Callable[[PersonalNames], PlaceCounts]
