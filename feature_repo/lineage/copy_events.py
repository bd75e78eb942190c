"""The events of a copy from Postgres to Redis: one job for each view, `online.<view>`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from feature_repo.declarations.views import STORED_VIEWS
from feature_repo.lineage.datasets import online_dataset, table_dataset
from feature_repo.lineage.events import (
    RUN_JOB,
    DatasetUse,
    EventType,
    LineageEvent,
    Parent,
    copied_columns,
    error_facet,
    feast_facet,
    lineage_event,
    part_type,
    rows_written,
    run_parent,
    symlink,
    verb_tag,
    view_facets,
)
from feature_repo.servers.connections import Postgres, Redis


@dataclass(frozen=True)
class CopyLineage:
    """Between which stores a view is copied, and for whom."""

    postgres: Postgres
    redis: Redis
    #: Our run; null where Feast copies: that is a run of its own in the events.
    run_id: UUID | None
    #: The run that Feast says its copy is a part of; null where it names none.
    root: Parent | None = None

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
    """Begin and end of the copy of one view: START, then COMPLETE with how many keys were written, or FAIL.

    Around them, where Feast copies, those of its run.
    """
    from openlineage.client.uuid import generate_new_uuid

    job, job_run_id = f"online.{view}", generate_new_uuid()
    whole_id = lineage.run_id or generate_new_uuid()
    shared: dict[str, Any] = {"run_id": lineage.run_id, "parent": run_parent(whole_id, lineage.root)}
    history, online = _datasets(lineage, view, keys_written)
    ends: dict[str, Any] = {"run_facets": None if error is None else error_facet(error)}
    end: EventType = "COMPLETE" if error is None else "FAIL"
    events = [
        lineage_event("START", job, job_run_id, job_facets=part_type("ONLINE"), **shared),
        lineage_event(end, job, job_run_id, inputs=[history], outputs=[online], **ends, **shared),
    ]
    if lineage.run_id is not None:
        return events
    begun = lineage_event("START", RUN_JOB, whole_id, run_id=None, run_facets=verb_tag("feast materialize"))
    return [begun, *events, lineage_event(end, RUN_JOB, whole_id, run_id=None, **ends)]


def _datasets(lineage: CopyLineage, view: str, keys_written: int) -> tuple[DatasetUse, DatasetUse]:
    """The history that is read and the online copy, whose values are those of the history as they are."""
    declared = {stored.name: stored for stored in STORED_VIEWS}[view]
    facets = view_facets(view, declared.declared, declared.join_key)
    history = DatasetUse(table_dataset(lineage.postgres, f"features.{view}"), {"symlinks": facets["symlinks"]})
    columns = {feature.name: (history.dataset, feature.name) for feature in declared.declared}
    of_online = {
        "schema": facets["schema"],
        **copied_columns(columns),
        **symlink(f"online_store_{view}", "VIEW"),
        **feast_facet("onlineStore", "FeastOnlineStoreFacet", feature_view=view),
    }
    return history, DatasetUse(online_dataset(lineage.redis, view), of_online, rows_written(keys_written))
