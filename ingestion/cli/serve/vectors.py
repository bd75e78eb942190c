"""Feature vectors of bets as they are printed, and as JSON."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ingestion.cli.output import print_line, print_sentence
from ingestion.cli.tables import decimals, print_table

if TYPE_CHECKING:
    from ingestion.serving.score import Scored, ViewAge

# Bets printed side by side.
_ABREAST = 5
_NO_AGE = timedelta.min


def scored_document(scored: Scored) -> dict[str, Any]:
    """Vectors as a JSON object: features in the service's order, ages and TTLs in seconds, unknown names."""
    from dataclasses import asdict

    return {
        "service": scored.service,
        "model": scored.model,
        "unknown_names": [asdict(name) for name in scored.unknown_names],
        "bets": [
            {
                "bet_id": vector.bet_id,
                "win_probability": vector.win_probability,
                "offered_probability": vector.offered_probability,
                "calibrated_probability": vector.calibrated_probability,
                "promised_return": vector.promised_return,
                "features": vector.values,
                "unknown_names": vector.unknown_names,
                "views": {
                    view.view: {
                        "event_timestamp": view.event_timestamp,
                        "age_seconds": view.age.total_seconds() if view.age is not None else None,
                        "ttl_seconds": view.ttl.total_seconds(),
                        "is_stale": view.is_stale,
                    }
                    for view in vector.views
                },
            }
            for vector in scored.vectors
        ],
    }


def print_scored(scored: Scored) -> None:
    """The vectors, and the age of every view against its TTL."""
    print_vectors(scored)
    print_line()
    ages = oldest(scored)
    print_table(
        ["view", "as of", "age", "ttl"], [(view.view, view.event_timestamp, view.age, view.ttl) for view in ages]
    )
    print_line()
    if scored.model is not None:
        print_chances(scored)
        print_line()
    nulls = sum(value is None for vector in scored.vectors for value in vector.values.values())
    bets = f" of {len(scored.vectors):,} bets" if scored.vectors[1:] else ""
    print_sentence(
        f"{len(scored.feature_views)} features{bets} by {scored.service}, {nulls:,} null. Nothing was changed."
    )


def print_chances(scored: Scored) -> None:
    """Of each bet: the chance of a win by the model, beside those of the prices, and the return that it promises."""
    print_table(
        ["chance of a win", "by the model", "price as offered", "calibrated price", "promised return"],
        [
            (
                vector.bet_id or f"bet {number}",
                *(
                    "unknown" if chance is None else f"{chance:.4f}"
                    for chance in (vector.win_probability, vector.offered_probability, vector.calibrated_probability)
                ),
                "unknown" if vector.promised_return is None else f"{vector.promised_return:+.1%}",
            )
            for number, vector in enumerate(scored.vectors, 1)
        ],
    )
    print_sentence(
        f"By {scored.model}. Promised return: what it expects a stake of 1 to return beyond itself at the offered odds."
    )


def print_vectors(scored: Scored) -> None:
    """Features down, in the order of the service; bets across, a few at a time."""
    for start in range(0, len(scored.vectors), _ABREAST):
        some = scored.vectors[start : start + _ABREAST]
        names = [vector.bet_id or f"bet {number}" for number, vector in enumerate(some, start + 1)]
        values = [decimals(vector.values.values()) for vector in some]
        if start:
            print_line()
        headers = ["feature", *(names if scored.vectors[1:] else ["value"]), "view"]
        print_table(headers, zip(scored.feature_views, *values, scored.feature_views.values(), strict=True))


def oldest(scored: Scored) -> list[ViewAge]:
    """The age of each view: the oldest among all bets. An unknown age counts as the youngest."""
    by_view = zip(*(vector.views for vector in scored.vectors), strict=True)
    return [max(ages, key=lambda view: view.age if view.age is not None else _NO_AGE) for ages in by_view]
