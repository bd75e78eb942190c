"""A model is logged to MLflow where MLFLOW_TRACKING_URI is set, in bounded time, and kept whatever comes of that."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from feature_repo.servers.redaction import redacted
from ingestion.runs.record import Documented
from ingestion.wording import cut

TRACKING_URI: Final = "MLFLOW_TRACKING_URI"
# Seconds for all of it; the process is ended then.
DEADLINE: Final = 60.0
# What a process that logs has, unless the environment says otherwise: MLflow's own would try a dead server for minutes,
# and tell its makers about each use.
_BOUNDED: Final = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
_TEXT: Final = 300


@dataclass(frozen=True)
class TrackedRun(Documented):
    """What came of logging a model to MLflow."""

    #: Of MLflow; null where it was not logged.
    experiment: str | None
    run_id: str | None
    #: Why it was not logged; null where it was.
    problem: str | None


def track(directory: Path, environ: Mapping[str, str], *, deadline: float = DEADLINE) -> TrackedRun | None:
    """Log the model of a directory to the server of MLFLOW_TRACKING_URI; nothing where that is not set.

    Never raises for what MLflow does: the outcome says what went wrong.
    """
    if not environ.get(TRACKING_URI):
        return None
    if find_spec("mlflow") is None:
        return _failed("MLflow is not installed: `pip install 'pikkit-feature-store[mlflow]'`")
    # Not with the working directory in its path (-P): a folder `training` there is somebody's own.
    command = [sys.executable, "-P", "-m", "training.tracking.mlflow_process", str(directory.absolute())]
    try:
        ended = subprocess.run(  # noqa: S603 (our own module)
            command, env={**_BOUNDED, **environ}, capture_output=True, text=True, timeout=deadline, check=False
        )
    except subprocess.TimeoutExpired:
        return _failed(f"it did not answer in {deadline:g} s")
    if ended.returncode:
        # The last line of a traceback: the error, behind its class.
        error = (ended.stderr.strip().splitlines() or [f"exit code {ended.returncode}"])[-1]
        return _failed(error.removeprefix("mlflow.exceptions.MlflowException: "))
    # What MLflow prints itself comes before.
    answer = json.loads(ended.stdout.strip().splitlines()[-1])
    return TrackedRun(answer["experiment"], answer["run_id"], None)


def _failed(problem: str) -> TrackedRun:
    return TrackedRun(None, None, cut(redacted(problem), _TEXT))
