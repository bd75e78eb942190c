"""Feature vectors of bets as they are printed, and as JSON."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ingestion.cli.output import print_line
from ingestion.cli.tables import decimals, print_table

if TYPE_CHECKING:
    from ingestion.serving.score import Scored, ViewAge

# Bets printed side by side.
_ABREAST = 5
_NO_AGE = timedelta.min


def as_json(scored: Scored) -> dict[str, Any]:
    """Vectors for machines: features in the service's order, ages in seconds, names that the store does not know."""
    from dataclasses import asdict

    return {
        "service": scored.service,
        "unknown_names": [asdict(one) for one in scored.unknown_names],
        "bets": [
            {
                "bet_id": vector.bet_id,
                "features": vector.values,
                "unknown_names": vector.unknown_names,
                "views": {
                    one.view: {
                        "event_timestamp": one.event_timestamp,
                        "age_seconds": one.age.total_seconds() if one.age is not None else None,
                        "ttl_seconds": one.ttl.total_seconds(),
                        "is_stale": one.is_stale,
                    }
                    for one in vector.views
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
    print_table(["view", "as of", "age", "ttl"], [(one.view, one.event_timestamp, one.age, one.ttl) for one in ages])
    print_line()
    nulls = sum(value is None for one in scored.vectors for value in one.values.values())
    bets = f" of {len(scored.vectors):,} bets" if scored.vectors[1:] else ""
    print_line(f"{len(scored.feature_views)} features{bets} by {scored.service}, {nulls:,} null. Nothing was changed.")


def print_vectors(scored: Scored) -> None:
    """Features down, in the order of the service; bets across, a few at a time."""
    for start in range(0, len(scored.vectors), _ABREAST):
        some = scored.vectors[start : start + _ABREAST]
        names = [one.bet_id or f"bet {number}" for number, one in enumerate(some, start + 1)]
        values = [decimals(one.values.values()) for one in some]
        if start:
            print_line()
        headers = ["feature", *(names if scored.vectors[1:] else ["value"]), "view"]
        print_table(headers, zip(scored.feature_views, *values, scored.feature_views.values(), strict=True))


def oldest(scored: Scored) -> list[ViewAge]:
    """Of each view, the age of its oldest values among all bets."""
    by_view = zip(*(one.views for one in scored.vectors), strict=True)
    return [max(ages, key=lambda one: one.age if one.age is not None else _NO_AGE) for ages in by_view]
