"""The lineage record of a run: what it took in, what its gate said and which views it wrote, as events in the
transaction of those rows.

Without it nothing that the run wrote is served (feature_repo/materialization/publish_guard.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import polars as pl
import psycopg

from feature_repo.declarations.feature_lists import FEATURE_LISTS
from feature_repo.declarations.views import GROUPED_VIEWS, STORED_VIEWS
from feature_repo.lineage.datasets import DatasetName, source_dataset, table_dataset
from feature_repo.lineage.event_log import keep_events
from feature_repo.lineage.events import DatasetUse, LineageEvent, rows_written, schema_facet, view_facets
from feature_repo.servers.connections import Postgres
from ingestion.features.replay import LOG_SCHEMA
from ingestion.gates.publication import GateOutcome
from ingestion.lineage import run_events
from ingestion.lineage.column_lineage import Node, column_lineage
from ingestion.lineage.service_events import service_events
from ingestion.lineage.written_views import WrittenView, written_views
from ingestion.runs.record import Documented, Run, code_version
from quality.evidence import Evidence
from quality.verdict import Verdict

_SEVERITIES: Final = {"fail": "error", "alert": "warn", "warn": "warn"}


@dataclass(frozen=True)
class LineageCounts(Documented):
    """What a run's lineage record holds."""

    #: Events in the transaction of the run; it begins and ends with one more.
    events: int
    #: By view that the run wrote rows of.
    views: Mapping[str, WrittenView] = field(default_factory=dict)


@dataclass(frozen=True)
class TakenIn:
    """What a run read of a stream, and what became of it."""

    stream: str
    rows_read: int
    accepted: int
    quarantined: int
    #: Columns of a bet that the rows have; none where that is not known.
    columns: tuple[str, ...] = ()


def keep_intake(connection: psycopg.Connection, postgres: Postgres, run: Run, intake: TakenIn) -> LineageCounts:
    """Keep what the run took in. In the transaction of those rows."""
    events = [*_intake_events(postgres, run, intake), run_events.committing(run.run_id, run.verb)]
    keep_events(connection, events)
    return LineageCounts(len(events))


def keep_refresh(
    connection: psycopg.Connection,
    postgres: Postgres,
    run: Run,
    evidence: Evidence,
    outcome: GateOutcome,
    intake: TakenIn | None = None,
) -> LineageCounts:
    """Keep what the run took in, what its gate said, and each view that it wrote rows of, with the services that have
    it. In their transaction.
    """
    events = _intake_events(postgres, run, intake) if intake else []
    events += _gate_events(postgres, run, evidence, outcome)
    views = written_views(connection, run.run_id)
    for view, written in views.items():
        events += _view_events(postgres, run, view, written, evidence.completeness)
    for service in FEATURE_LISTS:
        if views.keys() & service.features.keys():
            events += service_events(postgres, service, run.run_id, begun_at=run.started_at)
    events.append(run_events.committing(run.run_id, run.verb))
    keep_events(connection, events)
    return LineageCounts(len(events), views)


def _intake_events(postgres: Postgres, run: Run, intake: TakenIn) -> list[LineageEvent]:
    from openlineage.client.facet_v2 import input_statistics_input_dataset as statistics

    source = source_dataset(intake.stream) or table_dataset(postgres, "quarantine.bets")
    schema = schema_facet(dict.fromkeys(intake.columns)) if intake.columns else {}
    read = {"inputStatistics": statistics.InputStatisticsInputDatasetFacet(rowCount=intake.rows_read)}
    outputs = [
        DatasetUse(_log(postgres), _log_facets(source, intake.columns), rows_written(intake.accepted)),
        DatasetUse(table_dataset(postgres, "raw.bet_versions")),
    ]
    if source.name != table_dataset(postgres, "quarantine.bets").name:
        rows = rows_written(intake.quarantined)
        outputs.append(DatasetUse(table_dataset(postgres, "quarantine.bets"), use_facets=rows))
    return run_events.part_events(
        run.run_id,
        "intake",
        begun_at=run.started_at,
        code_version=code_version(),
        inputs=[DatasetUse(source, schema, read)],
        outputs=outputs,
    )


def _gate_events(postgres: Postgres, run: Run, evidence: Evidence, outcome: GateOutcome) -> list[LineageEvent]:
    verdicts = outcome.judgement.verdicts
    facets: dict[str, Any] = _assertions(verdicts)
    if evidence.batch is not None:
        facets |= _batch_metrics(evidence.batch)
    failed = ", ".join(dict.fromkeys(verdict.gate for verdict in outcome.judgement.failed))
    return run_events.part_events(
        run.run_id,
        "gate",
        begun_at=run.started_at,
        code_version=code_version(),
        inputs=[DatasetUse(_log(postgres), use_facets=facets)],
        outputs=[],
        error=f"The quality gate refused this refresh: {failed}" if outcome.is_refused else None,
    )


def _view_events(
    postgres: Postgres, run: Run, view: str, written: WrittenView, completeness: pl.DataFrame | None
) -> list[LineageEvent]:
    from openlineage.client.facet_v2 import dataset_version_dataset

    declared = {stored.name: stored for stored in STORED_VIEWS}[view]
    facets = view_facets(view, declared.declared, declared.join_key)
    facets["columnLineage"] = _column_facet(postgres, view, declared.features)
    facets["version"] = dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=written.digest)
    of_view = completeness.filter(pl.col("view") == view) if completeness is not None else None
    if of_view is not None and not of_view.is_empty():
        facets |= _view_metrics(of_view)
    return run_events.part_events(
        run.run_id,
        f"features.{view}",
        begun_at=run.started_at,
        code_version=code_version(),
        inputs=[DatasetUse(_log(postgres))],
        outputs=[DatasetUse(table_dataset(postgres, f"features.{view}"), facets, rows_written(written.rows))],
    )


# ---- facets ----------------------------------------------------------------------------------------------------------


def _column_facet(postgres: Postgres, view: str, features: tuple[str, ...]) -> Any:
    from openlineage.client.facet_v2 import column_lineage_dataset as facet

    lineage, log = column_lineage(), _log(postgres)

    def columns(node: Node) -> list[str]:
        return [name for name in lineage.columns(node, "log") if name != "updated_at"]

    subtype = "AGGREGATION" if view in {grouped.name for grouped in GROUPED_VIEWS} else "TRANSFORMATION"
    computed = [facet.Transformation(type="DIRECT", subtype=subtype)]
    placed = [facet.Transformation(type="INDIRECT", subtype="GROUP_BY")]
    of_features = {name: columns(Node("feature", f"{view}:{name}")) for name in features}
    return facet.ColumnLineageDatasetFacet(
        fields={
            name: facet.Fields([facet.InputField(*log, column, computed) for column in roots])
            for name, roots in of_features.items()
        },
        dataset=[facet.InputField(*log, node.name, placed) for node in lineage.rows[Node("view", view)]],
    )


def _log_facets(source: DatasetName, columns: Sequence[str]) -> dict[str, Any]:
    """The columns of the log, and which `columns` of the source each comes from."""
    from openlineage.client.facet_v2 import column_lineage_dataset as facet

    lineage = column_lineage()
    computed = [facet.Transformation(type="DIRECT", subtype="TRANSFORMATION")]
    roots = {node.name: lineage.columns(node, "source") for node in lineage.values if node.kind == "log"}
    fields = {
        name: facet.Fields([facet.InputField(*source, column, computed) for column in names if column in columns])
        for name, names in roots.items()
    }
    return {
        **schema_facet({name: str(LOG_SCHEMA[name]) if name in LOG_SCHEMA else None for name in fields}),
        "columnLineage": facet.ColumnLineageDatasetFacet(
            fields={name: field for name, field in fields.items() if field.inputFields}
        ),
    }


def _assertions(verdicts: tuple[Verdict, ...]) -> dict[str, Any]:
    """The checks that were judged."""
    from openlineage.client.facet_v2 import data_quality_assertions_dataset as facet

    assertions = [
        facet.Assertion(
            assertion=verdict.gate,
            success=verdict.state == "passed",
            severity=_SEVERITIES[verdict.severity],
            name=f"{verdict.gate} of the {verdict.scope}",
            description=verdict.note,
            expected=verdict.threshold,
            actual=None if verdict.value is None else repr(verdict.value),
            content=verdict.query,
            contentType="sql",
            params={"rows": verdict.rows},
        )
        for verdict in verdicts
        if verdict.state != "not judged"
    ]
    return {"dataQualityAssertions": facet.DataQualityAssertionsDatasetFacet(assertions=assertions)}


def _batch_metrics(batch: pl.DataFrame) -> dict[str, Any]:
    from openlineage.client.facet_v2 import data_quality_metrics_input_dataset as facet

    nulls: Mapping[str, int] = batch.null_count().row(0, named=True)
    metrics = {name: facet.ColumnMetrics(nullCount=count, count=batch.height) for name, count in nulls.items()}
    return {
        "dataQualityMetrics": facet.DataQualityMetricsInputDatasetFacet(columnMetrics=metrics, rowCount=batch.height)
    }


def _view_metrics(completeness: pl.DataFrame) -> dict[str, Any]:
    from openlineage.client.facet_v2 import data_quality_metrics_dataset as facet

    metrics = {
        row["feature"]: facet.ColumnMetrics(nullCount=row["rows"] - row["known"], count=row["rows"])
        for row in completeness.iter_rows(named=True)
    }
    rows = max((row["rows"] for row in completeness.iter_rows(named=True)), default=0)
    return {"dataQualityMetrics": facet.DataQualityMetricsDatasetFacet(columnMetrics=metrics, rowCount=rows)}


def _log(postgres: Postgres) -> DatasetName:
    return table_dataset(postgres, "processed.bet_versions")
