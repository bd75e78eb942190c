"""What Feast serves: entities, views, on-demand views and services, and how their keys are spelled.

Importing this package does not import Feast (which takes seconds); `open_store` does when called, `scorer` when it
is imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from feature_repo.store import REPOSITORY, open_store

if TYPE_CHECKING:
    from feature_repo.scoring.scorer import scorer

__all__ = ["REPOSITORY", "open_store", "scorer"]


def __getattr__(name: str) -> Any:
    # Loaded when somebody asks for it: it imports Feast.
    if name == "scorer":
        from feature_repo.scoring import scorer

        return scorer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
