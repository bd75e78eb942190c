"""`pikkit features`: all that is declared, and what a store adds to it."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from feast import FeatureView, Field, OnDemandFeatureView
from feast.repo_contents import RepoContents
from feast.repo_operations import parse_repo

from feature_repo import REPOSITORY
from feature_repo.declarations.views import STORED_VIEWS
from feature_repo.errors import ConfigurationError
from feature_repo.servers.connections import Connections, Postgres
from ingestion.database.access import connect
from ingestion.features.backfill import replace_by_replay
from ingestion.features.feature_definitions import feature_definitions
from ingestion.features.refresh import refresh
from ingestion.intake.load import load_rows
from ingestion.runs.record import uuid7
from ingestion.serving.feature_catalogue import feature_catalogue, stored_versions
from ingestion.sources.files.file_source import open_file
from tests.builders.bet_files import NOW, bet, jsonl, lost
from tests.rigs.commands import environ_of, pikkit, pikkit_here

PLACEMENT, ALL, LOOKUP = "market_profitability_at_placement_v1", "market_profitability_v1", "bet_lookup_v1"


def test_the_catalogue_lists_every_stored_view_with_features_and_ttl() -> None:
    listed = [(v.name, tuple(f.name for f in v.features), v.ttl) for v in feature_catalogue({}) if v.ttl is not None]
    assert listed == [(view.name, view.features, view.ttl) for view in STORED_VIEWS]


def test_the_catalogue_equals_the_objects_of_feast() -> None:
    with contextlib.chdir(REPOSITORY):  # Feast finds modules relative to the working directory
        declared = parse_repo(REPOSITORY / "feature_repo")
    views = {view.name: view for view in (*declared.feature_views, *declared.on_demand_feature_views)}
    listed = {view.name: view for view in feature_catalogue({})}
    assert listed.keys() == views.keys()
    for name, view in views.items():
        told = listed[name]
        assert told.description == view.description
        assert [(f.name, f.dtype, f.description, f.available, f.services, f.stored) for f in told.features] == [
            (f.name, str(f.dtype), f.description, f.tags["available"], services_of(declared, name, f), None)
            for f in view.features
        ]
        stored = [view] if isinstance(view, FeatureView) else looked_up(view, views)
        assert list(told.entities) == [entity for one in stored for entity in one.entities]
        assert list(told.join_keys) == [key for one in stored for key in one.join_keys]
        assert told.ttl == getattr(view, "ttl", None)
        requested = getattr(view, "source_request_sources", {}).values()
        assert list(told.inputs) == [field.name for source in requested for field in source.schema]


def services_of(declared: RepoContents, view: str, field: Field) -> tuple[str, ...]:
    """The services that hold the field of the view, in the order of their names."""
    held = [
        service.name
        for service in declared.feature_services
        for projection in service.feature_view_projections
        if projection.name == view and field.name in [each.name for each in projection.features]
    ]
    return tuple(sorted(held))


def looked_up(view: OnDemandFeatureView, views: dict[str, Any]) -> list[FeatureView]:
    return [views[projection.name] for projection in view.source_feature_view_projections.values()]


def test_the_catalogue_shows_the_inputs_of_an_on_demand_view() -> None:
    (view,) = feature_catalogue({}, view="bet_features")
    assert (view.ttl, view.join_keys) == (None, ("sport", "institution_name"))
    assert view.inputs == ("american_odds", "is_live", "time_placed", "league", "market", "bet_type")


def test_every_catalogued_feature_has_a_description_and_services() -> None:
    features = [feature for view in feature_catalogue({}) for feature in view.features]
    assert [f.name for f in features if not (f.services and f"Available at {f.available}." in f.description)] == []


def test_a_service_narrows_the_catalogue_to_the_views_of_the_service() -> None:
    assert [view.name for view in feature_catalogue({}, service=LOOKUP)] == ["bet_facts", "bet_closing_line"]


def test_a_view_of_two_services_names_both() -> None:
    (view,) = feature_catalogue({}, view="sport_stats")
    assert view.services == [PLACEMENT, ALL]


def test_a_feature_that_is_not_declared_is_refused_with_a_near_name() -> None:
    with pytest.raises(ConfigurationError, match=r"There is no feature sport_ro.*sport_roi"):
        feature_catalogue({}, feature="sport_ro")


@pytest.mark.parametrize("unknown", [{"view": "sports"}, {"service": "v2"}])
def test_undeclared_view_or_service_is_refused_with_the_declared_names(unknown: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match=r"There is no (view sports|service v2).* (sport_stats|bet_lookup_v1)"):
        feature_catalogue({}, **unknown)


@pytest.fixture
def refreshed(connections: Connections, tmp_path: Path) -> Iterator[Connections]:
    """A store with two bets, one of them with a closing line."""
    file, run_id = open_file(jsonl(tmp_path / "bets.jsonl", bet("a", 1, clv_percentage=2.0), lost("b", 2))), uuid7()
    with connect(connections.postgres, purpose="test") as database:
        load_rows(database, file, run_id=run_id, now=NOW)
        refresh(database, run_id=run_id, now=NOW)
    return connections


def test_catalogue_of_a_store_has_version_rows_and_instant_of_every_stored_feature(refreshed: Connections) -> None:
    with connect(refreshed.postgres, purpose="test") as database:
        views = feature_catalogue(stored_versions(database))
        rows = {
            view.name: (database.execute(f"select count(*) from features.{view.name}_changes").fetchone() or (0,))[0]
            for view in STORED_VIEWS
        }
    assert rows["sport_stats"] == 2
    listed = {
        (view.name, feature.stored.version, feature.stored.rows, feature.stored.last_computed_at)
        for view in views
        for feature in view.features
        if feature.stored
    }
    # The codes of names are as of the placement since their version 2.
    assert listed == {
        (
            view.name,
            2 if feature.name.endswith("_encoded") else 1,
            *((rows[view.name], NOW) if view.name in rows else (None, None)),
        )
        for view in views
        for feature in view.features
    }
    assert [feature for view in views for feature in view.features if feature.is_redefined or feature.replaced] == []


def test_a_store_of_before_the_history_was_kept_has_no_versions(refreshed: Connections) -> None:
    with connect(refreshed.postgres, purpose="test") as database:
        database.execute("alter table features.feature_metadata drop column replaced_by")
        assert stored_versions(database) == {}


@pytest.mark.parametrize("name", ["sport_roi", "sport_stats:sport_roi", "sport_stats.sport_roi"])
def test_a_feature_is_listed_alone_by_name_with_or_without_the_view(name: str) -> None:
    assert [(view.name, [f.name for f in view.features]) for view in feature_catalogue({}, feature=name)] == [
        ("sport_stats", ["sport_roi"])
    ]


def test_a_name_that_two_views_have_lists_both() -> None:
    views = feature_catalogue({}, feature="clv_ev")
    assert [view.name for view in views] == ["bet_closing_line", "bet_clv_features"]


def test_the_command_shows_the_formula_of_a_feature_and_each_replaced_version(
    refreshed: Connections, tmp_path: Path
) -> None:
    with connect(refreshed.postgres, purpose="test", autocommit=True) as database:
        database.execute(
            "update features.feature_metadata set definition_hash = 'of yesterday' where feature = 'sport_roi'"
        )
        environ = environ_of(refreshed, tmp_path / "home")
        before = pikkit_here("features", "sport_roi", environ=environ).stdout
        with database.transaction():
            replace_by_replay(database, run_id=uuid7(), now=NOW + timedelta(hours=1))
        after = pikkit_here("features", "sport_roi", environ=environ).stdout
    definition = feature_definitions()["sport_stats"]["sport_roi"]
    assert "The store has another definition: run `pikkit backfill`." in before
    assert "another definition" not in after
    assert " ".join(f"formula {definition.formula}".split()) in " ".join(after.split())
    table = " ".join(after.partition("computed\n")[2].split())
    four, three = "2026-05-24T16:00:00Z", "2026-05-24T15:00:00Z"
    assert table.startswith(
        f"2 {definition.digest[:12]} batch 2 {four} to {four} "
        f"1 of yesterday batch 2 {three} to {three}; replaced {four} by version 2"
    )


def test_a_store_without_tables_has_no_versions(blank_postgres: Postgres) -> None:
    with connect(blank_postgres, purpose="test") as database:
        assert stored_versions(database) == {}


def test_features_command_works_without_a_store_and_starts_none(tmp_path: Path) -> None:
    home = tmp_path / "home"
    done = pikkit("features", "--view", "bet_features", environ=os.environ | {"PIKKIT_HOME": str(home)}, cwd=tmp_path)
    assert (done.returncode, home.exists()) == (0, False)
    assert "versions and rows are not known" in done.stderr
    assert done.stdout.splitlines()[-1] == "9 features in 1 view. Nothing was changed."


def test_features_command_prints_no_line_wider_than_the_terminal(tmp_path: Path) -> None:
    narrow = os.environ | {"PIKKIT_HOME": str(tmp_path / "home"), "COLUMNS": "90"}
    lines = pikkit("features", environ=narrow, cwd=tmp_path).stdout.splitlines()
    assert 80 < max(map(len, lines)) <= 90


def test_features_command_as_json_has_ttl_join_keys_and_stored_versions(
    refreshed: Connections, environ: dict[str, str], tmp_path: Path
) -> None:
    done = pikkit("features", "--json", "--view", "sport_market_recent", environ=environ, cwd=tmp_path)
    (view,) = json.loads(done.stdout)
    assert (view["ttl_seconds"], view["join_keys"]) == (3600, ["sport_market"])
    stored = view["features"][0]["stored"]
    assert (stored["version"], stored["rows"], stored["last_computed_at"]) == (1, 2, NOW.isoformat())
    assert stored["definition"] == view["features"][0]["definition"]["digest"]
