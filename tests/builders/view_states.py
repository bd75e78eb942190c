"""States of views, as status tells them."""

from __future__ import annotations

from feature_repo.declarations.views import STORED_VIEWS


def all_are(state: str) -> dict[str, str]:
    """Every stored view, by name, in this state."""
    return {view.name: state for view in STORED_VIEWS}
