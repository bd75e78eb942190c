"""The events of a run as a whole: START when its record begins, RUNNING in the transaction of its rows, then COMPLETE,
FAIL, or ABORT where the next run finds that it died. And of its parts, which name what was read and written.
"""

from __future__ import annotations

from configparser import ConfigParser, Error
from dataclasses import replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import feature_repo
from feature_repo.lineage.events import (
    PRODUCT,
    RUN_JOB,
    DatasetUse,
    EventType,
    Facets,
    LineageEvent,
    error_facet,
    job_type,
    lineage_event,
    part_run_id,
    part_type,
    run_parent,
    verb_tag,
)

# Where the code of a job stands in the repository.
_CODE: Final = {
    "features": "ingestion/features/replay.py",
    "gate": "ingestion/gates/publication.py",
    "intake": "ingestion/intake/load.py",
    "services": "feature_repo/declarations/feature_lists.py",
    "train": "training/train.py",
}
_CODE_OF_A_RUN: Final = "ingestion/pipeline.py"


def started(run_id: UUID, verb: str, now: datetime, code_version: str) -> LineageEvent:
    """That a run began, by the clock `now`."""
    from openlineage.client.facet_v2 import nominal_time_run, processing_engine_run

    run_facets = {
        "nominalTime": nominal_time_run.NominalTimeRunFacet(nominalStartTime=now.isoformat()),
        "processing_engine": processing_engine_run.ProcessingEngineRunFacet(
            version=code_version, name=PRODUCT, openlineageAdapterVersion=code_version.partition("+")[0]
        ),
    }
    job_facets = job_type("RUN") | code_location(_CODE_OF_A_RUN, code_version)
    return _of_run("START", run_id, verb, verb_tag(verb) | run_facets, job_facets)


def committing(run_id: UUID, verb: str) -> LineageEvent:
    """That a run got as far as to commit; kept in the transaction of its rows."""
    return _of_run("RUNNING", run_id, verb, verb_tag(verb))


def ended(run_id: UUID, verb: str, error: str | None) -> LineageEvent:
    """That a run ended, with an error or well."""
    return _of_run("COMPLETE" if error is None else "FAIL", run_id, verb, error_facet(error) if error else {})


def died(run_id: UUID, verb: str, error: str) -> LineageEvent:
    """That a run died, as the next one found."""
    return _of_run("ABORT", run_id, verb, error_facet(error))


def _of_run(
    event_type: EventType, run_id: UUID, verb: str, facets: Facets, job_facets: Facets | None = None
) -> LineageEvent:
    """An event of a run. It is kept under the verb."""
    event = lineage_event(event_type, RUN_JOB, run_id, run_id=run_id, run_facets=facets, job_facets=job_facets)
    return replace(event, job=verb)


def part_events(
    run_id: UUID,
    part: str,
    *,
    begun_at: datetime,
    code_version: str,
    inputs: list[DatasetUse],
    outputs: list[DatasetUse],
    error: str | None = None,
) -> list[LineageEvent]:
    """Begin and end of a part of a run, the job `part`: START, then COMPLETE, or FAIL with the error."""
    job_run_id = part_run_id(run_id, part, begun_at)
    shared: dict[str, Any] = {"run_id": run_id, "parent": run_parent(run_id)}
    kind = part.partition(".")[0]
    job_facets = part_type(kind.upper()) | code_location(_CODE[kind], code_version)
    return [
        lineage_event("START", part, job_run_id, job_facets=job_facets, **shared),
        lineage_event(
            "COMPLETE" if error is None else "FAIL",
            part,
            job_run_id,
            inputs=inputs,
            outputs=outputs,
            run_facets=None if error is None else error_facet(error),
            **shared,
        ),
    ]


def code_location(path: str, code_version: str) -> dict[str, Any]:
    """Where the code of a job can be looked up; nothing where the code is no checkout of a repository on the web."""
    if (repository := _repository()) is None:
        return {}
    from openlineage.client.facet_v2 import source_code_location_job

    commit = code_version.partition("+")[2] or None
    location = source_code_location_job.SourceCodeLocationJobFacet(
        type="git", url=repository, repoUrl=repository, path=path, version=commit
    )
    return {"sourceCodeLocation": location}


@cache
def _repository() -> str | None:
    """The address of `origin`, without user and password; null where it is not one of the web."""
    config = ConfigParser(strict=False, interpolation=None)
    try:
        text = (Path(feature_repo.REPOSITORY) / ".git" / "config").read_text(encoding="utf-8")
        config.read_string(text)
        url = config.get('remote "origin"', "url")
    except (OSError, Error, UnicodeDecodeError):
        return None
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}" if scheme in ("http", "https") else None
