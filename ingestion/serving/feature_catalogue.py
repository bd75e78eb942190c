"""Every feature there is: what it means, how it is computed, who asks for it, and which versions the store has had.

The declarations of feature_repo/ and the definitions say all but the last; for that the store is asked, where there is
one. Feast is not imported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

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
from ingestion.database.rollout import relation_columns
from ingestion.features.feature_definitions import feature_definitions, on_demand_definitions
from ingestion.features.published_definitions import definition_version


@dataclass(frozen=True)
class Version:
    """One version of a feature, as features.feature_metadata has it.

    `rows` and `checksum` are of the change rows of its view; on demand they and `last_computed_at` are null, and
    `first_computed_at` is from when on it is computed so. `run_id` is the run that first did. The version `replaced_by`
    took its place. What happened before it was kept is null.
    """

    version: int
    definition: str
    mode: str
    checksum: str | None
    rows: int | None
    first_computed_at: datetime | None
    last_computed_at: datetime | None
    run_id: UUID | None
    replaced_at: datetime | None
    replaced_by: int | None


# By view and feature; oldest first.
VersionsByFeature = Mapping[tuple[str, str], Sequence[Version]]


@dataclass(frozen=True)
class DefinedFeature:
    """What this code means by a feature (ingestion/features/feature_definitions.py), and the version that this is."""

    version: int
    digest: str
    formula: str
    revision: int
    rows: str
    key: str


@dataclass(frozen=True)
class Feature:
    """One feature. `stored` is its newest version in the store, and `replaced` are those before it, oldest first.

    They are null and empty where no run has computed it, or there is no store.
    """

    name: str
    dtype: str
    description: str
    available: str
    services: tuple[str, ...]
    definition: DefinedFeature
    stored: Version | None
    replaced: tuple[Version, ...]

    @property
    def is_redefined(self) -> bool:
        """Whether the store has it by another definition than this code's."""
        return self.stored is not None and self.stored.definition != self.definition.digest


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
    versions: VersionsByFeature, *, feature: str | None = None, view: str | None = None, service: str | None = None
) -> list[CataloguedView]:
    """The declared views with their features: all, only those called `feature` (with or without its view, as
    `view:feature` or `view.feature`), only `view`, only what `service` holds.

    Raises ConfigurationError when there is no such feature, view or service.
    """
    views = _views(versions)
    _check("view", view, [each.name for each in views])
    _check("service", service, [each.service for each in FEATURE_LISTS])
    _check("feature", feature, [name for each in views for name in _names(each)], "`pikkit features` lists them")
    chosen = (
        replace(
            each,
            features=tuple(
                one
                for one in each.features
                if service in (None, *one.services) and feature in (None, *_spellings(each.name, one.name))
            ),
        )
        for each in views
        if view in (None, each.name)
    )
    return [each for each in chosen if each.features]


def stored_versions(connection: psycopg.Connection) -> VersionsByFeature:
    """The versions of each feature by view and name, oldest first; none where the store was not migrated."""
    metadata = "features.feature_metadata"
    is_migrated = "replaced_by" in relation_columns(connection, [metadata])[metadata]
    with connection.transaction():
        rows = connection.execute(statement("feature_versions")).fetchall() if is_migrated else []
    versions: dict[tuple[str, str], list[Version]] = {}
    for view, feature, *rest in rows:
        versions.setdefault((view, feature), []).append(Version(*rest))
    return versions


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
            definition=_definition(view, feature.name),
            stored=next(reversed(versions.get((view, feature.name), ())), None),
            replaced=tuple(versions.get((view, feature.name), ())[:-1]),
        )
        for feature in declared
    )


def _definition(view: str, feature: str) -> DefinedFeature:
    definition = (feature_definitions() | on_demand_definitions())[view][feature]
    return DefinedFeature(
        version=definition_version(view, feature, definition.digest),
        digest=definition.digest,
        formula=definition.formula,
        revision=definition.revision,
        rows=definition.rows,
        key=definition.key,
    )


def _names(view: CataloguedView) -> list[str]:
    return [spelling for feature in view.features for spelling in _spellings(view.name, feature.name)]


def _spellings(view: str, feature: str) -> tuple[str, ...]:
    return feature, f"{view}:{feature}", f"{view}.{feature}"


def _check(what: str, name: str | None, known: Sequence[str], next_step: str | None = None) -> None:
    if name is not None and name not in known:
        raise ConfigurationError(
            f"There is no {what} {name}{did_you_mean(name, known)}",
            "Nothing was looked up",
            next_step or f"Choose one of {', '.join(known)}",
        )
