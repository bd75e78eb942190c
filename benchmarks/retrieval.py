"""Training frames: `get_historical_features` of the six grouped views, ours against stock Feast and against the floor.

    python -m benchmarks.retrieval [rows ...]

Ours reads a store that `pikkit run` filled, through feature_store.yaml. Stock Feast reads the same rows from plain
tables with an index, the way a Feast user would write them. The floor copies the columns of those tables out and joins
them with Polars, one as-of join per view, and keeps neither order nor TTL. The bets to be joined are those of the
history, shuffled; more than it has: again, minutes later each time.

Each side runs in a process of its own, for its peak memory, and they take turns. It is timed from the pandas frame of
entities to the pandas frame of features, but for the floor, which begins and ends in Polars. Ours and stock Feast must
give the same values. Stock Feast is stopped after a while: its figure is then what it took at least.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
from psycopg import sql

from benchmarks.measuring import GIB, Row, Sample, alone, peak_memory, show, timed
from benchmarks.stores import OUR_POSTGRES, Loaded, Stores, bets_of, feast_store, our_store, quiet, reopened, stores
from feature_repo.declarations.views import GROUPED_VIEWS, GroupedView
from feature_repo.group_keys import entity_frame
from feature_repo.servers.connections import Connections
from ingestion.database.access import connect

ROUNDS = 3
#: Seconds after which a side of ours hangs.
PATIENCE = 900.0
YEAR = timedelta(days=365)
SERVICE = "market_profitability_at_placement_v1"
FEATURES = [f"{view.name}:{feature}" for view in GROUPED_VIEWS for feature in view.features]


# ---- the sides, each in a process of its own -----------------------------------------------------------------------


def six_views(store: Any, bets: pl.DataFrame, text: str = "string[pyarrow]") -> Callable[[], Any]:
    """Retrieves the six views for these bets. Stock Feast takes text as Python objects only."""
    entities = entity_frame(bets)
    entities = entities[["bet_id", "event_timestamp", *dict.fromkeys(view.join_key for view in GROUPED_VIEWS)]]
    entities = entities.astype({name: text for name in entities.columns if name != "event_timestamp"})
    return lambda: store.get_historical_features(entities, FEATURES).to_df()


def service(store: Any, bets: pl.DataFrame) -> Callable[[], Any]:
    """Retrieves a whole service, with its on-demand features."""
    entities = entity_frame(bets)
    return lambda: store.get_historical_features(entities, store.get_feature_service(SERVICE)).to_df()


def floor(connections: Connections, bets: pl.DataFrame, tables: str) -> Callable[[], Any]:
    """Copies the tables out and joins them, for the same bets as a frame of Polars."""
    entities = pl.from_pandas(entity_frame(bets)[["event_timestamp", *{view.join_key for view in GROUPED_VIEWS}]])

    def join() -> pl.DataFrame:
        joined = entities.sort("event_timestamp")
        with connect(connections.postgres, purpose="benchmark") as connection:
            for view in GROUPED_VIEWS:
                rows = copied(connection, view, tables).sort("event_timestamp")
                joined = joined.join_asof(rows, on="event_timestamp", by=view.join_key, check_sortedness=False)
        return joined

    return join


def copied(connection: psycopg.Connection, view: GroupedView, tables: str) -> pl.DataFrame:
    """A view's rows by a bare COPY: key, instant, features."""
    query = sql.SQL("copy (select {}, {}, {} from {}) to stdout (format csv)").format(
        sql.Identifier(view.join_key),
        sql.SQL("(extract(epoch from event_timestamp) * 1000000)::bigint"),
        sql.SQL(", ").join(map(sql.Identifier, view.features)),
        sql.Identifier(*tables.format(view.name).split(".")),
    )
    text = io.BytesIO()
    with connection.cursor().copy(query) as copy:
        text.writelines(copy)
    text.seek(0)
    features: dict[str, Any] = {
        feature.name: pl.Int64 if feature.dtype == "Int64" else pl.Float64 for feature in view.declared
    }
    rows = pl.read_csv(
        text, has_header=False, schema={view.join_key: pl.String, "event_timestamp": pl.Int64, **features}
    )
    return rows.with_columns(pl.col("event_timestamp").cast(pl.Datetime("us", "UTC")))


SIDES: dict[str, Callable[[Connections, pl.DataFrame], Callable[[], Any]]] = {
    "ours": lambda at, bets: six_views(our_store(at), bets),
    "service": lambda at, bets: service(our_store(at), bets),
    "plain": lambda at, bets: six_views(feast_store(at, offline=OUR_POSTGRES), bets),
    "wide": lambda at, bets: six_views(feast_store(at, offline=OUR_POSTGRES, plain=False, ttl=YEAR), bets),
    "stock": lambda at, bets: six_views(feast_store(at), bets, "string[python]"),
    "stock wide": lambda at, bets: six_views(feast_store(at, ttl=YEAR), bets, "string[python]"),
    "floor": lambda at, bets: floor(at, bets, "plain.{}"),
    "floor of changes": lambda at, bets: floor(at, bets, "features.{}_changes"),
}
NAMES = {"stock": "stock Feast", "stock wide": "stock Feast", "floor": "COPY and as-of join"}


def measure(side: str, home: Path, bets: Path, result: Path, rounds: int) -> None:
    """One side, in this process: seconds of each round and peak bytes as JSON; its last result in a file."""
    connections, rows = reopened(home), pl.read_parquet(bets)
    with quiet():
        SIDES[side](connections, rows.head(10))()
        work = SIDES[side](connections, rows)
    results: list[Any] = []
    taken = []
    for _ in range(rounds):
        results.clear()
        taken.append(timed(lambda: results.append(work())))
    found = results[0] if isinstance(results[0], pl.DataFrame) else pl.from_pandas(results[0])
    found.write_parquet(result)
    print(json.dumps({"seconds": taken, "peak": peak_memory()}))


# ---- comparisons ---------------------------------------------------------------------------------------------------


class Measurement:
    """Sides measured on one store for the same bets, in turn."""

    def __init__(self, store: Loaded, rows: int, directory: Path) -> None:
        self._store, self._directory = store, directory
        self.rows, self.peaks = rows, dict[str, float]()
        self._bets = directory / f"bets_{store.bets}_{rows}.parquet"
        bets_of(store.file, rows).sample(fraction=1, shuffle=True, seed=7).write_parquet(self._bets)

    def samples(self, *sides: str, rounds: int = ROUNDS, inner: int = 1) -> list[Sample]:
        """Seconds of each side: so many processes of each, with so many rounds in each."""
        taken: dict[str, list[float]] = {side: [] for side in sides}
        for _ in range(rounds):
            for side in sides:
                told = self._run(side, inner, PATIENCE)
                taken[side] += told["seconds"]
                self.peaks[side] = max(told["peak"], self.peaks.get(side, 0))
        return [Sample(NAMES.get(side, side), tuple(values)) for side, values in taken.items()]

    def limited(self, side: str, limit: float, rounds: int = 1) -> Sample:
        """Seconds of a side that may take too long, or fail: then what it took at least, and its memory is unknown."""
        name = NAMES.get(side, side)
        try:
            taken = [self._run(side, 1, limit)["seconds"][0] for _ in range(rounds)]
        except subprocess.TimeoutExpired:
            return Sample(name, (limit,), cut_off=True)
        return Sample(name, tuple(taken))

    def same(self, one: str, other: str) -> None:
        """Raise RuntimeError unless both sides gave the same values."""
        frames = [pl.read_parquet(self._result(side)).sort("bet_id") for side in (one, other)]
        names = [feature.partition(":")[2] for feature in FEATURES]
        ours, theirs = (frame.select("bet_id", pl.col(names).cast(pl.Float64)) for frame in frames)
        if not ours.equals(theirs):
            differing = [name for name in names if not ours[name].equals(theirs[name])]
            raise RuntimeError(f"{one} and {other} differ in {', '.join(differing)} of {self.rows:,} rows")

    def _run(self, side: str, rounds: int, limit: float) -> dict[str, Any]:
        paths = (self._store.home, self._bets, self._result(side))
        return alone("benchmarks.retrieval", side, *map(str, paths), str(rounds), limit=limit)

    def _result(self, side: str) -> Path:
        return self._directory / f"{side}_{self._store.bets}_{self.rows}.parquet"


def against_stock(at: Measurement, title: str, target: float | None, *, limit: float, rounds: int = 1) -> Row:
    """Ours against stock Feast, and the same values wherever it came to an end."""
    (ours,) = at.samples("ours", inner=ROUNDS if at.rows <= 100_000 else 1)
    stock = at.limited("stock", limit, rounds)
    if not stock.cut_off:
        at.same("ours", "stock")
    note = "it was stopped" if stock.cut_off else "the same values"
    return Row(title, ours, stock, speedup=True, target=target, note=note)


def compare(of: Stores, sizes: Sequence[int], *, million_of: int, limit: float, rounds: int) -> list[Row]:
    """Print and return the rows. `million_of`: the history that a million rows are joined with."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch)
        targets = {27_222: 20.0, 100_000: 30.0}
        for size in sizes:
            at = Measurement(of(size), size, directory)
            rows.append(against_stock(at, f"{size:,} rows, 6 views", targets.get(size), limit=limit, rounds=rounds))
            rows += of_plain_tables(at)
        rows += wide(Measurement(of(sizes[0]), 1_000, directory), limit)
        rows += of_service(Measurement(of(sizes[-1]), sizes[-1], directory))
        history = of(million_of)
        rows += few(history, directory, limit)
        rows += million(Measurement(history, 1_000_000, directory), million_of)
    show(f"retrieval: histories of {', '.join(f'{size:,}' for size in dict.fromkeys((*sizes, million_of)))} bets", rows)
    return rows


def of_plain_tables(at: Measurement) -> list[Row]:
    """Our store over the tables of a Feast user, against the floor over the same tables."""
    ours, least = at.samples("plain", "floor", rounds=1, inner=ROUNDS)
    return [Row(f"{at.rows:,} rows from the plain tables", ours, least)]


def wide(at: Measurement, limit: float) -> list[Row]:
    """Every TTL a year: stock Feast's work grows with it."""
    (ours,) = at.samples("wide", rounds=1, inner=ROUNDS)
    stock = at.limited("stock wide", limit)
    if not stock.cut_off:
        at.same("wide", "stock wide")
    return [Row(f"{at.rows:,} rows, every TTL a year", ours, stock, speedup=True)]


def of_service(at: Measurement) -> list[Row]:
    """What the on-demand features of a service cost beside its six views."""
    whole, views = at.samples("service", "ours", rounds=1, inner=ROUNDS)
    return [Row(f"{at.rows:,} rows, whole service with on-demand features", whole, views)]


def few(history: Loaded, directory: Path, limit: float) -> list[Row]:
    """The worst case for us: as little to do as there can be, beside a long history."""
    found = []
    for size in (1, 100):
        at = Measurement(history, size, directory)
        found.append(against_stock(at, f"{size} rows beside {history.bets:,} bets", None, limit=limit))
    return found


def million(at: Measurement, history: int) -> list[Row]:
    """A million rows, which stock Feast cannot join."""
    ours, least, changes = at.samples("ours", "floor", "floor of changes")
    title = f"{at.rows:,} rows beside {history:,} bets"
    return [
        Row(title, ours, least, target=2.0, note="floor over the same rows as plain tables"),
        Row(title, ours, changes, note="floor over the change rows alone, no TTL"),
        Row(f"{title}, peak memory", Sample("ours", (at.peaks["ours"] / GIB,), "GiB")),
        Row(f"{title}, peak memory", Sample("floor", (at.peaks["floor"] / GIB,), "GiB")),
    ]


if __name__ == "__main__":
    if sys.argv[1:] and sys.argv[1] in SIDES:
        home, bets, result = map(Path, sys.argv[2:5])
        measure(sys.argv[1], home, bets, result, rounds=int(sys.argv[5]))
    else:
        numbers = [int(argument) for argument in sys.argv[1:]] or [27_222, 100_000]
        with stores() as made:
            compare(made, numbers, million_of=numbers[-1], limit=120, rounds=1)
