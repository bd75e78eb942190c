"""The objects of Feast's registry as plain data, as they are stored and as feature_repo/ declares them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from feast import FeatureStore

    from feature_repo.feast_internals import RepoContents

# The lists of the registry that this repository fills, and what one item of each is called.
REGISTRY_KINDS: Final = {
    "projects": "project",
    "entities": "entity",
    "data_sources": "source",
    "feature_views": "view",
    "on_demand_feature_views": "on-demand view",
    "feature_services": "service",
}
# Feast's own dummy entity.
_OF_FEAST: Final = "__"


def registered_objects(store: FeatureStore) -> dict[str, dict[str, Any]]:
    """Every object of the project as "<kind> <name>", without project and the times at which it was touched."""
    registry = store.registry.proto()
    messages = ((kind, message) for kind in REGISTRY_KINDS for message in getattr(registry, kind))
    return _objects(messages, store.project)


def objects_of_repository(declared: RepoContents, project: str) -> dict[str, dict[str, Any]]:
    """The same of what is declared, as an apply would store it."""
    messages = ((kind, each.to_proto()) for kind in REGISTRY_KINDS for each in getattr(declared, kind))
    return _objects(messages, project)


def _objects(messages: Iterable[tuple[str, Any]], project: str) -> dict[str, dict[str, Any]]:
    from google.protobuf.json_format import MessageToDict

    objects = {}
    for kind, message in messages:
        registered = MessageToDict(message)
        spec = registered.get("spec", registered)
        name, of_project = spec["name"], spec.pop("project", project)
        if (kind == "projects" and name != project) or of_project != project or name.startswith(_OF_FEAST):
            continue
        objects[f"{REGISTRY_KINDS[kind]} {name}"] = _without_times(registered)
    return objects


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_times(part) for name, part in value.items() if name != "meta"}
    return [_without_times(part) for part in value] if isinstance(value, list) else value
