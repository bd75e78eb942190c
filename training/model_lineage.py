"""The events of the training of a model, the job `train.<service>`: a part of its run that reads the service and writes
the model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg

from feature_repo.declarations.feature_lists import FeatureList
from feature_repo.errors import Unreachable
from feature_repo.lineage.datasets import model_dataset
from feature_repo.lineage.event_log import keep_events
from feature_repo.lineage.events import DatasetUse, LineageEvent, copied_columns
from feature_repo.servers.connections import Postgres
from feature_repo.servers.redaction import redacted
from ingestion.database.access import connect
from ingestion.lineage.run_events import part_events
from ingestion.lineage.service_events import service_dataset, service_events, service_facets
from ingestion.runs.record import Run, code_version


@contextmanager
def training_on_record(postgres: Postgres, run: Run, service: FeatureList, directory: Path) -> Iterator[None]:
    """Keep that the run trains a model of the service into this directory, and whether it did. Raises Unreachable."""
    begin, _ = _events(postgres, run, service, None, None)
    _keep(postgres, [*service_events(postgres, service, run.run_id, begun_at=run.started_at), begin])
    error: str | None = None
    try:
        yield
    except BaseException as raised:
        error = redacted(str(raised) or type(raised).__name__, postgres.password)
        raise
    finally:
        _, end = _events(postgres, run, service, None if error else directory, error)
        # A model that was written stays, whether or not that can be noted.
        with suppress(psycopg.Error, Unreachable):
            _keep(postgres, [end])


def _events(
    postgres: Postgres, run: Run, service: FeatureList, directory: Path | None, error: str | None
) -> list[LineageEvent]:
    """Begin and end; with the directory of a model that was written."""
    columns = {name: (service_dataset(service), name) for names in service.features.values() for name in names}
    of_model: dict[str, Any] = {
        "schema": service_facets(postgres, service)["schema"],
        **copied_columns(columns),
    }
    return part_events(
        run.run_id,
        f"train.{service.service}",
        begun_at=run.started_at,
        code_version=code_version(),
        inputs=[DatasetUse(service_dataset(service))],
        outputs=[DatasetUse(model_dataset(directory.name), of_model)] if directory else [],
        error=error,
    )


def _keep(postgres: Postgres, events: Sequence[LineageEvent]) -> None:
    with connect(postgres, purpose="training") as connection:
        keep_events(connection, events)
        connection.commit()
