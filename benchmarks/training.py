"""How often a model is called better than the price that is not, and how often one that is.

    python -m benchmarks.training [worlds]

Each world is a training set whose results are drawn from the price, moved by an edge that one feature tells; an event
has three bets, at one price and with one result. Both learners are trained and judged as by `pikkit train`. Without an
edge "better" is false, and should be said of at most 2.5 % of the worlds: one side of a 95 % interval.
"""

from __future__ import annotations

import sys
from collections import Counter

from tests.builders.training_sets import world
from training.learning.fit import fit_win

WORLDS = 200
# Of the log-odds, by one standard deviation of the feature.
EDGES = (0.0, 0.2, 0.4)
EVENTS_A_DAY = (4, 12)


def conclusions(worlds: int, edge: float, events_a_day: int) -> dict[str, Counter[str]]:
    """By learner, how many of the worlds got which conclusion; and how many besides would have paid."""
    counts: dict[str, Counter[str]] = {}
    for seed in range(worlds):
        for learner, judged in fit_win(world(seed, edge=edge, events_a_day=events_a_day)).evaluations.items():
            counter = counts.setdefault(learner, Counter())
            counter[judged.verdict.conclusion] += 1
            is_paid = judged.money.startswith("Would have paid")
            counter["better, and would have paid"] += is_paid and judged.verdict.conclusion == "better"
    return counts


def compare(worlds: int) -> None:
    """Print, for each edge and size, the shares of the conclusions."""
    print(f"{'edge':>5} {'events a day':>12} {'learner':10} {'better':>8} {'worse':>8} {'better and paid':>16}")
    for edge in EDGES:
        for events_a_day in EVENTS_A_DAY:
            for learner, counter in conclusions(worlds, edge, events_a_day).items():
                better, worse, paid = (
                    counter[name] / worlds for name in ("better", "worse", "better, and would have paid")
                )
                print(f"{edge:5} {events_a_day:12} {learner:10} {better:8.1%} {worse:8.1%} {paid:16.1%}", flush=True)


if __name__ == "__main__":
    compare(int(sys.argv[1]) if sys.argv[1:] else WORLDS)
