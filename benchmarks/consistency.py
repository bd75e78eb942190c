"""Vectors that are read while runs publish: how many mix two refreshes, and what reading them as of one instant costs.

    python -m benchmarks.consistency [bets]

One process scores single bets without pause while another takes in hours of 1,000 corrected bets. A vector is mixed
when its stored views are not all as of the same refresh. `transactions` is what the project does; `parts` sends and
reads the same commands as pipelines that other clients come between. The scorer's p50 is taken on a quiet store, in
short turns.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.measuring import ROOT, Row, Sample, alone, show
from benchmarks.online import SERVICE, percentiles, requests, timed
from benchmarks.runs import corrigible, hour
from benchmarks.stores import Stores, bets_of, our_store, reopened, stores
from feature_repo import scorer
from feature_repo.declarations.views import GROUPED_VIEWS
from feature_repo.online_store import round_trip

TRANSACTIONS, PARTS = "transactions", "parts"
LONGEST = {TRANSACTIONS: round_trip.LONGEST_TRANSACTION, PARTS: 0}
HOURS, ROUNDS, CALLS = 6, 30, {1: 100, 100: 10}


# ---- the sides, each in a process of its own -----------------------------------------------------------------------


def read(home: Path, how: str, end: Path) -> dict[str, int]:
    """Score until the file `end` is there. Vectors read, those that mix refreshes, and the refreshes seen."""
    round_trip.LONGEST_TRANSACTION = LONGEST[how]  # type: ignore[misc]
    score = scorer(SERVICE, store=our_store(reopened(home)))
    bets, refreshes, mixed, count = itertools.cycle(bets_of(home / "bets.parquet", 500).to_dicts()), set[Any](), 0, 0
    while not end.exists():
        for bet in itertools.islice(bets, 50):
            as_of = score(bet).as_of
            instants = {as_of[view.name][0] for view in GROUPED_VIEWS} - {None}
            mixed, count = mixed + (len(instants) > 1), count + 1
            refreshes |= instants
    return {"read": count, "mixed": mixed, "refreshes": len(refreshes)}


def publish(home: Path, how: str, first: int) -> None:
    """Take in the hours from this one on."""
    round_trip.LONGEST_TRANSACTION = LONGEST[how]  # type: ignore[misc]
    connections, bets = reopened(home), corrigible(home / "bets.parquet")
    for number in range(first, first + HOURS):
        hour(connections, bets, home, number)


def cost(home: Path) -> dict[str, dict[int, list[float]]]:
    """p50s of the scorer, per way and number of bets in a request."""
    score = scorer(SERVICE, store=our_store(reopened(home)))
    bets = bets_of(home / "bets.parquet", 2_000).sample(fraction=1, shuffle=True, seed=7).to_dicts()
    found: dict[str, dict[int, list[float]]] = {how: {size: [] for size in CALLS} for how in LONGEST}
    for size, calls in CALLS.items():
        endless = itertools.cycle(requests(bets, size))
        for _ in range(ROUNDS):
            turn = list(itertools.islice(endless, calls))
            for how, longest in LONGEST.items():
                round_trip.LONGEST_TRANSACTION = longest  # type: ignore[misc]
                score(turn[0]["bets"])
                taken = [timed(lambda request: score(request["bets"]), one) for one in turn]
                found[how][size].append(percentiles(taken)[0])
    return found


# ---- comparisons ---------------------------------------------------------------------------------------------------


def compare(of: Stores, bets: int) -> list[Row]:
    """Print and return the rows."""
    home = of(bets).home
    taken = alone("benchmarks.consistency", "cost", str(home))
    rows = [
        Row(
            f"scorer, requests of {size}",
            *(Sample(f"{how} p50", tuple(taken[how][str(size)])) for how in LONGEST),
            target=1.1,
        )
        for size in CALLS
    ]
    mixed = {how: beside_runs(home, how, 1 + HOURS * number) for number, how in enumerate(LONGEST)}
    share = {how: Sample(how, (100 * one["mixed"] / one["read"],), "%") for how, one in mixed.items()}
    notes = (f"{how}: {one['mixed']:,} of {one['read']:,}, {one['refreshes']} refreshes" for how, one in mixed.items())
    rows.append(Row(f"vectors that mix refreshes, {HOURS} runs", share[TRANSACTIONS], target=0, note="; ".join(notes)))
    show(f"consistency: service {SERVICE}, {bets:,} bets of history", rows)
    return rows


def beside_runs(home: Path, how: str, first: int) -> dict[str, int]:
    """What a reader saw while the hours were taken in."""
    with tempfile.TemporaryDirectory() as directory:
        end = Path(directory) / "end"
        command = [sys.executable, "-m", "benchmarks.consistency", "read", str(home), how, str(end)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as reader:
            try:
                alone("benchmarks.consistency", "publish", str(home), how, str(first))
            finally:
                end.touch()
            said, _ = reader.communicate()
    seen: dict[str, int] = json.loads(said.splitlines()[-1])
    return seen


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["cost", home]:
            print(json.dumps(cost(Path(home))))
        case ["read", home, how, end]:
            print(json.dumps(read(Path(home), how, Path(end))))
        case ["publish", home, how, first]:
            publish(Path(home), how, int(first))
            print("{}")
        case arguments:
            with stores() as made:
                compare(made, int(arguments[0]) if arguments else 27_222)
