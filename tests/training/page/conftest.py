"""Pages of models: an ordinary one, one of hostile names, one of hardly any bets."""

from __future__ import annotations

import dataclasses

import polars as pl
import pytest

from tests.builders.hostile_text import TEXTS
from tests.builders.manifests import manifest_of
from tests.builders.training_sets import world
from training.dataset import TrainingSet
from training.manifest import ModelManifest

HOSTILE_MODEL = '"><img src=http://127.0.0.1:1/x onerror=alert(1)>\u202e'


@pytest.fixture(scope="session")
def manifests() -> dict[str, ModelManifest]:
    """By what is special about them: ordinary, hostile, tiny."""
    return {
        "ordinary": manifest_of(world(1, edge=0.8, events_a_day=10)),
        "hostile": manifest_of(_hostile(world(2, edge=0.4, days=40, events_a_day=20)), name=HOSTILE_MODEL),
        # A day for each part: no interval of the test has an end.
        "tiny": manifest_of(world(3, days=3, events_a_day=40)),
    }


def _hostile(training_set: TrainingSet) -> TrainingSet:
    texts = [TEXTS["html"], TEXTS["right to left"], TEXTS["longest"]]
    names = {f"sport {code}": text for code, text in zip((1, 2, 3), texts, strict=True)}
    frame = training_set.frame.with_columns(
        sport=pl.col("sport").replace_strict(names), institution_name=pl.lit("\u2028</td><script>alert(1)</script>")
    )
    return dataclasses.replace(training_set, frame=frame)
