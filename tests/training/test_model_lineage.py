"""What a training that fails leaves in the lineage record. Of one that does not: test_trained_store.py."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from feature_repo.declarations.feature_lists import FEATURE_LISTS
from feature_repo.servers.connections import Connections
from ingestion.runs.run_beside import run_beside_others
from tests.ingestion.lineage.conftest import events_of
from training.model_lineage import training_on_record

SERVICE = FEATURE_LISTS[0]


def test_training_that_fails_is_on_record_as_failed_without_a_model_and_without_a_secret(
    new_applied: Callable[[], Connections],
) -> None:
    connections = new_applied()
    with (
        pytest.raises(RuntimeError),
        run_beside_others(connections, "train") as run,
        training_on_record(connections.postgres, run, SERVICE, Path("models/a-model")),
    ):
        raise RuntimeError("no answer (password=planted)")
    *_, failed, whole = events_of(connections)
    assert failed["job"]["name"] == f"train.{SERVICE.service}"
    assert (failed["eventType"], whole["eventType"]) == ("FAIL", "FAIL")
    assert failed["outputs"] == []
    message = failed["run"]["facets"]["errorMessage"]["message"]
    assert message.startswith("no answer")
    assert "planted" not in message
