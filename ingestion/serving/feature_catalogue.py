"""Every feature there is: what it means, where it comes from, who asks for it, and which version the store holds.

The declarations of feature_repo/ say all but the last; for that the store is asked, where there is one. Feast is not
imported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import psycopg

from feature_repo.declarations.feature_lists import FEATURE_LISTS
from feature_repo.declarations.features import DeclaredFeature
from feature_repo.declarations.views import (
    ON_DEMAND_DECLARATIONS,
    STORED_VIEWS,
    BetView,
    GroupedView,
    OnDemandDeclaration,
)
from feature_repo.errors import ConfigurationError
from feature_repo.near_names import did_you_mean
from ingestion.database.access import statement


@dataclass(frozen=True)
class Version:
    """What the store holds of a feature: the version of its definition, its change rows, when it was last computed."""

    version: int
    rows: int
    last_computed_at: datetime


# By view and feature.
VersionsByFeature = Mapping[tuple[str, str], Version]


@dataclass(frozen=True)
class Feature:
    """One feature. `stored` is null where it is computed on demand, no run has computed it, or there is no store."""

    name: str
    dtype: str
    description: str
    available: str
    services: tuple[str, ...]
    stored: Version | None


@dataclass(frozen=True)
class CataloguedView:
    """A feature view. One on demand has no TTL, and `inputs`: the request columns that it computes from."""

    name: str
    description: str
    entities: tuple[str, ...]
    join_keys: tuple[str, ...]
    inputs: tuple[str, ...]
    ttl: timedelta | None
    features: tuple[Feature, ...]

    @property
    def services(self) -> list[str]:
        """The services that hold any of its features."""
        return sorted({service for feature in self.features for service in feature.services})


def feature_catalogue(
    versions: VersionsByFeature, *, view: str | None = None, service: str | None = None
) -> list[CataloguedView]:
    """The declared views with their features: all, only `view`, only what `service` holds.

    Raises ConfigurationError when there is no such view or service.
    """
    views = _views(versions)
    _check("view", view, [one.name for one in views])
    _check("service", service, [each.service for each in FEATURE_LISTS])
    chosen = (
        replace(one, features=tuple(feature for feature in one.features if service in (None, *feature.services)))
        for one in views
        if view in (None, one.name)
    )
    return [one for one in chosen if one.features]


def stored_versions(connection: psycopg.Connection) -> VersionsByFeature:
    """The newest version of each feature by view and name; none where the store was not migrated."""
    with connection.transaction():
        exists = connection.execute("select to_regclass('features.feature_metadata') is not null").fetchone()
        rows = connection.execute(statement("newest_feature_versions")).fetchall() if exists == (True,) else []
    return {(view, feature): Version(*rest) for view, feature, *rest in rows}


def _views(versions: VersionsByFeature) -> list[CataloguedView]:
    stored = [_stored_view(view, versions) for view in STORED_VIEWS]
    by_name = {view.name: view for view in stored}
    return [*stored, *(_on_demand_view(declared, by_name, versions) for declared in ON_DEMAND_DECLARATIONS.values())]


def _stored_view(view: GroupedView | BetView, versions: VersionsByFeature) -> CataloguedView:
    return CataloguedView(
        name=view.name,
        description=view.description,
        entities=(view.entity,),
        join_keys=(view.join_key,),
        inputs=(),
        ttl=view.ttl,
        features=_features(view.name, view.declared, versions),
    )


def _on_demand_view(
    declared: OnDemandDeclaration, stored: Mapping[str, CataloguedView], versions: VersionsByFeature
) -> CataloguedView:
    looked_up = [stored[reference.partition(":")[0]] for reference in declared.looked_up]
    return CataloguedView(
        name=declared.name,
        description=declared.description,
        entities=tuple(entity for view in looked_up for entity in view.entities),
        join_keys=tuple(key for view in looked_up for key in view.join_keys),
        inputs=tuple(declared.request),
        ttl=None,
        features=_features(declared.name, declared.declared, versions),
    )


def _features(view: str, declared: Sequence[DeclaredFeature], versions: VersionsByFeature) -> tuple[Feature, ...]:
    return tuple(
        Feature(
            name=feature.name,
            dtype=feature.dtype,
            description=feature.description,
            available=feature.available,
            services=tuple(each.service for each in FEATURE_LISTS if feature.name in each.features.get(view, ())),
            stored=versions.get((view, feature.name)),
        )
        for feature in declared
    )


def _check(what: str, name: str | None, known: Sequence[str]) -> None:
    if name is not None and name not in known:
        raise ConfigurationError(
            f"There is no {what} {name}{did_you_mean(name, known)}",
            "Nothing was looked up",
            f"Choose one of {', '.join(known)}",
        )
