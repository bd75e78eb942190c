"""The lists of features that services have published: what a model was trained on must not change under it.

A list is published once the registry holds it. `pikkit apply` and plain `feast apply` look here before they write.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import psycopg
from feast import FeatureService

from feature_repo.errors import PublishedListChanged
from feature_repo.feast_internals import FeatureServiceMessage
from feature_repo.postgres.queries import feast_statement


def declared_services() -> list[FeatureService]:
    """The services of feature_repo/services.py."""
    from feature_repo import services

    return [service for service in vars(services).values() if isinstance(service, FeatureService)]


def check_published_lists(connection: psycopg.Connection, project: str, services: Iterable[FeatureService]) -> None:
    """Raise PublishedListChanged when one of these services is published with another list, or in another order.

    Reads the registry of the project, in which there may be nothing yet.
    """
    published = _published_lists(connection, project)
    changed = {
        service.name: _difference(published[service.name], references(service))
        for service in services
        if service.name in published and published[service.name] != references(service)
    }
    if changed:
        differences = "; ".join(f"{name} ({difference})" for name, difference in changed.items())
        raise PublishedListChanged(
            f"The list of features of a published service was changed: {differences}",
            "Nothing was applied; the published lists stand",
            f"Give {', '.join(changed)} its list back in feature_repo/declarations/feature_lists.py, and "
            f"declare the new one as {', '.join(map(_next_version, changed))}",
            services=tuple(changed),
        )


def references(service: Any) -> list[str]:
    """The features of a service as `view:feature`, in its order."""
    return [
        f"{projection.name}:{field.name}"
        for projection in service.feature_view_projections
        for field in projection.features
    ]


def _published_lists(connection: psycopg.Connection, project: str) -> dict[str, list[str]]:
    (has_registry,) = connection.execute("select to_regclass('feast.feature_services') is not null").fetchone() or (
        False,
    )
    if not has_registry:
        return {}
    rows = connection.execute(feast_statement("registered_services"), {"project": project}).fetchall()
    return {name: _stored_references(FeatureServiceMessage.FromString(message)) for name, message in rows}


def _stored_references(message: Any) -> list[str]:
    """`references` of a stored service, without making Feast's objects of it, which takes long."""
    return [
        f"{projection.feature_view_name}:{feature.name}"
        for projection in message.spec.features
        for feature in projection.feature_columns
    ]


def _difference(published: Sequence[str], declared: Sequence[str]) -> str:
    removed = [f"without {name}" for name in published if name not in declared]
    added = [f"with {name}" for name in declared if name not in published]
    return ", ".join(removed + added) or "in another order"


def _next_version(name: str) -> str:
    stem, _, version = name.rpartition("_v")
    return f"{stem}_v{int(version) + 1}" if stem and version.isdigit() else f"{name}_v2"
