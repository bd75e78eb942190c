"""OpenLineage events, made of the official client's classes and kept as the objects that they are sent as.

A run of ours is an OpenLineage run of the job `pikkit` under its own id, whatever its verb; its parts (`intake`,
`gate`, `features.<view>`, `services.<service>`, `online.<view>`) are runs that have it as their parent. One job for
all verbs, since Marquez puts the name of the parent's job before that of a part: by verb there would be several jobs
of each view. Datasets are those of the parts alone, so that a run that fails early takes nothing out of the graph.

The client takes a while to import, so whoever makes an event imports it here.
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
from feature_repo.lineage.event_objects import plain_object
from feature_repo.servers.connections import PROJECT
from feature_repo.servers.environment import variable_over_dotenv

EventType = Literal["START", "RUNNING", "COMPLETE", "FAIL", "ABORT"]
# A facet of the client's, or its object.
Facets = Mapping[str, Any]

PRODUCT: Final = "pikkit-feature-store"
#: The job that all runs are of.
RUN_JOB: Final = "pikkit"
_FEAST_FACETS: Final = "https://feast.dev/spec/facets/1-0-0"


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
    #: The run at the top of all, where that is another one.
    root: Parent | None = None


def run_parent(run_id: UUID, root: Parent | None = None) -> Parent:
    """The run of this id, as the parent of its parts."""
    return Parent(job_namespace(), RUN_JOB, str(run_id), root)


def job_namespace() -> str:
    """The namespace of our jobs: OPENLINEAGE_NAMESPACE, or else the Feast project."""
    return variable_over_dotenv("OPENLINEAGE_NAMESPACE").strip() or PROJECT


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
        # A parent is always a run of ours.
        job=Job(parent.namespace if parent else job_namespace(), job, dict(job_facets or {})),
        inputs=[
            InputDataset(*use.dataset, facets=dict(use.facets), inputFacets=dict(use.use_facets)) for use in inputs
        ],
        outputs=[
            OutputDataset(*use.dataset, facets=dict(use.facets), outputFacets=dict(use.use_facets)) for use in outputs
        ],
    )
    return LineageEvent(run_id, job, job_run_id, event_type, event_time, plain_object(event))


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
    from openlineage.client.facet_v2 import schema_dataset

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
    return {
        "schema": schema_dataset.SchemaDatasetFacet(fields=fields),
        **symlink(view, "VIEW"),
        **feast_facet("featureView", "FeastFeatureViewFacet", name=view),
    }


def symlink(name: str, kind: str) -> dict[str, Any]:
    """The facet that names what a dataset is to Feast: an object of its registry, and the kind, such as VIEW."""
    from openlineage.client.facet_v2 import symlinks_dataset

    of_feast = symlinks_dataset.Identifier(namespace=PROJECT, name=name, type=kind)
    return {"symlinks": symlinks_dataset.SymlinksDatasetFacet(identifiers=[of_feast])}


def schema_facet(columns: Mapping[str, str | None]) -> dict[str, Any]:
    """The columns of a dataset, by name with their types, or null where these are not known."""
    from openlineage.client.facet_v2 import schema_dataset

    fields = [schema_dataset.SchemaDatasetFacetFields(name=name, type=kind) for name, kind in columns.items()]
    return {"schema": schema_dataset.SchemaDatasetFacet(fields=fields)}


def copied_columns(columns: Mapping[str, tuple[DatasetName, str]]) -> dict[str, Any]:
    """That each column holds the values of a column of another dataset as they are."""
    from openlineage.client.facet_v2 import column_lineage_dataset as facet

    as_it_is = [facet.Transformation(type="DIRECT", subtype="IDENTITY")]
    fields = {
        column: facet.Fields([facet.InputField(*dataset, name, as_it_is)])
        for column, (dataset, name) in columns.items()
    }
    return {"columnLineage": facet.ColumnLineageDatasetFacet(fields=fields)}


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


def part_type(kind: str) -> dict[str, Any]:
    """`job_type` of a part of a run, and what has `feast ui` draw the part between the datasets it reads and writes."""
    kind_of_feast = feast_facet("jobKind", "FeastJobKindFacet", kind="transform", feast_project=PROJECT)
    return job_type(kind) | kind_of_feast


def verb_tag(verb: str) -> dict[str, Any]:
    """By which verb a run was made."""
    from openlineage.client.facet_v2 import tags_run

    return {"tags": tags_run.TagsRunFacet(tags=[tags_run.TagsRunFacetFields(key="verb", value=verb, source="PIKKIT")])}


def feast_facet(facet: str, schema: str, /, **fields: Any) -> dict[str, Any]:
    """A facet that Feast's consumer knows things of Feast by (feast.openlineage.facets)."""
    return {f"feast_{facet}": {"_producer": producer(), "_schemaURL": f"{_FEAST_FACETS}/{schema}.json", **fields}}


def _parent_facet(parent: Parent) -> Any:
    from openlineage.client.facet_v2 import parent_run

    root = None
    if parent.root is not None:
        root = parent_run.Root(
            run=parent_run.RootRun(runId=parent.root.run_id),
            job=parent_run.RootJob(namespace=parent.root.namespace, name=parent.root.job),
        )
    return parent_run.ParentRunFacet(
        run=parent_run.Run(runId=parent.run_id),
        job=parent_run.Job(namespace=parent.namespace, name=parent.job),
        root=root,
    )
