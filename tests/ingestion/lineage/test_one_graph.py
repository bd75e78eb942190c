"""One connected graph results of the events of real runs, in Marquez (marquez.py) and in Feast's own consumer."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from feast.infra.common.materialization_job import MaterializationTask
from feast.openlineage.config import OpenLineageConfig
from feast.openlineage.consumer import get_consumer_router
from feast.openlineage.processor import OpenLineageProcessor
from feast.openlineage.store import OpenLineageStore

from feature_repo import clock
from feature_repo.declarations.feature_lists import FEATURE_LISTS
from feature_repo.declarations.views import STORED_VIEWS
from feature_repo.errors import GateRefused, PikkitError
from feature_repo.lineage.datasets import DatasetName, model_dataset, online_dataset, table_dataset
from feature_repo.servers.connections import Connections, Postgres, Redis
from feature_repo.servers.environment import feast_environment
from feature_repo.store import store_at
from ingestion import pipeline
from ingestion.pipeline import run_materialize
from ingestion.runs.record import Documented
from ingestion.runs.run_beside import run_beside_others
from ingestion.sources.files.file_source import open_file
from tests.builders.bet_files import NOW, bet, jsonl, lost
from tests.ingestion.lineage.conftest import events_of
from tests.ingestion.lineage.marquez import Marquez, Name, component
from tests.rigs.databases import temporary_database
from tests.rigs.lenient_pipeline import run, run_backfill
from training.model_lineage import training_on_record

VIEWS = [view.name for view in STORED_VIEWS]
SERVICES = [service.service for service in FEATURE_LISTS]
HOUR = timedelta(hours=1)
SOURCE = ("file", "bets.jsonl")
MODEL = "a-model"
(MODEL_OF,) = [service for service in FEATURE_LISTS if service.service == "market_profitability_v1"]


class FeastRun:
    """What Feast hands to an engine when its own emission is on: its LineageParentContext."""

    job_namespace, job_name, run_id = "pikkit", "materialize_pikkit", "0199a1b2-0000-7000-8000-000000000001"


@pytest.fixture(scope="module")
def store(servers: Connections, applied_template: Postgres) -> Iterator[Connections]:
    with (
        temporary_database(servers.postgres, applied_template) as database,
        pytest.MonkeyPatch.context() as environment,
    ):
        for variable in feast_environment(servers):
            environment.setenv(variable, os.environ.get(variable, ""))
        yield Connections(database, Redis(servers.redis.url.removesuffix("/0") + "/0"), embedded=False)


@pytest.fixture(scope="module")
def events(store: Connections, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Of a run, a backfill, a copy anew, two copies by Feast, a model, a refused run, and one that failed at once.

    Training itself has nothing to say to the graph; tests/training/ looks at what a real one leaves.
    """
    file = tmp_path_factory.mktemp("bets") / "bets.jsonl"
    clock.set_now(NOW)
    run(store, open_file(jsonl(file, bet("a", 1, clv_percentage=2.0), lost("b", 2))))
    clock.set_now(NOW + HOUR)
    run_backfill(store)
    run_materialize(store, rebuild=True)
    feast_copies(store)
    with run_beside_others(store, "train") as training:
        with training_on_record(store.postgres, training, MODEL_OF, Path(MODEL)):
            pass
        training.finished(Documented())
    with pytest.raises(GateRefused):
        pipeline.run_pipeline(store, open_file(jsonl(file, bet("c", 3, status="?"))))
    fails_at_source(store, file)
    return events_of(store)


def feast_copies(store: Connections) -> None:
    """`feast materialize`, and one view of it as of a run that Feast names."""
    feast = store_at(store)
    feast.materialize(NOW - HOUR, NOW)
    view = feast.get_feature_view("sport_stats")
    task = MaterializationTask("pikkit", view, NOW - HOUR, NOW, tqdm_builder=None)
    feast._get_provider().batch_engine.materialize(feast.registry, task, lineage_parent=FeastRun)


def fails_at_source(store: Connections, file: Path) -> None:
    source = open_file(jsonl(file, bet("d", 4)))
    file.write_text("{", encoding="utf-8")
    with pytest.raises(PikkitError):
        run(store, source)


def physical(store: Connections) -> dict[str, Name]:
    """What there is one of in this store, by what it is, under its physical name."""
    tables = ["processed.bet_versions", "raw.bet_versions", "quarantine.bets", *(f"features.{view}" for view in VIEWS)]
    return {
        "source": SOURCE,
        **{table: tuple(table_dataset(store.postgres, table)) for table in tables},
        **{f"online.{view}": tuple(online_dataset(store.redis, view)) for view in VIEWS},
        **{service: tuple(DatasetName("pikkit", service)) for service in SERVICES},
        "model": tuple(model_dataset(MODEL)),
    }


@pytest.fixture(scope="module")
def marquez(events: list[dict[str, Any]]) -> Marquez:
    marquez = Marquez()
    for event in events:
        marquez.take(event)
    return marquez


def test_marquez_connects_everything_of_a_store_in_the_graph_of_the_source(
    marquez: Marquez, store: Connections
) -> None:
    graph = marquez.graph_of(SOURCE)
    assert {what: name for what, name in physical(store).items() if name not in graph} == {}
    assert {*marquez.datasets.values()} <= graph


def test_marquez_shows_no_physical_thing_twice(marquez: Marquez, store: Connections) -> None:
    on_demand = {view for service in FEATURE_LISTS for view in service.features if view not in VIEWS}
    names = {*physical(store).values(), *(("pikkit", view) for view in on_demand)}
    assert {*marquez.datasets.values()} == names
    for view in VIEWS:
        assert marquez.datasets["pikkit", view] == physical(store)[f"features.{view}"]
        assert marquez.datasets["pikkit", f"online_store_{view}"] == physical(store)[f"online.{view}"]


def test_marquez_shows_a_single_job_for_each_view_whatever_the_verb(marquez: Marquez, store: Connections) -> None:
    writers = Counter(target for _, target in marquez.edges() if target in {*physical(store).values()})
    assert set(writers) == {*physical(store).values()} - {SOURCE}
    assert set(writers.values()) == {1}


def test_no_run_of_a_job_that_marquez_shows_is_left_open(marquez: Marquez) -> None:
    assert {run: marquez.job_of_run[run] for run, state in marquez.states.items() if state == "START"} == {}


def test_marquez_follows_columns_from_the_source_to_service_model_and_online_copy(
    marquez: Marquez, store: Connections
) -> None:
    assert (
        marquez.dropped - {(("pikkit", service), column) for service in SERVICES for column in on_demand(service)}
        == set()
    )
    edges = {((source, field), (target, column)) for target, column, source, field in marquez.columns}
    ends = {end for _, end in edges}
    profit = downstream(edges, (SOURCE, "profit"))
    assert (physical(store)["online.sport_stats"], "sport_roi") in profit
    assert (("pikkit", "market_profitability_v1"), "sport_roi") in profit
    assert (model_dataset(MODEL), "sport_roi") in profit
    assert not {name for name, column in profit if column == "sport_count"}
    assert {column for dataset, column in ends if dataset == ("pikkit", "bet_lookup_v1")} == stored("bet_lookup_v1")


def on_demand(service: str) -> set[str]:
    """The features of a service that are made of the request: Marquez is told of no columns of theirs."""
    (features,) = [each.features for each in FEATURE_LISTS if each.service == service]
    return {name for view, names in features.items() if view not in VIEWS for name in names}


def stored(service: str) -> set[str]:
    (features,) = [each.features for each in FEATURE_LISTS if each.service == service]
    return {name for view, names in features.items() if view in VIEWS for name in names}


def downstream(edges: set[tuple[Any, Any]], start: Any) -> set[Any]:
    reached, waiting = {start}, [start]
    while waiting:
        column = waiting.pop()
        waiting += (new := {target for source, target in edges if source == column} - reached)
        reached |= new
    return reached


# ---- feast ui --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def drawn(store: Connections, events: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The graph of Feast's consumer after the events of the run and of the model; it keeps them in the registry."""
    tables = OpenLineageStore(connection_string=feast_environment(store)["FEAST_REGISTRY_URL"])
    tables.initialize()
    processor = OpenLineageProcessor(tables, {table_dataset(store.postgres, "x").namespace: "pikkit"})
    app = FastAPI()
    app.include_router(get_consumer_router(OpenLineageConfig(enabled=True), tables, processor), prefix="/api/v1")
    client = TestClient(app)
    ends = [place for place, event in enumerate(events) if event["eventType"] == "COMPLETE"]
    of_run = next(place for place in ends if events[place]["job"]["name"] == "pikkit")
    of_model = [event for event in events if event["job"]["name"] == f"train.{MODEL_OF.service}"]
    posted = {client.post("/api/v1/lineage", json=event).status_code for event in [*events[: of_run + 1], *of_model]}
    assert posted == {201}
    graph: dict[str, list[dict[str, Any]]] = client.get("/api/v1/lineage/openlineage/graph").json()
    return graph


def test_feasts_consumer_connects_everything_of_a_store_in_the_graph_of_the_source(
    drawn: dict[str, list[dict[str, Any]]], store: Connections
) -> None:
    nodes = {(node["type"], node["namespace"], node["name"]) for node in drawn["nodes"]}
    edges = [
        tuple((edge[f"{end}_type"], edge[f"{end}_namespace"], edge[f"{end}_name"]) for end in ("source", "target"))
        for edge in drawn["edges"]
        # Of jobs that it draws: those that read or write. The run as a whole is none.
        if edge["edge_type"] in ("input", "output", "symlink")
    ]
    graph = component(edges, ("dataset", *SOURCE))
    assert nodes - graph == {("job", "pikkit", "pikkit")}
    assert {("dataset", *name) for name in physical(store).values()} <= graph


def test_feasts_consumer_knows_views_online_copies_and_services_by_the_names_of_feast(
    drawn: dict[str, list[dict[str, Any]]],
) -> None:
    known: dict[str, set[str]] = {}
    for node in drawn["nodes"]:
        if node.get("feast_object_type"):
            assert node["feast_project"] == "pikkit" or node["feast_object_type"] == "onlineStore"
            known.setdefault(node["feast_object_type"], set()).add(node["feast_object_name"])
    on_demand_views = {view for service in FEATURE_LISTS for view in service.features if view not in VIEWS}
    assert known == {
        "featureView": {*VIEWS, *on_demand_views},
        "onlineStore": {*VIEWS},
        "featureService": {*SERVICES},
    }


def test_feast_ui_draws_a_job_for_each_view_and_service(drawn: dict[str, list[dict[str, Any]]]) -> None:
    jobs = {node["name"]: node["job_type"] for node in drawn["nodes"] if node["type"] == "job"}
    parts = {f"{kind}.{view}" for kind in ("features", "online") for view in VIEWS}
    parts |= {f"services.{service}" for service in SERVICES} | {f"train.{MODEL_OF.service}"}
    assert jobs == {"pikkit": "BATCH", **dict.fromkeys({"intake", "gate"} | parts, "transform")}


def test_events_of_services_copies_by_feast_and_models_keep_to_the_spec(
    events: list[dict[str, Any]], spec_problems: Callable[[dict[str, Any]], list[str]]
) -> None:
    assert [problem for event in events for problem in spec_problems(event)] == []
