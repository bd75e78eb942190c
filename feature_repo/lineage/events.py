"""OpenLineage events, made of the official client's classes and kept as the objects that they are sent as.

A run of ours is an OpenLineage run under its own id; its parts (`gate`, `features.<view>`, `online.<view>`) are runs
that have it as their parent. The client takes a while to import, so whoever makes an event imports it here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from typing import Any, Final, Literal
from uuid import UUID

from feature_repo.declarations.features import DeclaredFeature
from feature_repo.lineage.datasets import DatasetName
from feature_repo.servers.connections import PROJECT
from feature_repo.servers.environment import environment_over_dotenv

EventType = Literal["START", "RUNNING", "COMPLETE", "FAIL", "ABORT"]
# A facet of the client's, or its object.
Facets = Mapping[str, Any]

PRODUCT: Final = "pikkit-feature-store"


@dataclass(frozen=True)
class LineageEvent:
    """An event, and what it is found by (ops.lineage_events)."""

    #: Our run; null where Feast copied without one of ours.
    run_id: UUID | None
    #: The verb of the run, or one of its parts.
    job: str
    job_run_id: UUID
    event_type: EventType
    event_time: datetime
    #: The event itself, as JSON has it.
    event: dict[str, Any]


@dataclass(frozen=True)
class DatasetUse:
    """A dataset that an event reads or writes. `facets` are of the dataset, `use_facets` of this use of it."""

    dataset: DatasetName
    facets: Facets = field(default_factory=dict)
    use_facets: Facets = field(default_factory=dict)


@dataclass(frozen=True)
class Parent:
    """The run that another is a part of."""

    namespace: str
    job: str
    run_id: str


def job_namespace() -> str:
    """The namespace of our jobs: OPENLINEAGE_NAMESPACE, or else the Feast project."""
    return environment_over_dotenv().get("OPENLINEAGE_NAMESPACE", "").strip() or PROJECT


def lineage_event(
    event_type: EventType,
    job: str,
    job_run_id: UUID,
    *,
    run_id: UUID | None,
    parent: Parent | None = None,
    inputs: Sequence[DatasetUse] = (),
    outputs: Sequence[DatasetUse] = (),
    run_facets: Facets | None = None,
    job_facets: Facets | None = None,
) -> LineageEvent:
    """An event of now."""
    from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState, set_producer
    from openlineage.client.serde import Serde

    # The client keeps one producer for the whole process, and each of its objects takes it when it is made.
    set_producer(producer())
    event_time = datetime.now(UTC)
    facets = dict(run_facets or {})
    if parent is not None:
        facets["parent"] = _parent_facet(parent)
    event = RunEvent(
        eventType=RunState[event_type],
        eventTime=event_time.isoformat(),
        producer=producer(),
        run=Run(str(job_run_id), facets),
        job=Job(job_namespace(), job, dict(job_facets or {})),
        inputs=[
            InputDataset(*use.dataset, facets=dict(use.facets), inputFacets=dict(use.use_facets)) for use in inputs
        ],
        outputs=[
            OutputDataset(*use.dataset, facets=dict(use.facets), outputFacets=dict(use.use_facets)) for use in outputs
        ],
    )
    return LineageEvent(run_id, job, job_run_id, event_type, event_time, Serde.to_dict(event))


@cache
def producer() -> str:
    """What made the events, as the URI that OpenLineage asks for."""
    return f"urn:{PRODUCT}:{version(PRODUCT)}"


def part_run_id(run_id: UUID, job: str, begun_at: datetime) -> UUID:
    """The id of a part of a run: the same whenever it is made of the same."""
    from openlineage.client.uuid import generate_static_uuid

    return generate_static_uuid(begun_at, f"{run_id} {job}".encode())


# ---- facets ------------------------------------------------------------------------------------------------------


def view_facets(view: str, features: Sequence[DeclaredFeature], key: str) -> dict[str, Any]:
    """Schema of a stored view, and the name by which Feast knows it."""
    from openlineage.client.facet_v2 import schema_dataset, symlinks_dataset

    fields = [
        schema_dataset.SchemaDatasetFacetFields(name=key, type="String"),
        schema_dataset.SchemaDatasetFacetFields(name="event_timestamp", type="UnixTimestamp"),
        *(
            schema_dataset.SchemaDatasetFacetFields(
                name=feature.name, type=feature.dtype, description=feature.description
            )
            for feature in features
        ),
    ]
    of_feast = symlinks_dataset.Identifier(namespace=PROJECT, name=view, type="VIEW")
    return {
        "schema": schema_dataset.SchemaDatasetFacet(fields=fields),
        "symlinks": symlinks_dataset.SymlinksDatasetFacet(identifiers=[of_feast]),
    }


def rows_written(rows: int) -> dict[str, Any]:
    """How many rows an output got."""
    from openlineage.client.facet_v2 import output_statistics_output_dataset as output_statistics

    return {"outputStatistics": output_statistics.OutputStatisticsOutputDatasetFacet(rowCount=rows)}


def error_facet(message: str) -> dict[str, Any]:
    """Why a run failed; the message holds no secret any more (feature_repo/servers/redaction.py)."""
    from openlineage.client.facet_v2 import error_message_run

    return {"errorMessage": error_message_run.ErrorMessageRunFacet(message=message, programmingLanguage="PYTHON")}


def job_type(kind: str) -> dict[str, Any]:
    """That a job is a batch job of ours, of this kind."""
    from openlineage.client.facet_v2 import job_type_job

    return {"jobType": job_type_job.JobTypeJobFacet(processingType="BATCH", integration="PIKKIT", jobType=kind)}


def _parent_facet(parent: Parent) -> Any:
    from openlineage.client.facet_v2 import parent_run

    return parent_run.ParentRunFacet(
        run=parent_run.Run(runId=parent.run_id), job=parent_run.Job(namespace=parent.namespace, name=parent.job)
    )
