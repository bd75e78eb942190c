"""What Feast serves: entities, views, on-demand views and services, and how their keys are spelled.

Importing this package does not import Feast (which takes seconds); `open_store` does when called, `scorer` when it
is imported. `explain` and `diff` do without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from feature_repo.store import REPOSITORY, import_feast, open_store

if TYPE_CHECKING:
    from feature_repo.explanation.frames import diff_in_frames as diff
    from feature_repo.explanation.frames import explain_in_frames as explain
    from feature_repo.scoring.scorer import scorer

__all__ = ["REPOSITORY", "diff", "explain", "open_store", "scorer"]


def __getattr__(name: str) -> Any:
    # Loaded when somebody asks for it: it imports Feast.
    if name == "scorer":
        # A process that scores declares nothing.
        import_feast(checks_types=False)
        from feature_repo.scoring import scorer

        return scorer
    if name in ("explain", "diff"):
        from feature_repo.explanation import frames

        return {"explain": frames.explain_in_frames, "diff": frames.diff_in_frames}[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
