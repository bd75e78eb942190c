"""A dataset's manifest: what it says of a split that lost most of a part."""

from __future__ import annotations

import dataclasses
import json
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from tests.builders.training_sets import world
from training.artefacts.dataset_files import write_dataset
from training.learning.fit import fit_win
from training.manifest import Data


@pytest.mark.parametrize(("late", "warned"), [(0.4, []), (0.6, ["training", "validation"])])
def test_manifest_of_a_dataset_and_of_a_model_warn_of_parts_with_mostly_late_results(
    tmp_path: Path, late: float, warned: list[str]
) -> None:
    training_set = world(1, days=15, events_a_day=20)
    is_late = pl.int_range(pl.len()) % 10 < 10 * late
    known = pl.when(is_late).then(pl.col("time_placed") + timedelta(days=30)).otherwise(pl.col("known_at"))
    training_set = dataclasses.replace(training_set, frame=training_set.frame.with_columns(known_at=known))
    data = Data("a_service", 0, "2026-05-01T00:00:00+00:00", None, None, training_set.frame.height, "", {}, {})
    manifest = write_dataset(training_set, data, tmp_path / "set")
    assert [warning.split(" bets of ")[1].split()[0] for warning in manifest.warnings] == warned
    assert json.loads((tmp_path / "set" / "manifest.json").read_text())["warnings"] == list(manifest.warnings)
    assert fit_win(training_set).warnings == manifest.warnings
