"""A registry whose functions are not those of this repository: none of them is run, and nothing is computed with it."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from feast.protos.feast.core.FeatureService_pb2 import FeatureService
from feast.protos.feast.core.FeatureView_pb2 import FeatureView
from feast.protos.feast.core.OnDemandFeatureView_pb2 import OnDemandFeatureView

from feature_repo import scorer
from feature_repo.errors import GateRefused, NotScorable, StoredFunctionDiffers
from feature_repo.group_keys import entity_frame, entity_rows
from ingestion.database.apply import apply_declarations
from ingestion.database.rollout import unapplied
from ingestion.doctor.postgres import check_postgres
from tests.feature_repo.conftest import bet
from tests.rigs.commands import by_name
from tests.rigs.published_store import WATERMARK, Published

SERVICE = "market_profitability_at_placement_v1"
BET = bet("NBA", "East", "Moneyline", "Pinnacle", time_placed=WATERMARK)
FRAME = pd.DataFrame([BET]).assign(event_timestamp=WATERMARK)


class Touch:
    """Unpickled, it makes a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return Path.touch, (self.marker,)


def tamper(published: Published, table: str, name: str, message: Any, change: Callable[[Any], None]) -> None:
    """Change a stored message behind Feast's back."""
    kind = "service" if table == "feature_services" else "view"
    column, named = f"feature_{kind}_proto", f"feature_{kind}_name"
    row = published.database.execute(f"select {column} from feast.{table} where {named} = %s", [name]).fetchone()
    assert row is not None
    stored = message.FromString(row[0])
    change(stored)
    published.execute(f"update feast.{table} set {column} = %s where {named} = %s", stored.SerializeToString(), name)


def evil_source(marker: Path) -> str:
    return f"import pathlib\npathlib.Path({str(marker)!r}).touch()\ndef _bet_features(inputs):\n    return {{}}\n"


def other_source(marker: Path) -> Callable[[Any], None]:
    def change(view: Any) -> None:
        view.spec.feature_transformation.user_defined_function.body_text = evil_source(marker)

    return change


def pickled_body(marker: Path) -> Callable[[Any], None]:
    def change(view: Any) -> None:
        for function in (view.spec.feature_transformation.user_defined_function, view.spec.user_defined_function):
            function.body_text, function.body = "", pickle.dumps(Touch(marker))

    return change


def other_kind(marker: Path) -> Callable[[Any], None]:
    def change(view: Any) -> None:
        view.spec.feature_transformation.substrait_transformation.ibis_function = pickle.dumps(Touch(marker))

    return change


def hidden_in_a_source(marker: Path) -> Callable[[Any], None]:
    def change(view: Any) -> None:
        source = view.spec.sources["whatever"].feature_view.spec
        source.name = "whatever"
        source.feature_transformation.user_defined_function.body = pickle.dumps(Touch(marker))

    return change


def test_changed_stored_function_is_refused_everywhere_and_never_run(
    published: Published, gated: Any, tmp_path: Path
) -> None:
    marker = tmp_path / "was_run"
    running = scorer(SERVICE, store=gated, refresh_seconds=0)
    before = running([BET]).rows
    for attack in (other_source, pickled_body, other_kind, hidden_in_a_source):
        tamper(published, "on_demand_feature_views", "bet_features", OnDemandFeatureView, attack(marker))
        store = published.store()
        service = store.get_feature_service(SERVICE)
        assert len(store.list_on_demand_feature_views()) == 2
        for compute in (
            partial(scorer, SERVICE, store=store),
            partial(store.get_online_features, service, entity_rows([BET])),
            partial(store.get_historical_features, entity_frame(FRAME), service),
        ):
            with pytest.raises(StoredFunctionDiffers, match="another function for bet_features") as refused:
                compute()
            assert refused.value.view == "bet_features"
    # A scorer that is under way goes on with the functions that it has: they are this repository's.
    assert running([BET]).rows == before
    # What is applied is this repository's again.
    apply_declarations(published.connections)
    assert scorer(SERVICE, store=published.store())([BET]).rows == before
    assert not marker.exists()


def test_changed_stored_pickle_is_not_loaded(published: Published, gated: Any, tmp_path: Path) -> None:
    marker = tmp_path / "was_run"

    def change(view: Any) -> None:
        view.spec.feature_transformation.user_defined_function.body = pickle.dumps(Touch(marker))

    tamper(published, "on_demand_feature_views", "bet_features", OnDemandFeatureView, change)
    assert scorer(SERVICE, store=published.store())([BET]).names
    assert not marker.exists()


def test_stored_function_of_our_view_is_not_run(published: Published, gated: Any, tmp_path: Path) -> None:
    marker = tmp_path / "was_run"

    def change(view: Any) -> None:
        view.spec.feature_transformation.user_defined_function.body = pickle.dumps(Touch(marker))
        view.spec.feature_transformation.user_defined_function.body_text = evil_source(marker)
        view.spec.mode = "python"

    tamper(published, "feature_views", "sport_stats", FeatureView, change)
    assert scorer(SERVICE, store=published.store())([BET]).names
    with pytest.raises(GateRefused, match="does not read"):
        published.store().materialize(WATERMARK, WATERMARK, ["sport_stats"])
    assert not marker.exists()


def other_name_on_demand(marker: Path) -> Callable[[Any], None]:
    def change(view: Any) -> None:
        view.spec.name = "evil"
        function = view.spec.feature_transformation.user_defined_function
        function.body_text, function.body = evil_source(marker), pickle.dumps(Touch(marker))

    return change


def other_name_stored(marker: Path) -> Callable[[Any], None]:
    def change(view: Any) -> None:
        view.spec.name = "evilfv"
        function = view.spec.feature_transformation.user_defined_function
        function.mode, function.body_text, function.body = "python", evil_source(marker), pickle.dumps(Touch(marker))

    return change


@pytest.mark.parametrize(
    ("table", "name", "message", "attack"),
    [
        ("on_demand_feature_views", "bet_features", OnDemandFeatureView, other_name_on_demand),
        ("feature_views", "sport_stats", FeatureView, other_name_stored),
    ],
)
def test_view_of_another_name_in_our_row_is_refused_until_an_apply_mends_the_row(
    published: Published, gated: Any, tmp_path: Path, table: str, name: str, message: Any, attack: Any
) -> None:
    marker = tmp_path / "was_run"
    running = scorer(SERVICE, store=gated, refresh_seconds=0)
    before, service = running([BET]).rows, gated.get_feature_service(SERVICE)
    ours = gated.registry.get_any_feature_view(name, gated.project)
    intervals = gated.get_feature_view("sport_stats").materialization_intervals
    tamper(published, table, name, message, attack(marker))
    registry, project = gated.registry, gated.project
    # Also where the registry was opened before: what is applied is compared with what is stored, and that is read, too.
    for compute in (
        lambda: scorer(SERVICE, store=published.store()),
        lambda: published.store().get_online_features(service, entity_rows([BET])),
        lambda: published.store().get_historical_features(entity_frame(FRAME), service),
        lambda: published.store().materialize(WATERMARK, WATERMARK, [name]),
        lambda: registry.get_any_feature_view(name, project),
        lambda: registry.list_all_feature_views(project),
        lambda: registry.apply_feature_view(ours, project),
    ):
        with pytest.raises(StoredFunctionDiffers, match=f"called evil(fv)? in the row of {name}") as refused:
            compute()
        assert refused.value.view == name
    # What is under way goes on with the views that it has.
    registry.refresh(project)
    assert registry.get_any_feature_view(name, project, allow_cache=True).name == name
    assert running([BET]).rows == before
    check = by_name(check_postgres(published.connections.postgres))["registry"]
    assert (check.verdict, name in check.found) == ("FAIL", True)
    assert unapplied(published.database) == [name]

    kind = "on-demand view" if table.startswith("on_demand") else "view"
    assert apply_declarations(published.connections).updated == (f"{kind} {name}",)
    assert by_name(check_postgres(published.connections.postgres))["registry"].verdict == "ok"
    store = published.store()
    assert scorer(SERVICE, store=store)([BET]).rows == before
    assert store.get_feature_view("sport_stats").materialization_intervals == intervals
    assert apply_declarations(published.connections).updated == ()
    assert not marker.exists()


@pytest.mark.parametrize(
    ("table", "name", "message", "attack"),
    [
        ("on_demand_feature_views", "bet_features", OnDemandFeatureView, other_source),
        ("on_demand_feature_views", "bet_features", OnDemandFeatureView, other_kind),
        ("feature_views", "sport_stats", FeatureView, other_source),
    ],
)
def test_doctor_names_our_view_with_another_stored_function_until_an_apply(
    published: Published, tmp_path: Path, table: str, name: str, message: Any, attack: Any
) -> None:
    marker = tmp_path / "was_run"
    assert unapplied(published.database) == []
    tamper(published, table, name, message, attack(marker))
    check = by_name(check_postgres(published.connections.postgres))["registry"]
    assert (check.verdict, name in check.found) == ("warn", True)
    assert any(name in finding for finding in apply_declarations(published.connections).updated)
    assert unapplied(published.database) == []
    assert not marker.exists()


def put_on_demand_view(published: Published, project: str, name: str, change: Callable[[Any], None]) -> None:
    """Put a view into the registry that is bet_features but for its name and this change."""
    row = published.database.execute(
        "select feature_view_proto from feast.on_demand_feature_views where feature_view_name = 'bet_features'"
    ).fetchone()
    assert row is not None
    view = OnDemandFeatureView.FromString(row[0])
    change(view)
    view.spec.name = name
    published.execute(
        "insert into feast.on_demand_feature_views (feature_view_name, project_id, last_updated_timestamp, "
        "feature_view_proto) values (%s, %s, 0, %s)",
        name,
        project,
        view.SerializeToString(),
    )


def test_stream_view_under_our_name_is_not_run(published: Published, gated: Any, tmp_path: Path) -> None:
    marker = tmp_path / "was_run"
    put_on_demand_view(published, gated.project, "sport_stats", other_source(marker))
    assert len(published.store().list_on_demand_feature_views()) == 3
    assert not marker.exists()


def test_scorer_loads_no_view_that_was_added_to_a_published_list(
    published: Published, gated: Any, tmp_path: Path
) -> None:
    marker = tmp_path / "was_run"
    put_on_demand_view(published, gated.project, "evil", other_source(marker))

    def change(service: Any) -> None:
        service.spec.features[-1].feature_view_name = "evil"

    tamper(published, "feature_services", SERVICE, FeatureService, change)
    with pytest.raises(NotScorable, match=f"another list of features for {SERVICE}"):
        scorer(SERVICE, store=published.store())
    assert not marker.exists()
