"""Every feature there is: what it means, where it comes from, who asks for it, and which version the store holds.

The declarations of feature_repo/ say all but the last; for that the store is asked, where there is one.
"""

from __future__ import annotations

import contextlib
import warnings
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import psycopg

from feature_repo import REPOSITORY
from feature_repo.groups import STORED_VIEWS
from feature_repo.near_names import did_you_mean
from ingestion.database import statement
from ingestion.errors import ConfigurationError

if TYPE_CHECKING:
    from feast import FeatureView, OnDemandFeatureView
    from feast.repo_contents import RepoContents


@dataclass(frozen=True)
class Version:
    """What the store holds of a feature: the version of its definition, its change rows, when it was last computed."""

    version: int
    rows: int
    last_computed_at: datetime


# By view and feature.
Versions = Mapping[tuple[str, str], Version]
HeldBy = defaultdict[tuple[str, str], list[str]]


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
class View:
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


def catalogue(versions: Versions, *, view: str | None = None, service: str | None = None) -> list[View]:
    """The declared views with their features: all, only `view`, only what `service` holds. Imports Feast: seconds.

    Raises ConfigurationError when there is no such view or service.
    """
    declared = _declarations()
    views = _views(declared, versions)
    _check("view", view, [one.name for one in views])
    _check("service", service, [one.name for one in declared.feature_services])
    chosen = (
        replace(one, features=tuple(feature for feature in one.features if service in (None, *feature.services)))
        for one in views
        if view in (None, one.name)
    )
    return [one for one in chosen if one.features]


def stored_versions(connection: psycopg.Connection) -> Versions:
    """The newest version of each feature by view and name; none where the store was not migrated."""
    with connection.transaction():
        exists = connection.execute("select to_regclass('features.feature_metadata') is not null").fetchone()
        rows = connection.execute(statement("newest_feature_versions")).fetchall() if exists == (True,) else []
    return {(view, feature): Version(*rest) for view, feature, *rest in rows}


def _declarations() -> RepoContents:
    # Feast finds modules relative to the working directory, and warns of what is no news to a reader.
    with warnings.catch_warnings(), contextlib.chdir(REPOSITORY):
        warnings.simplefilter("ignore")
        from feast.repo_operations import parse_repo

        return parse_repo(REPOSITORY)


def _views(declared: RepoContents, versions: Versions) -> list[View]:
    order = [view.name for view in STORED_VIEWS]
    stored = {one.name: one for one in sorted(declared.feature_views, key=lambda one: order.index(one.name))}
    on_demand = sorted(declared.on_demand_feature_views, key=lambda one: one.name)
    held = _held_by(declared)
    return [
        *(_stored_view(one, _features(one, held, versions)) for one in stored.values()),
        *(_on_demand_view(one, _features(one, held, versions), stored) for one in on_demand),
    ]


def _stored_view(view: FeatureView, features: tuple[Feature, ...]) -> View:
    return View(
        name=view.name,
        description=view.description,
        entities=tuple(view.entities),
        join_keys=tuple(view.join_keys),
        inputs=(),
        ttl=view.ttl,
        features=features,
    )


def _on_demand_view(
    view: OnDemandFeatureView, features: tuple[Feature, ...], stored: Mapping[str, FeatureView]
) -> View:
    looked_up = [stored[projection.name] for projection in view.source_feature_view_projections.values()]
    return View(
        name=view.name,
        description=view.description,
        entities=tuple(entity for one in looked_up for entity in one.entities),
        join_keys=tuple(key for one in looked_up for key in one.join_keys),
        inputs=tuple(field.name for source in view.source_request_sources.values() for field in source.schema),
        ttl=None,
        features=features,
    )


def _features(view: FeatureView | OnDemandFeatureView, held: HeldBy, versions: Versions) -> tuple[Feature, ...]:
    return tuple(
        Feature(
            name=field.name,
            dtype=str(field.dtype),
            description=field.description,
            available=field.tags["available"],
            services=tuple(held[view.name, field.name]),
            stored=versions.get((view.name, field.name)),
        )
        for field in view.features
    )


def _held_by(declared: RepoContents) -> HeldBy:
    held: HeldBy = defaultdict(list)
    for service in declared.feature_services:
        for projection in service.feature_view_projections:
            for field in projection.features:
                held[projection.name, field.name].append(service.name)
    return held


def _check(what: str, name: str | None, known: Sequence[str]) -> None:
    if name is not None and name not in known:
        raise ConfigurationError(
            f"There is no {what} {name}{did_you_mean(name, known)}",
            "Nothing was looked up",
            f"Choose one of {', '.join(known)}",
        )
