"""The events of the training of a model, the job `train.<service>`: a run that reads the service and writes the model.

They are kept beside the record of the look at the store (training/train.py), which is over when training begins.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from feature_repo import clock
from feature_repo.declarations.feature_lists import FeatureList
from feature_repo.errors import Unreachable
from feature_repo.lineage.datasets import model_dataset
from feature_repo.lineage.event_log import keep_events
from feature_repo.lineage.events import (
    DatasetUse,
    EventType,
    LineageEvent,
    copied_columns,
    error_facet,
    lineage_event,
    part_run_id,
    part_type,
    run_parent,
)
from feature_repo.servers.connections import Postgres
from feature_repo.servers.redaction import redacted
from ingestion.database.access import connect
from ingestion.lineage import run_events
from ingestion.lineage.service_events import service_dataset, service_events, service_facets
from ingestion.runs.record import code_version


@contextmanager
def training_on_record(postgres: Postgres, service: FeatureList, directory: Path) -> Iterator[None]:
    """Keep that a model of the service is trained into this directory, and whether it was. Raises Unreachable."""
    from openlineage.client.uuid import generate_new_uuid

    run_id, begun_at = generate_new_uuid(), datetime.now(UTC)
    _keep(
        postgres,
        [
            run_events.started(run_id, "train", clock.now(), code_version()),
            *service_events(postgres, service, run_id, begun_at=begun_at),
            _event("START", postgres, service, run_id, begun_at),
        ],
    )
    error: str | None = None
    try:
        yield
    except BaseException as raised:
        error = redacted(str(raised) or type(raised).__name__, postgres.password)
        raise
    finally:
        end = _event("COMPLETE" if error is None else "FAIL", postgres, service, run_id, begun_at, directory, error)
        # A model that was written stays, whether or not that can be noted.
        with suppress(psycopg.Error, Unreachable):
            _keep(postgres, [end, run_events.ended(run_id, "train", error)])


def _event(
    event_type: EventType,
    postgres: Postgres,
    service: FeatureList,
    run_id: UUID,
    begun_at: datetime,
    directory: Path | None = None,
    error: str | None = None,
) -> LineageEvent:
    """An event of the training; with the directory one that says what was read, and unless it failed, written."""
    job = f"train.{service.service}"
    facets = service_facets(postgres, service)
    columns = {name: (service_dataset(service), name) for names in service.features.values() for name in names}
    of_model: dict[str, Any] = {"schema": facets["schema"], **copied_columns(columns)}
    outputs = [DatasetUse(model_dataset(directory.name), of_model)] if directory and error is None else []
    return lineage_event(
        event_type,
        job,
        part_run_id(run_id, job, begun_at),
        run_id=None,
        parent=run_parent(run_id),
        inputs=[DatasetUse(service_dataset(service))] if directory else [],
        outputs=outputs,
        run_facets=None if error is None else error_facet(error),
        job_facets=part_type("TRAIN") | run_events.code_location("training/train.py", code_version()),
    )


def _keep(postgres: Postgres, events: Sequence[LineageEvent]) -> None:
    # Of no run in ops.runs: that of the look at the store has ended.
    with connect(postgres, purpose="training") as connection:
        keep_events(connection, [replace(event, run_id=None) for event in events])
        connection.commit()
