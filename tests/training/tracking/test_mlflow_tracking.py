"""A model in MLflow: what is logged, read from a store of MLflow's own; and models that are kept when it cannot be."""

from __future__ import annotations

import json
import math
import socket
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.training.conftest import TrainedStore
from training.manifest import ModelManifest
from training.tracking import mlflow_tracking
from training.tracking.logged_run import logged_run
from training.tracking.mlflow_tracking import TRACKING_URI, track

needs_mlflow = pytest.mark.skipif(find_spec("mlflow") is None, reason="mlflow-skinny comes with `make test`")


@needs_mlflow
def test_trained_model_is_logged_with_parameters_metrics_tags_and_files(trained: TrainedStore) -> None:
    outcome = trained.document["mlflow"]
    assert (outcome["experiment"], outcome["problem"]) == ("pikkit market_profitability_at_placement_v1", None)
    (logged,) = trained.tracking.glob(f"*/{outcome['run_id']}")

    def texts(kind: str) -> dict[str, str]:
        return {file.name: file.read_text().strip() for file in (logged / kind).iterdir()}

    win = trained.document["evaluation"]["win"]
    metrics = {name: float(text.split()[1]) for name, text in texts("metrics").items()}
    assert metrics["boosted.log_loss"] == win["models"]["boosted"]["scores"]["log_loss"]
    assert metrics["calibrated_price.at_2_percent.returned"] == win["reference"]["bets"][1]["realised"]["mean"]
    assert metrics["price_as_offered.log_loss"] == win["offered"]["scores"]["log_loss"]
    assert metrics["win.logistic.to_the_reference.high"] == win["models"]["logistic"]["difference"]["high"]
    params, tags = texts("params"), texts("tags")
    assert params["frame_digest"] == trained.document["data"]["frame_digest"]
    assert params["boosting.num_leaves"] == str(trained.document["parameters"]["boosting"]["num_leaves"])
    assert {name: tags[f"pikkit.{name}"] for name in ("service", "code_version", "verdict")} == {
        "service": "market_profitability_at_placement_v1",
        "code_version": trained.document["code_version"],
        "verdict": "better",
    }
    assert len(tags["pikkit.vocabulary"]) == 64
    artefacts = {file.name: file.read_bytes() for file in (logged / "artifacts" / "model").iterdir()}
    assert artefacts == {file.name: file.read_bytes() for file in trained.model.iterdir()}
    listed = json.loads(trained.pikkit("runs", "--json", "--limit", "100").stdout)["runs"]
    record = next(run for run in listed if run["counts"].get("model") == trained.model.name)
    assert record["steps"][-1]["counts"] == outcome


def test_logged_figures_are_finite_and_few_enough_for_a_request(manifests: dict[str, ModelManifest]) -> None:
    """MLflow takes 100 parameters and 1,000 metrics at once. The tiny model has intervals without ends."""
    for manifest in manifests.values():
        logged = logged_run(manifest)
        assert all(math.isfinite(value) for value in logged.metrics.values())
        assert (len(logged.params) <= 100, len(logged.metrics) <= 1_000) == (True, True)
    assert "win.boosted.to_the_reference.low" not in logged_run(manifests["tiny"]).metrics
    assert "win.boosted.to_the_reference.low" in logged_run(manifests["ordinary"]).metrics


def test_nothing_is_logged_without_a_tracking_server(tmp_path: Path) -> None:
    assert track(tmp_path, {}) is None
    assert track(tmp_path, {TRACKING_URI: ""}) is None


@needs_mlflow
def test_silent_server_is_waited_for_until_the_deadline_in_a_directory_with_a_file_training_py(
    trained: TrainedStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "training.py").write_text("raise SystemExit('not of this project')")
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        environ = {TRACKING_URI: f"http://127.0.0.1:{silent.getsockname()[1]}"}
        outcome = track(trained.model, environ, deadline=0.5)
    assert outcome is not None
    assert (outcome.run_id, outcome.problem) == (None, "it did not answer in 0.5 s")


def test_missing_library_is_named_with_the_command_that_installs_mlflow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mlflow_tracking, "find_spec", lambda _: None)
    outcome = track(tmp_path, {TRACKING_URI: "http://127.0.0.1:1"})
    assert outcome is not None
    assert "pip install 'pikkit-feature-store[mlflow]'" in str(outcome.problem)
