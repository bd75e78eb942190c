"""One bet's whole service, and a hundred bets', online: ours and stock Feast on the same Redis, against the floor.

    python -m benchmarks.online [bets]

scorer      feature_repo.scorer, from plain bets to named values
ours        get_online_features of feature_store.yaml, from entity rows to a dict, as stock Feast
stock       the same call, the same registry and on-demand features, with Feast's own Redis store
floor       one pipelined round trip of redis-py: an HMGET per entity, of the same fields, undecoded

The sides take short turns on two thousand different bets, in a process of their own: once as Python is, and once after
`gc.collect(); gc.freeze()`, as docs/serving.md advises. p50 and p99 are those of a round, of 500 requests of one bet or
50 of a hundred; medians and spreads are over the rounds. Values of ours and of stock Feast must be equal.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.measuring import Row, Sample, alone, show
from benchmarks.stores import OUR_REDIS, REDIS, Stores, bets_of, our_store, reopened, scratch, stores
from feature_repo import REPOSITORY, scorer
from feature_repo.declarations.groups import GROUPS
from feature_repo.declarations.views import GROUPED_VIEWS
from feature_repo.group_keys import entity_rows
from feature_repo.online_store.layout import entity_key, feature_field, key_prefix, timestamp_field
from feature_repo.servers.connections import PROJECT, Connections

SERVICE = "market_profitability_at_placement_v1"
VIEWS = [f"{view.name}:{feature}" for view in GROUPED_VIEWS for feature in view.features]
ROUNDS, TURNS, THREADS = 9, 10, 8
#: Calls of a side in a round, for requests of so many bets.
CALLS = {1: 500, 100: 50}

Call = Callable[[Any], object]


# ---- the sides -----------------------------------------------------------------------------------------------------


def stock_store(connections: Connections) -> Any:
    """feature_store.yaml with Feast's own Redis store."""
    from feast import FeatureStore

    our_store(connections)  # puts the settings into the environment
    written = scratch() / "feature_store.yaml"
    written.write_text((REPOSITORY / "feature_store.yaml").read_text().replace(OUR_REDIS, REDIS))
    return FeatureStore(str(REPOSITORY), fs_yaml_file=written)


def of_store(store: Any, features: Any) -> Call:
    """A request of entity rows, answered as a dict."""
    return lambda request: store.get_online_features(features, request["rows"]).to_dict()


def raw(connections: Connections) -> Call:
    """The floor."""
    import redis

    client = redis.Redis.from_url(connections.redis.url)
    fields = {
        group.join_key: [
            field
            for view in GROUPED_VIEWS
            if view.group == group
            for field in (*(feature_field(view.name, name) for name in view.features), timestamp_field(view.name))
        ]
        for group in GROUPS
    }

    def read(request: Any) -> object:
        with client.pipeline(transaction=False) as pipeline:
            for join_key, key in request["keys"]:
                pipeline.hmget(key, fields[join_key])
            return pipeline.execute()

    return read


def requests(bets: Sequence[dict[str, Any]], size: int) -> list[dict[str, Any]]:
    """The bets in requests of this size, in the form that each side takes."""
    return [request(list(bets[start : start + size])) for start in range(0, len(bets) - size + 1, size)]


def request(bets: list[dict[str, Any]]) -> dict[str, Any]:
    """One request: plain bets, entity rows, and the distinct Redis keys with their join keys."""
    rows = entity_rows(bets)
    entities = dict.fromkeys((group.join_key, row[group.join_key]) for row in rows for group in GROUPS)
    keys = [(name, entity_key(key_prefix(name), value, PROJECT.encode())) for name, value in entities]
    return {"bets": bets, "rows": rows, "keys": keys}


# ---- measuring, in a process of its own ----------------------------------------------------------------------------


def measure(home: Path, frozen: bool) -> dict[str, dict[str, list[list[float]]]]:
    """p50s and p99s of the rounds, per case and side."""
    connections = reopened(home)
    ours, stock = our_store(connections), stock_store(connections)
    whole = ours.get_feature_service(SERVICE)
    bets = bets_of(home / "bets.parquet", 2_000).sample(fraction=1, shuffle=True, seed=7).to_dicts()
    strangers = [bet | {"sport": "no such sport", "institution_name": "no such book"} for bet in bets]
    score = scorer(SERVICE, store=ours)
    sides: dict[str, Call] = {
        "floor": raw(connections),
        "scorer": lambda request: score(request["bets"]),
        "ours": of_store(ours, whole),
        "stock": of_store(stock, whole),
    }
    views: dict[str, Call] = {"floor": sides["floor"], "ours": of_store(ours, VIEWS), "stock": of_store(stock, VIEWS)}
    cases = {
        "1 bet": (sides, requests(bets, 1)),
        "100 bets": (sides, requests(bets, 100)),
        "1 bet, six views alone": (views, requests(bets, 1)),
        "100 bets, six views alone": (views, requests(bets, 100)),
        "1 bet of unknown groups": (sides, requests(strangers, 1)),
    }
    for which, work in cases.values():
        same(which, work)
    if frozen:
        gc.collect()
        gc.freeze()
    else:
        cases = {case: cases[case] for case in ("1 bet", "100 bets")}
    found = {case: rounds(which, work) for case, (which, work) in cases.items()}
    if not frozen:
        return found
    one = cases["1 bet"][1]
    with asyncio.Runner() as runner:
        found["1 bet, async"] = rounds({"floor": sides["floor"]} | awaited(runner, ours, stock, whole), one)
    return found | {f"1 bet, {THREADS} threads": threaded(sides, one)}


def same(sides: dict[str, Call], work: Sequence[dict[str, Any]]) -> None:
    """Warm the sides up, and raise RuntimeError unless ours and stock Feast answer alike."""
    for one in work[:200]:
        answers = {name: call(one) for name, call in sides.items()}
        if answers["ours"] != answers["stock"]:
            raise RuntimeError(f"ours and stock Feast differ for {one['rows']}: {answers}")


def rounds(sides: dict[str, Call], work: Sequence[dict[str, Any]]) -> dict[str, list[list[float]]]:
    """[p50s, p99s] of each side. Turns are short, so that all sides share the moods of the machine."""
    endless, found = itertools.cycle(work), {name: list[list[float]]() for name in sides}
    for _ in range(ROUNDS):
        taken: dict[str, list[float]] = {name: [] for name in sides}
        for _ in range(TURNS):
            calls = list(itertools.islice(endless, CALLS[len(work[0]["rows"])] // TURNS))
            for name, call in sides.items():
                # Two stores of Feast in one process, which nobody has, cost the first call of each turn milliseconds.
                call(calls[0])
                taken[name] += [timed(call, one) for one in calls]
        for name, each in taken.items():
            found[name].append(percentiles(each))
    return {name: [list(column) for column in zip(*each, strict=True)] for name, each in found.items()}


def timed(call: Call, request: dict[str, Any]) -> float:
    """Seconds of one call."""
    started = perf_counter()
    call(request)
    return perf_counter() - started


def percentiles(values: Iterable[float]) -> list[float]:
    """p50 and p99."""
    ordered = sorted(values)
    return [ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)]]


def awaited(runner: asyncio.Runner, ours: Any, stock: Any, whole: Any) -> dict[str, Call]:
    """The asynchronous call of both stores, awaited one by one."""

    def of(store: Any) -> Call:
        async def read(rows: Any) -> object:
            return (await store.get_online_features_async(whole, rows)).to_dict()

        return lambda request: runner.run(read(request["rows"]))

    return {"ours": of(ours), "stock": of(stock)}


def threaded(sides: dict[str, Call], work: Sequence[dict[str, Any]]) -> dict[str, list[list[float]]]:
    """Seconds per call of THREADS threads that call at once; one figure a round."""
    taken: dict[str, list[float]] = {name: [] for name in sides}
    calls = work[: CALLS[1]]
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in range(ROUNDS):
            for name, call in sides.items():
                started = perf_counter()
                list(pool.map(call, calls))
                taken[name].append((perf_counter() - started) / len(calls))
    return {name: [values, values] for name, values in taken.items()}


# ---- comparisons ---------------------------------------------------------------------------------------------------


def compare(of: Stores, bets: int) -> list[Row]:
    """Print and return the rows."""
    home = of(bets).home
    rows = []
    for frozen in (True, False):
        found = alone("benchmarks.online", "measure", str(home), str(int(frozen)))
        how = "gc.freeze()" if frozen else "no gc.freeze()"
        for case, sides in found.items():
            rows += of_case(f"{case}, {how}", sides, 4.0 if case.startswith("100") else 2.5)
    show(f"online: service {SERVICE}, {bets:,} bets of history, {ROUNDS} rounds", rows)
    return rows


def of_case(case: str, sides: dict[str, list[list[float]]], target: float) -> list[Row]:
    """p50 against the floor's and stock Feast's, and p99 against p50."""
    p50 = {name: Sample(f"{name} p50", tuple(values[0])) for name, values in sides.items()}
    p99 = {name: Sample(f"{name} p99", tuple(values[1])) for name, values in sides.items()}
    # The targets are those of a whole service, asked for as everybody does.
    whole = not any(word in case for word in ("alone", "async", "threads"))
    rows = []
    for name in ("scorer", "ours"):
        if name in sides:
            rows.append(Row(case, p50[name], p50["floor"], target=target if whole else None))
            rows.append(Row(case, p50[name], p50["stock"], speedup=True))
    for name in ("scorer", "ours") if "threads" not in case else ():
        if name in sides:
            note = f"{p99['stock'].name}: {p99['stock']}, {p99['floor'].name}: {p99['floor']}"
            rows.append(Row(case, p99[name], p50[name], target=3.0 if whole else None, note=note))
    return rows


if __name__ == "__main__":
    if sys.argv[1:2] == ["measure"]:
        print(json.dumps(measure(Path(sys.argv[2]), sys.argv[3] == "1")))
    else:
        with stores() as made:
            compare(made, int(sys.argv[1]) if sys.argv[1:] else 27_222)
