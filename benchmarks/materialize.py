"""Rows copied to Redis: `store.materialize`, ours against stock Feast's engine and stores, and the floor.

    python -m benchmarks.materialize [bets]

Both copy the newest row of every bet of the view bet_facts, ten features, to an empty logical database; ours behind the
gate, from features.bet_facts, stock Feast from a plain table with an index, with `pull_latest_features` and batches of
10,000. Their hashes must be equal, byte for byte. The floor writes those hashes by pipelines of redis-py and does
nothing else. Each side runs in a process of its own, in turn, for its peak memory.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from redis import Redis

from benchmarks.measuring import GIB, Row, Sample, alone, peak_memory, rates, show, timed
from benchmarks.stores import NOW, Stores, feast_store, numbered, our_store, quiet, reopened, stores
from feature_repo.servers.connections import Connections

ROUNDS = 3
VIEW = "bet_facts"
#: Older than any bet.
SINCE = NOW - timedelta(days=3_650)
OURS, STOCK, FLOOR = 0, 1, 2  # logical databases
BATCH = 10_000


# ---- the sides, each in a process of its own -----------------------------------------------------------------------


def by_feast(store: Any) -> Callable[[], None]:
    """Feast's call, the same for both."""

    def materialize() -> None:
        with quiet():
            store.materialize(SINCE, NOW, feature_views=[VIEW])

    return materialize


def by_pipeline(connections: Connections) -> Callable[[], None]:
    """The floor: what stands in our database, written into another."""
    hashes = [(key, [part for pair in fields.items() for part in pair]) for key, fields in stored(connections, OURS)]
    target = database(connections, FLOOR)

    def write() -> None:
        rest = iter(hashes)
        while batch := list(islice(rest, BATCH)):
            with target.pipeline(transaction=False) as pipeline:
                for key, fields in batch:
                    pipeline.hset(key, items=fields)  # type: ignore[arg-type]
                    pipeline.expire(key, 3_024_000)
                pipeline.execute()

    return write


SIDES: dict[str, tuple[int, Callable[[Connections], Callable[[], None]]]] = {
    "ours": (OURS, lambda at: by_feast(our_store(at))),
    "stock": (STOCK, lambda at: by_feast(feast_store(at, number=STOCK))),
    "floor": (FLOOR, by_pipeline),
}
NAMES = {"ours": "ours", "stock": "stock Feast", "floor": "HSET by pipelines"}


def measure(side: str, home: Path) -> None:
    """One side, once, into an empty database: seconds, keys and peak bytes as JSON."""
    connections = reopened(home)
    number, prepared = SIDES[side]
    work, target = prepared(connections), database(connections, number)
    target.flushdb()
    taken = timed(work)
    print(json.dumps({"seconds": taken, "keys": target.dbsize(), "peak": peak_memory()}))


def database(connections: Connections, number: int) -> Redis:
    """A client of one logical database."""
    return Redis.from_url(numbered(connections.redis, number).url)


def stored(connections: Connections, number: int) -> Iterator[tuple[bytes, dict[bytes, bytes]]]:
    """Every hash of a database that holds entities, page by page."""
    client = database(connections, number)
    keys = (key for key in client.scan_iter(count=BATCH, _type="hash") if not key.startswith(b"pikkit:"))
    while page := list(islice(keys, BATCH)):
        with client.pipeline(transaction=False) as pipeline:
            for key in page:
                pipeline.hgetall(key)
            yield from zip(page, pipeline.execute(), strict=True)


# ---- comparisons ---------------------------------------------------------------------------------------------------


def compare(of: Stores, bets: int) -> list[Row]:
    """Print and return the rows."""
    store = of(bets)
    told: dict[str, list[dict[str, Any]]] = {side: [] for side in SIDES}
    for _ in range(ROUNDS):
        for side in SIDES:
            told[side].append(alone("benchmarks.materialize", side, str(store.home)))
    same(store.connections)
    keys = told["stock"][0]["keys"]
    taken = {side: Sample(NAMES[side], tuple(one["seconds"] for one in runs)) for side, runs in told.items()}
    work = f"{keys:,} bets x 10 features"
    rows = [
        Row(work, taken["ours"], taken["stock"], speedup=True, target=3.0, note=rates(taken, keys)),
        Row(work, taken["ours"], taken["floor"]),
        *(Row(f"{work}, peak memory", peak(side, told[side])) for side in ("ours", "stock")),
    ]
    show("materialize: to an empty Redis", rows)
    return rows


def peak(side: str, runs: Iterable[dict[str, Any]]) -> Sample:
    """Peak memory over the rounds."""
    return Sample(NAMES[side], tuple(one["peak"] / GIB for one in runs), "GiB")


def same(connections: Connections) -> None:
    """Raise RuntimeError unless both databases hold the same hashes."""
    ours, stock = dict(stored(connections, OURS)), dict(stored(connections, STOCK))
    differing = [key for key in ours.keys() | stock.keys() if ours.get(key) != stock.get(key)]
    if differing:
        one = differing[0]
        raise RuntimeError(f"{len(differing):,} keys differ, such as {one!r}: {ours.get(one)} and {stock.get(one)}")


if __name__ == "__main__":
    if sys.argv[1:] and sys.argv[1] in SIDES:
        measure(sys.argv[1], Path(sys.argv[2]))
    else:
        with stores() as made:
            compare(made, int(sys.argv[1]) if sys.argv[1:] else 100_000)
