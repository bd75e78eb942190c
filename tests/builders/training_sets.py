"""Training sets without a store: bets at prices that say all there is to say, or all but an edge."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from feature_repo.declarations.feature_lists import FeatureList
from training.dataset import TrainingSet

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
NOISE = ("noise_1", "noise_2", "noise_3")


def world(
    seed: int, *, edge: float = 0.0, days: int = 120, events_a_day: int = 6, bets_an_event: int = 3
) -> TrainingSet:
    """Bets whose results are drawn from the price, moved by `edge` log-odds times `signal`.

    The bets of an event have one price and one result, as those of one side at several books do. Features: the price,
    `signal`, three of noise, and the code of the sport.
    """
    random = np.random.default_rng(seed)
    events = days * events_a_day
    count = events * bets_an_event
    price, signal = random.uniform(-1.5, 1.5, events), random.normal(size=events)
    won = random.random(events) < 1 / (1 + np.exp(-(price + edge * signal)))
    event = np.repeat(np.arange(events), bets_an_event)
    implied = 1 / (1 + np.exp(-price[event]))
    placed = [
        FIRST + timedelta(days=int(each) // events_a_day, minutes=number % 1_000) for number, each in enumerate(event)
    ]
    known = [instant + timedelta(hours=4) for instant in placed]
    sports = random.integers(1, 4, events)[event]
    frame = pl.DataFrame(
        {
            "id": [f"{number:06}" for number in range(count)],
            "sport": [f"sport {code}" for code in sports],
            "league": ["league"] * count,
            "market": ["Moneyline"] * count,
            "institution_name": random.choice(["Alpha", "Beta"], count),
            "time_placed": placed,
            "is_win": won[event],
            "amount_cents": np.full(count, 1_000),
            "profit_cents": np.where(won[event], np.rint(1_000 / implied) - 1_000, -1_000).astype(np.int64),
            "settled_at": [FIRST + timedelta(days=400, seconds=int(each)) for each in event],
            "known_at": known,
            "implied_prob": implied,
            "signal": signal[event],
            **{name: random.normal(size=count) for name in NOISE},
            "sport_encoded": sports,
        },
        schema_overrides={name: pl.Datetime("us", "UTC") for name in ("time_placed", "settled_at", "known_at")},
    ).sort("time_placed", "id")
    service = FeatureList("a_service", "", {"view": ("implied_prob", "signal", *NOISE, "sport_encoded")})
    return TrainingSet(service, 0, frame)
