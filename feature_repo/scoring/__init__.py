"""Bets to feature vectors in one round trip to Redis: what a Python service scores with.

scorer.py            the way in: a service bound to its store, called with bets
definitions.py       what a service consists of, read from Feast's registry once and then now and then
stored_features.py   entities to values, through online_store/round_trip.py
on_demand.py         the on-demand functions, over all bets at once
vectors.py           what comes out

Values, statuses and timestamps are those of `get_online_features` over the same store, for a fraction of its time: no
message objects, and nothing looked up twice.
"""

from feature_repo.scoring.models import Model, WinChances
from feature_repo.scoring.scorer import Scorer, scorer
from feature_repo.scoring.vectors import ValueStatus, Vectors

__all__ = ["Model", "Scorer", "ValueStatus", "Vectors", "WinChances", "scorer"]
