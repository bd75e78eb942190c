"""How often a model is called better than the price that is not, how many bets it takes to find one that is, and how
long training takes.

    python -m benchmarks.training [worlds]

In memory, each world is a training set whose results are drawn from the price, moved by an edge that one feature tells;
both learners are trained and judged as by `pikkit train`. Without an edge "better" is false, and should be said of at
most 2.5 % of the worlds: one side of a 95 % interval. An edge is named by the return that whoever knew it would have
had on the bets that promise more than 2 %, at prices without a margin; such worlds have one bet an event, as the record
of one bettor has. Through a store, a bettor with skill and one without are loaded by `pikkit run`, and what `pikkit
train` does is timed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np

from benchmarks.measuring import Row, Sample, show
from benchmarks.stores import Stores, quiet, scratch, started, stores
from feature_repo import clock
from feature_repo.servers.connections import Connections
from tests.builders.bet_files import jsonl
from tests.builders.bettors import AFTERWARDS, bettor
from tests.builders.training_sets import world
from training.learning.fit import FittedModel, fit_win
from training.train import TrainedModel, train_models

WORLDS = 200
SERVICE = "market_profitability_at_placement_v1"
# Of worlds without an edge: events a day, three bets each.
EVENTS_A_DAY = (4, 12)
# What an edge is worth, as a share of the stake.
RETURNS = (0.05, 0.10, 0.20)
# Worlds have 120 days, of which the test has about 30.
DAYS = 120
TEST_SHARE = 0.25
MOST_FALSE = 2.5
# From which share of worlds on an edge counts as found.
FOUND = 80.0
# How many bets a store has for the steps of a training to be timed.
STORE_BETS = 27_222
# The log-odds by which the synthetic bettors' live bets are better than their price.
SKILL = 1.0


def compare(of: Stores, worlds: int, edge_worlds: int, test_bets: Sequence[int], *, store_bets: int) -> list[Row]:
    """Print and return the rows: false verdicts, power, bettors through a store, seconds of the steps."""
    rows = [
        *_false_verdicts(worlds),
        *_power(edge_worlds, test_bets),
        *_through_a_store(),
        *_steps(of(store_bets).connections, store_bets),
    ]
    show("training", rows)
    return rows


def _false_verdicts(worlds: int) -> Iterator[Row]:
    """The share of worlds without an edge in which a learner was called better, and in which it would have paid too."""
    for events in EVENTS_A_DAY:
        fitted = [fit_win(world(seed, events_a_day=events)) for seed in range(worlds)]
        for learner in fitted[0].evaluations:
            judged = [each.evaluations[learner] for each in fitted]
            better = [each for each in judged if each.verdict.conclusion == "better"]
            paid = sum(each.money.startswith("Would have paid:") for each in better)
            share = Sample("called better", (100 * len(better) / worlds,), "%")
            work = f"{learner}, {worlds} worlds without an edge, {events} events a day"
            yield Row(work, share, target=MOST_FALSE, note=f"{paid} of them would have paid")


def _power(worlds: int, test_bets: Sequence[int]) -> Iterator[Row]:
    """The share of worlds in which the model that is served was called better, by edge and size of the test."""
    for worth in RETURNS:
        edge, enough = edge_worth(worth), None
        for bets in test_bets:
            a_day = round(bets / TEST_SHARE / DAYS)
            fitted = [fit_win(world(seed, edge=edge, days=DAYS, events_a_day=a_day, bets_an_event=1))
                      for seed in range(worlds)]  # fmt: skip
            share = 100 * sum(map(_is_better, fitted)) / worlds
            enough = bets if enough is None and share >= FOUND else enough
            note = f"an edge of {edge:.2f} in log-odds"
            yield Row(f"edge worth {worth:.0%}, {bets:,} bets in the test, {worlds} worlds",
                      Sample("called better", (share,), "%"), note=note)  # fmt: skip
        if enough is not None:
            yield Row(f"edge worth {worth:.0%}: bets in the test from which {FOUND:.0f} % find it",
                      Sample("bets", (enough,), ""))  # fmt: skip


def _is_better(fitted: FittedModel) -> bool:
    return fitted.evaluations[fitted.model.served].verdict.conclusion == "better"


@cache
def edge_worth(worth: float) -> float:
    """The edge, in log-odds by one standard deviation of the signal, that is worth this return to whoever knows it."""
    random = np.random.default_rng(1)
    price, signal = random.uniform(-1.5, 1.5, 400_000), random.normal(size=400_000)

    def returned(edge: float) -> float:
        promised = (1 + np.exp(-price)) / (1 + np.exp(-(price + edge * signal))) - 1
        return float(promised[promised > 0.02].mean())

    low, high = 0.01, 2.0
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if returned(middle) < worth else (low, middle)
    return low


def _through_a_store() -> Iterator[Row]:
    """Bettors from a file to the verdict: one with skill is to be called better, one without is not.

    They know two sports and two books, so the gate is that of the tests.
    """
    from ingestion.embedded import servers
    from ingestion.sources.files.file_source import open_file
    from tests.rigs import lenient_pipeline

    for skill, name, expected in ((SKILL, "with skill", True), (0.0, "without skill", False)):
        home = scratch() / "home"
        with quiet():
            connections = started(home)
            clock.set_now(AFTERWARDS)
            file = jsonl(home / "bets.jsonl", *bettor(skill))
            begun = time.perf_counter()
            lenient_pipeline.run(connections, open_file(file))
            trained = train_models(connections, SERVICE, home / "model")
            seconds = time.perf_counter() - begun
            servers.stop_servers(home)
        if _is_better(trained.fitted) != expected:
            raise AssertionError(f"a bettor {name}: {_verdict(trained)}")
        yield Row(f"bettor {name}, 2,400 bets: run and train", Sample("pikkit", (seconds,)), note=_verdict(trained))


def _verdict(trained: TrainedModel) -> str:
    judged = trained.fitted.evaluations[trained.fitted.model.served]
    return f"{judged.verdict.sentence} {judged.money}"


def _steps(connections: Connections, bets: int) -> Iterator[Row]:
    """Seconds of each step of a training of the generated bets."""
    with quiet():
        trained = train_models(connections, SERVICE, scratch() / "model", as_is=True)
    for step, seconds in trained.seconds.items():
        yield Row(f"{step}, {bets:,} bets", Sample("pikkit train", (seconds,)))


def main(worlds: int) -> None:
    """Run it alone."""
    with stores() as of:
        compare(of, worlds, max(worlds // 5, 4), (300, 900, 3_000, 9_000), store_bets=STORE_BETS)


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else WORLDS)
