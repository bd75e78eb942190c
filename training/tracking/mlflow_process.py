"""The process that speaks with MLflow: `python -m training.tracking.mlflow_process DIRECTORY`.

It is one of its own, so that it can be ended when the server does not answer, and so that neither MLflow's import nor
its settings touch the training. It prints the experiment and the run as JSON.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from training.manifest import read_manifest
from training.tracking.logged_run import logged_run


def log_model(directory: Path) -> None:
    """Log the model of this directory to the server of MLFLOW_TRACKING_URI. Raises what MLflow raises."""
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param, RunTag

    logged = logged_run(read_manifest(directory))
    client = MlflowClient()
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or logged.experiment
    experiment = client.get_experiment_by_name(name)
    experiment_id = experiment.experiment_id if experiment else client.create_experiment(name)
    run = client.create_run(experiment_id, run_name=logged.name)
    run_id, now = run.info.run_id, run.info.start_time
    state = "FAILED"
    try:
        client.log_batch(
            run_id,
            metrics=[Metric(key, value, now, 0) for key, value in logged.metrics.items()],
            params=[Param(key, value) for key, value in logged.params.items()],
            tags=[RunTag(key, value) for key, value in logged.tags.items()],
        )
        client.log_artifacts(run_id, str(directory), "model")
        state = "FINISHED"
    finally:
        client.set_terminated(run_id, state)
    sys.stdout.write(json.dumps({"experiment": name, "run_id": run_id}) + "\n")


if __name__ == "__main__":
    log_model(Path(sys.argv[1]))
