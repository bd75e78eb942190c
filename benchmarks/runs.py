"""Whole runs, file to Redis: the hourly one beside histories of several sizes, and the first load of many bets.

    python -m benchmarks.runs [bets of a first load] [history ...]

The hourly run takes in 1,000 corrected bets (their stakes grew by one), several hours in turn, gates and all; what a
gate refuses is published all the same, so that every hour does the same work. Loading Feast is not counted: a service
does it once.

The first load goes into an empty store. Its floor is a bare COPY of all rows that it left in Postgres, as binary files,
into the same tables with the same indexes in another database of the same server.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import polars as pl
import psycopg
from psycopg import sql

from benchmarks.measuring import GIB, Row, Sample, alone, peak_memory, show, timed
from benchmarks.stores import NOW, Loaded, Stores, database, quiet, reopened, settle, started, stores
from feature_repo import clock
from feature_repo.servers.connections import Connections
from ingestion.database.access import connect

CHANGES, ROUNDS = 1_000, 5
PARTS = ("sync", "anomalies", "features", "gates", "commit", "materialize")
SCHEMAS = ["raw", "processed", "quarantine", "features", "ops"]
CHUNK = 1 << 20


# ---- the sides, each in a process of its own -----------------------------------------------------------------------


def hours(home: Path) -> list[dict[str, float]]:
    """Seconds of each step, hour by hour. The first hour warms up and is not among them."""
    connections = reopened(home)
    bets = corrigible(home / "bets.parquet")
    with connect(connections.postgres, purpose="benchmark", autocommit=True) as connection:
        # A store may have seen such hours before; its clock never goes back.
        (before,) = connection.execute("select features_watermark from features.watermark").fetchone() or (NOW,)
    first = 1 + (before - NOW) // timedelta(hours=1)
    taken = [hour(connections, bets, home, number) for number in range(first, first + ROUNDS + 1)]
    return taken[1:]


def corrigible(file: Path) -> pl.DataFrame:
    """The newest version of every settled bet that has a stake, in an order that has nothing to do with time."""
    bets = pl.read_parquet(file).unique("id", keep="last", maintain_order=True)
    settled = bets.filter(pl.col("is_win").is_not_null() & (pl.col("amount") > 0))
    return settled.sample(fraction=1, shuffle=True, seed=7)


def hour(connections: Connections, bets: pl.DataFrame, home: Path, number: int) -> dict[str, float]:
    """Correct the bets of this hour's turn and run. Seconds of each step."""
    from ingestion import pipeline
    from ingestion.sources.files.file_source import open_file

    now = NOW + timedelta(hours=number)
    grown = (pl.col("amount") + number) / pl.col("amount")
    changed = bets.slice(number * CHANGES % (bets.height - CHANGES), CHANGES).with_columns(
        amount=pl.col("amount") + number,
        profit=(pl.col("profit") * grown).round(2),
        roi=pl.lit(None, pl.Float64),
        updated_at=pl.lit(now - timedelta(minutes=1)).cast(bets.schema["updated_at"]),
    )
    file = home / f"changed_{number}.parquet"
    changed.write_parquet(file)
    clock.set_now(now)
    with quiet():
        run = pipeline.run_pipeline(connections, open_file(file), override="benchmark")
    if run.summary.sync.accepted < CHANGES * 0.98:
        raise RuntimeError(f"only {run.summary.sync.accepted} of {CHANGES} changes were accepted: {run.summary.sync}")
    return {step.name: step.seconds for step in run.steps}


def first_load(home: Path, file: Path) -> dict[str, Any]:
    """A store made, and a file brought into it: seconds of each step, of the whole, and peak bytes."""
    from ingestion import pipeline
    from ingestion.sources.files.file_source import open_file

    with quiet():
        connections = started(home)
        begun = perf_counter()
        run = pipeline.run_pipeline(connections, open_file(file))
        taken = perf_counter() - begun
    return {"steps": {step.name: step.seconds for step in run.steps}, "seconds": taken, "peak": peak_memory()}


# ---- comparisons ---------------------------------------------------------------------------------------------------


def hourly(of: Stores, histories: Sequence[int]) -> list[Row]:
    """The hourly run beside each history, the whole and its parts, against the same beside the first."""
    taken: dict[int, list[dict[str, float]]] = {bets: [] for bets in histories}
    for bets in histories:
        taken[bets] = alone("benchmarks.runs", "hours", str(of(bets).home))["hours"]
    least, rows = histories[0], []
    for bets in histories[1:]:
        work = f"{CHANGES:,} corrected bets"
        for part in (None, *PARTS):
            ours, first = (of_part(f"beside {size:,}", taken[size], part) for size in (bets, least))
            title = work if part is None else f"{work}: {part}"
            rows.append(Row(title, ours, first, target=1.5 if part is None else None))
    show("hourly run", rows)
    return rows


def of_part(name: str, hours: list[dict[str, float]], part: str | None) -> Sample:
    """Seconds of one step in each hour; of all of them without `part`."""
    return Sample(name, tuple(hour.get(part, 0.0) if part else counted(hour) for hour in hours))


def counted(steps: dict[str, float]) -> float:
    """Seconds of all steps that count."""
    return sum(taken for step, taken in steps.items() if step != "load feast")


def loading(bets: int) -> list[Row]:
    """The first load of so many bets, against its floor, with its peak memory."""
    from ingestion.embedded import servers
    from ingestion.sample.sample import generate_sample, write_sample
    from tests.rigs.keeper import temporary_homes

    with temporary_homes() as homes:
        file, home = homes / "bets.parquet", homes / "first"
        write_sample(generate_sample(bets, NOW, seed=7), file)
        told = alone("benchmarks.runs", "first", str(home), str(file))
        floor = bare_copy(Loaded(bets, home, reopened(home)))
        servers.stop_servers(home)
    work = f"first load of {bets:,} bets"
    steps = told["steps"]
    parts = ", ".join(f"{name} {taken:.1f} s" for name, taken in steps.items())
    rows = [
        Row(
            work,
            Sample("file to Redis", (told["seconds"] - steps.get("load feast", 0),)),
            floor,
            target=4.0,
            note=parts,
        ),
        Row(f"{work}, peak memory", Sample("ours", (told["peak"] / GIB,), "GiB"), target=3.0),
    ]
    show("first load", rows)
    return rows


def bare_copy(store: Loaded) -> Sample:
    """Seconds of a COPY of all rows of a store into the same tables of an empty one."""
    from ingestion.database.migrate import apply_migrations

    with (
        tempfile.TemporaryDirectory() as directory,
        connect(store.connections.postgres, purpose="benchmark", autocommit=True) as source,
        connect(database(store.connections.postgres), purpose="benchmark") as target,
    ):
        apply_migrations(target)
        target.commit()
        files = dict(copied_out(source, empty_tables(target), Path(directory)))
        # Rows refer to rows of other tables; these are few, and the order of tables is not ours to know.
        target.execute("set session_replication_role = replica")
        taken = []
        for _ in range(3):
            taken.append(timed(lambda: copied_in(target, files)))
            target.execute(sql.SQL("truncate {}").format(sql.SQL(", ").join(sql.Identifier(*name) for name in files)))
            target.commit()
            target.autocommit = True
            settle(target)
            target.autocommit = False
    return Sample("bare COPY", tuple(taken))


def empty_tables(connection: psycopg.Connection) -> list[tuple[str, str]]:
    """The tables that a migrated store has, without those that hold rows by then."""
    names = connection.execute(
        "select schemaname, tablename from pg_tables where schemaname = any(%s) order by 1, 2", [SCHEMAS]
    ).fetchall()
    return [(schema, table) for schema, table in names if not any(_rows(connection, schema, table))]


def _rows(connection: psycopg.Connection, schema: str, table: str) -> Iterator[Any]:
    return iter(connection.execute(sql.SQL("select 1 from {} limit 1").format(sql.Identifier(schema, table))))


def copied_out(
    connection: psycopg.Connection, tables: Sequence[tuple[str, str]], directory: Path
) -> Iterator[tuple[tuple[str, str], Path]]:
    """Each table's rows in a file, as Postgres sends them."""
    for number, name in enumerate(tables):
        file = directory / str(number)
        command = sql.SQL("copy {} to stdout (format binary)").format(sql.Identifier(*name))
        with file.open("wb") as written, connection.cursor().copy(command) as copy:
            written.writelines(copy)
        yield name, file


def copied_in(connection: psycopg.Connection, files: dict[tuple[str, str], Path]) -> None:
    """All files into their tables, in one transaction."""
    for name, file in files.items():
        command = sql.SQL("copy {} from stdin (format binary)").format(sql.Identifier(*name))
        with file.open("rb") as read, connection.cursor().copy(command) as copy:
            while chunk := read.read(CHUNK):
                copy.write(chunk)
    connection.commit()


def compare(of: Stores, first: int, histories: Sequence[int]) -> list[Row]:
    """Print and return the rows of both."""
    return [*loading(first), *hourly(of, histories)]


if __name__ == "__main__":
    if sys.argv[1:2] == ["hours"]:
        print(json.dumps({"hours": hours(Path(sys.argv[2]))}))
    elif sys.argv[1:2] == ["first"]:
        print(json.dumps(first_load(Path(sys.argv[2]), Path(sys.argv[3]))))
    else:
        numbers = [int(argument) for argument in sys.argv[1:]] or [100_000, 20_000, 100_000]
        with stores() as made:
            compare(made, numbers[0], numbers[1:])
