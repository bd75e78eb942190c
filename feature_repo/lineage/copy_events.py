"""The events of a copy from Postgres to Redis: one job for each view, `online.<view>`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from feature_repo.declarations.features import DeclaredFeature
from feature_repo.declarations.views import STORED_VIEWS
from feature_repo.lineage.datasets import online_dataset, table_dataset
from feature_repo.lineage.events import (
    DatasetUse,
    LineageEvent,
    Parent,
    error_facet,
    job_type,
    lineage_event,
    rows_written,
    view_facets,
)
from feature_repo.servers.connections import Postgres, Redis


@dataclass(frozen=True)
class CopyLineage:
    """Between which stores a view is copied, and for whom."""

    postgres: Postgres
    redis: Redis
    #: Our run; null where Feast copies without one of ours.
    run_id: UUID | None
    #: The run that the copy is a part of; null where Feast names none.
    parent: Parent | None

    @classmethod
    def of_config(cls, config: Any, parent: Any) -> CopyLineage:
        """Of Feast's own materialization; `parent` is its LineageParentContext, or null."""
        store = config.offline_store
        address, *options = str(config.online_store.connection_string).split(",")
        number = next((option.partition("=")[2] for option in options if option.startswith("db=")), "0")
        return cls(
            Postgres(store.host, store.port, store.database, user="", password=""),
            Redis(f"redis://{address}/{number}"),
            None,
            Parent(parent.job_namespace, parent.job_name, parent.run_id) if parent else None,
        )


def copy_events(
    lineage: CopyLineage, view: str, *, keys_written: int = 0, error: str | None = None
) -> list[LineageEvent]:
    """Begin and end of the copy of one view: START, then COMPLETE with how many keys were written, or FAIL."""
    from openlineage.client.uuid import generate_new_uuid

    declared = {stored.name: stored for stored in STORED_VIEWS}[view]
    job, job_run_id = f"online.{view}", generate_new_uuid()
    shared: dict[str, Any] = {"run_id": lineage.run_id, "parent": lineage.parent}
    facets = view_facets(view, declared.declared, declared.join_key)
    history = DatasetUse(table_dataset(lineage.postgres, f"features.{view}"), {"symlinks": facets["symlinks"]})
    online = DatasetUse(
        online_dataset(lineage.redis, view),
        {"schema": facets["schema"], **_identities(history, declared.declared)},
        rows_written(keys_written),
    )
    return [
        lineage_event("START", job, job_run_id, job_facets=job_type("ONLINE"), **shared),
        lineage_event(
            "COMPLETE" if error is None else "FAIL",
            job,
            job_run_id,
            inputs=[history],
            outputs=[online],
            run_facets=None if error is None else error_facet(error),
            **shared,
        ),
    ]


def _identities(history: DatasetUse, features: Sequence[DeclaredFeature]) -> dict[str, Any]:
    """That each value is copied as it is."""
    from openlineage.client.facet_v2 import column_lineage_dataset as facet

    as_it_is = [facet.Transformation(type="DIRECT", subtype="IDENTITY")]
    fields = {
        feature.name: facet.Fields([facet.InputField(*history.dataset, feature.name, as_it_is)]) for feature in features
    }
    return {"columnLineage": facet.ColumnLineageDatasetFacet(fields=fields)}
