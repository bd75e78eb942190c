"""What it costs an answer that a share of the served vectors is kept, also while Postgres is dead.

    python -m benchmarks.served_vectors [bets]

The scorer and `get_online_features` answer the same requests in turn: with nothing kept, with a hundredth, with all,
and with all while no session at Postgres can be had. At a hundredth the p50 must not move; the thread that writes them
takes its turns from those that serve.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.measuring import Row, Sample, alone, show
from benchmarks.online import SERVICE, percentiles, requests, timed
from benchmarks.stores import Stores, bets_of, our_store, reopened, stores
from feature_repo import scorer
from feature_repo.served_vectors import vector_log
from feature_repo.served_vectors.settings import SERVED_VECTORS_VARIABLES

SHARES = {"nothing kept": "0", "1 % kept": "0.01", "all kept": "1", "all, Postgres dead": "1"}
ROUNDS, CALLS = 20, {1: 60, 100: 8}

Call = Callable[[dict[str, Any]], object]


def cost(home: Path) -> dict[str, dict[str, list[float]]]:
    """By way and size, the p50s with each share."""
    bets = bets_of(home / "bets.parquet", 2_000).sample(fraction=1, shuffle=True, seed=7).to_dicts()
    calls = {name: _calls(home, name, share) for name, share in SHARES.items()}
    p50s: dict[str, dict[str, list[float]]] = {}
    for way, size in itertools.product(("scorer", "Feast"), CALLS):
        endless, of_size = itertools.cycle(requests(bets, size)), p50s.setdefault(f"{way}, requests of {size}", {})
        for _ in range(ROUNDS):
            turn = list(itertools.islice(endless, CALLS[size]))
            for name, of_way in calls.items():
                of_way[way](turn[0])
                taken = [timed(of_way[way], request) for request in turn]
                of_size.setdefault(name, []).append(percentiles(taken)[0])
    return p50s


def _calls(home: Path, name: str, share: str) -> dict[str, Call]:
    """Both ways to a vector in this setting, over a store of their own."""
    os.environ[SERVED_VECTORS_VARIABLES[0]] = share
    vector_log._logs.clear()
    store = our_store(reopened(home))
    score, service = scorer(SERVICE, store=store), store.get_feature_service(SERVICE)
    online: Any = store.provider.online_store
    if "dead" in name:
        dead = vector_log.VectorLog(1.0, _no_session)
        score._kept, online._kept = dead, [dead]
    ask: Call = lambda request: store.get_online_features(service, request["rows"]).to_dict()  # noqa: E731
    ask({"rows": requests(bets_of(home / "bets.parquet", 10).to_dicts(), 1)[0]["rows"]})  # makes its log
    return {"scorer": lambda request: score(request["bets"]), "Feast": ask}


def _no_session() -> Any:
    raise psycopg.OperationalError("no server")


def compare(of: Stores, bets: int) -> list[Row]:
    """Print and return the rows."""
    nothing, *others = SHARES
    rows = [
        Row(
            work,
            Sample(f"{name} p50", tuple(of_work[name])),
            Sample(nothing, tuple(of_work[nothing])),
            target=1.1 if SHARES[name] == "0.01" else None,
        )
        for work, of_work in alone("benchmarks.served_vectors", "cost", str(of(bets).home)).items()
        for name in others
    ]
    show(f"served vectors: service {SERVICE}, {bets:,} bets of history", rows)
    return rows


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["cost", home]:
            print(json.dumps(cost(Path(home))))
        case arguments:
            with stores() as made:
                compare(made, int(arguments[0]) if arguments else 27_222)
