"""The events of a service, the job `services.<service>`: that its features are those of its views, as they are."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from feature_repo.declarations.feature_lists import FeatureList
from feature_repo.declarations.views import STORED_VIEWS
from feature_repo.lineage.datasets import DatasetName, table_dataset
from feature_repo.lineage.events import (
    DatasetUse,
    LineageEvent,
    copied_columns,
    feast_facet,
    schema_facet,
    symlink,
)
from feature_repo.servers.connections import PROJECT, Postgres
from ingestion.lineage.run_events import part_events
from ingestion.runs.record import code_version


def service_events(postgres: Postgres, service: FeatureList, run_id: UUID, *, begun_at: datetime) -> list[LineageEvent]:
    """Begin and end of what makes a service of its views, as a part of the run."""
    return part_events(
        run_id,
        f"services.{service.service}",
        begun_at=begun_at,
        code_version=code_version(),
        inputs=[_view_use(postgres, view) for view in service.features],
        outputs=[DatasetUse(service_dataset(service), service_facets(postgres, service))],
    )


def service_dataset(service: FeatureList) -> DatasetName:
    """A service as Feast calls it: it is no table."""
    return DatasetName(PROJECT, service.service)


def service_facets(postgres: Postgres, service: FeatureList) -> dict[str, object]:
    """The features of a service in its order, each the column of a view, and what Feast's consumer calls it."""
    columns = {
        feature: (_view_dataset(postgres, view), feature)
        for view, features in service.features.items()
        for feature in features
    }
    return {
        **schema_facet(_types_of(service)),
        **copied_columns(columns),
        **feast_facet(
            "featureService", "FeastFeatureServiceFacet", name=service.service, feature_views=list(service.features)
        ),
    }


def _types_of(service: FeatureList) -> dict[str, str | None]:
    """By feature the type that Feast knows it by; null for one that is computed on demand."""
    types = {(view.name, feature.name): feature.dtype for view in STORED_VIEWS for feature in view.declared}
    return {feature: types.get((view, feature)) for view, features in service.features.items() for feature in features}


def _view_use(postgres: Postgres, view: str) -> DatasetUse:
    dataset = _view_dataset(postgres, view)
    if dataset.namespace == PROJECT:
        return DatasetUse(dataset, feast_facet("featureView", "FeastFeatureViewFacet", name=view))
    return DatasetUse(dataset, symlink(view, "VIEW"))


def _view_dataset(postgres: Postgres, view: str) -> DatasetName:
    """A stored view by its physical name, one that is computed on demand by Feast's."""
    is_stored = view in {stored.name for stored in STORED_VIEWS}
    return table_dataset(postgres, f"features.{view}") if is_stored else DatasetName(PROJECT, view)
