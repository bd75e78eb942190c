"""All that this code declares of features, as plain data: what `pikkit plan --declared` prints and `--base` reads.

Feast is not imported: the declarations of feature_repo/declarations/ and the definitions say it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from feature_repo.declarations.feature_lists import FEATURE_LISTS
from feature_repo.declarations.features import DeclaredFeature
from feature_repo.declarations.groups import GROUPS
from feature_repo.declarations.views import ON_DEMAND_DECLARATIONS, STORED_VIEWS, BetView, GroupedView
from feature_repo.errors import ConfigurationError
from ingestion.database.migrate import shipped_migrations
from ingestion.features.feature_definitions import FeatureDefinition, feature_definitions, on_demand_definitions
from ingestion.features.published_definitions import DigestsByVersion, published_digests, versions_in_order
from ingestion.planning.objects import Objects, ttl_text

# Counted up when an older document cannot be compared any more.
_FORMAT: Final = 1


@dataclass(frozen=True)
class DeclaredState:
    """What one state of the code declares."""

    #: Views, their features, entities and services.
    objects: Objects
    #: View -> feature -> the digest of its definition.
    definitions: Mapping[str, Mapping[str, str]]
    #: The record of published definitions.
    published: DigestsByVersion
    #: The migrations by name, in order, with the digest of their text.
    migrations: Mapping[str, str]

    def document(self) -> dict[str, Any]:
        """The state as JSON can hold it."""
        return {"format": _FORMAT, **asdict(self)}


def declared_state() -> DeclaredState:
    """What this code declares."""
    definitions = feature_definitions() | on_demand_definitions()
    digests = {
        view: {feature: definition.digest for feature, definition in features.items()}
        for view, features in definitions.items()
    }
    migrations = {migration.name: migration.digest for migration in shipped_migrations()}
    return DeclaredState(_objects(definitions), digests, published_digests(), migrations)


def state_of_document(document: object) -> DeclaredState:
    """The state that `document()` wrote. Raises ConfigurationError for anything else."""
    if not isinstance(document, dict) or document.get("format") != _FORMAT:
        raise ConfigurationError(
            "This is not what `pikkit plan --declared` of this version prints",
            "Nothing was compared",
            "Write the base anew with the `pikkit plan --declared` of its commit, or name that commit",
        )
    try:
        return DeclaredState(
            document["objects"],
            document["definitions"],
            versions_in_order(document["published"]),
            document["migrations"],
        )
    except (KeyError, AttributeError, ValueError) as error:
        raise ConfigurationError(
            f"The declared state is incomplete or broken ({error})", "Nothing was compared", "Write it anew"
        ) from error


def _objects(definitions: Mapping[str, Mapping[str, FeatureDefinition]]) -> dict[str, dict[str, str]]:
    objects = {f"entity {group.name}": {"columns": ", ".join(group.columns)} for group in GROUPS}
    for view in STORED_VIEWS:
        objects[f"view {view.name}"] = _view(view)
        objects |= _features(view.name, view.declared, definitions[view.name])
    for declared in ON_DEMAND_DECLARATIONS.values():
        request = {f"request column {column}": dtype for column, dtype in declared.request.items()}
        facts = {"description": declared.description, "looks up": "\n".join(declared.looked_up)}
        objects[f"on-demand view {declared.name}"] = facts | request
        objects |= _features(declared.name, declared.declared, definitions[declared.name])
    for published in FEATURE_LISTS:
        references = [f"{view}:{name}" for view, names in published.features.items() for name in names]
        facts = {"description": published.description, "features": "\n".join(references)}
        objects[f"service {published.service}"] = facts
    return objects


def _view(view: GroupedView | BetView) -> dict[str, str]:
    return {
        "description": view.description,
        "entity": view.entity,
        "join key": view.join_key,
        "TTL": ttl_text(view.ttl),
    }


def _features(
    view: str, declared: Sequence[DeclaredFeature], definitions: Mapping[str, FeatureDefinition]
) -> dict[str, dict[str, str]]:
    return {
        f"feature {view}:{feature.name}": {
            "type": feature.dtype,
            "formula": definition.formula,
            "revision": str(definition.revision),
            "values": definition.rows,
            "key": definition.key,
            "available": feature.available,
            "description": feature.description,
        }
        for feature in declared
        for definition in [definitions[feature.name]]
    }
