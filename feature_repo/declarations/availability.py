"""Which features are known only after a bet was placed: what a model that decides on bets must not see.

The rule is one, and reads the declarations: a feature whose moment (`DeclaredFeature.available`) is later than the
placement. Training refuses a service that has one, and the audit looks for them in every frame.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from feature_repo.declarations.feature_lists import FEATURE_LISTS, FeatureList
from feature_repo.declarations.features import Moment
from feature_repo.declarations.views import ON_DEMAND_DECLARATIONS, STORED_VIEWS

_PLACEMENT: Final[Moment] = "placement"


@cache
def available_moments() -> dict[str, Moment]:
    """The moment of a bet's life from which each feature is known, by view:name, of all views."""
    views = (*STORED_VIEWS, *ON_DEMAND_DECLARATIONS.values())
    return {f"{view.name}:{feature.name}": feature.available for view in views for feature in view.declared}


def known_only_after_placement(service: FeatureList) -> list[str]:
    """The features of the service, as view:name in its order, that nobody knows yet when a bet is placed."""
    names = [f"{view}:{name}" for view, features in service.features.items() for name in features]
    # Nobody knows when a feature that is not declared is known: it counts as later.
    return [name for name in names if available_moments().get(name) != _PLACEMENT]


def placement_services() -> list[str]:
    """The names of the services whose features are all known when a bet is placed."""
    return [entry.service for entry in FEATURE_LISTS if not known_only_after_placement(entry)]
