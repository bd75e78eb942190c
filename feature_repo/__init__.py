"""What Feast serves: entities, views, on-demand views and services, and how their keys are spelled.

Importing this package does not import Feast (which takes seconds); `open_store` and `scorer` do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from feature_repo.store import REPOSITORY, open_store

if TYPE_CHECKING:
    from feature_repo.scoring import Scorer

__all__ = ["REPOSITORY", "open_store", "scorer"]


def scorer(service: str, **options: Any) -> Scorer:
    """The fast way from bets to the feature vectors of a service: `feature_repo.scoring.scorer`."""
    from feature_repo.scoring import scorer

    return scorer(service, **options)
