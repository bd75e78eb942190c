"""A feature's version counts up exactly when its definition changes, and no value changes without its definition."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace

import psycopg
import pytest

from feature_repo.declarations.views import GROUPED_VIEWS, SPORT_MARKET_RECENT, STORED_VIEWS
from ingestion.features import feature_versions, running_sums
from ingestion.features.backfill import replace_by_replay
from ingestion.features.feature_definitions import feature_definitions
from ingestion.features.feature_versions import redefined_views
from tests.builders.bet_logs import graded
from tests.ingestion.features.feature_values import RECORDED, current, differences
from tests.ingestion.features.test_refresh import LATER, refresh_in


def test_every_stored_feature_has_a_definition() -> None:
    defined = {view: tuple(definitions) for view, definitions in feature_definitions().items()}
    assert defined == {view.name: view.features for view in STORED_VIEWS}


def test_recorded_feature_values_change_only_with_the_definition() -> None:
    assert differences(json.loads(RECORDED.read_text()), current())[0] == []


def test_feature_with_changed_values_and_an_unchanged_revision_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(running_sums, "SHRINKAGE", running_sums.SHRINKAGE + 1)  # type: ignore[attr-defined]
    problems, not_to_be_recorded = differences(json.loads(RECORDED.read_text()), current())
    assert problems == [
        f"the definition of {view.name}.{view.group.name}_win_rate_shrunk changed: count its revision up"
        for view in GROUPED_VIEWS
        if view is not SPORT_MARKET_RECENT
    ]
    assert not_to_be_recorded == problems


def test_a_backfill_counts_up_only_the_feature_with_a_changed_definition(
    database: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    refresh_in(database, [[graded(1, "a")]], chunk_size=10)
    assert redefined_views(database) == []
    definitions = feature_definitions()
    stats = definitions["sport_stats"]
    revised = definitions | {"sport_stats": stats | {"sport_roi": replace(stats["sport_roi"], revision=2)}}
    monkeypatch.setattr(feature_versions, "feature_definitions", lambda: revised)
    refresh_in(database, [[graded(2, "b")]], chunk_size=10)
    assert redefined_views(database) == ["sport_stats"]

    replace_by_replay(database, run_id=uuid.uuid4(), now=LATER)
    assert redefined_views(database) == []
    newer = "select view, feature, version from features.feature_metadata where version > 1"
    assert database.execute(newer).fetchall() == [("sport_stats", "sport_roi", 2)]
