"""`pikkit plan` beside a store: what it foretells is what an apply and a backfill then do."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg

from feature_repo.servers.connections import Connections
from feature_repo.store import store_at
from ingestion.database.apply import ApplyResult, apply_declarations
from ingestion.planning.plan import Plan
from ingestion.planning.store_plan import plan_for_store
from tests.builders.bet_files import bet, lost
from tests.rigs.commands import environ_of, pikkit, pikkit_here


def as_apply_result(plan: Plan) -> ApplyResult:
    """The objects of the registry that a plan names. A feature is part of its view there."""
    changes = {"added": set[str](), "changed": set[str](), "removed": set[str]()}
    kinds = {change.object: change.change for change in plan.changes}
    for name, change in kinds.items():
        kind, _, own = name.rpartition(" ")
        if kind == "feature":
            view = own.partition(":")[0]
            on_demand = view in ("bet_features", "bet_clv_features")
            name, change = f"{'on-demand ' if on_demand else ''}view {view}", "changed"
            change = kinds.get(name, "changed")
        changes[change].add(name)
    return ApplyResult(*(tuple(sorted(changes[change])) for change in ("added", "changed", "removed")), unchanged=0)


def rows_of_registry(connections: Connections) -> dict[str, list[Any]]:
    with psycopg.connect(**connections.postgres.conninfo) as database:
        names = database.execute("select tablename from pg_tables where schemaname = 'feast'").fetchall()
        return {name: database.execute(f"select * from feast.{name} order by 1, 2").fetchall() for (name,) in names}


def foretold_and_done(connections: Connections) -> tuple[ApplyResult, ApplyResult]:
    foretold = as_apply_result(plan_for_store(connections))
    done = apply_declarations(connections)
    return foretold, ApplyResult(done.created, done.updated, done.deleted, unchanged=0)


def test_plan_of_an_applied_store_is_empty(new_applied: Callable[[], Connections], tmp_path: Path) -> None:
    """In a process that has applied nothing: Feast puts what an apply infers into the declarations."""
    connections = new_applied()
    done = pikkit("plan", "--json", environ=environ_of(connections, tmp_path), cwd=tmp_path)
    document = json.loads(done.stdout)
    assert [document[part] for part in ("changes", "versions", "backfills", "steps", "refusals")] == [[]] * 5


def test_plan_of_an_empty_registry_writes_nothing_and_names_all_that_an_apply_creates(
    registry: Connections,
) -> None:
    before = rows_of_registry(registry)
    plan_for_store(registry)
    assert rows_of_registry(registry) == before
    foretold, done = foretold_and_done(registry)
    assert foretold == done
    assert len(done.created) > 20


def test_plan_of_another_registry_names_all_that_an_apply_creates_updates_and_deletes(
    new_applied: Callable[[], Connections],
) -> None:
    connections = new_applied()
    store = store_at(connections)
    entity, shorter, narrower = store.get_entity("bet"), *map(store.get_feature_view, ("sport_stats", "bet_facts"))
    on_demand: Any = store.get_on_demand_feature_view("bet_clv_features")
    entity.name, entity.join_key = "stranger", "stranger"
    shorter.ttl = timedelta(hours=2)
    narrower.features = [field for field in narrower.features if field.name != "amount"]
    on_demand.description = "of another commit"
    store.apply([entity, shorter, narrower])
    store.registry.apply_feature_view(on_demand, store.project)
    store.delete_feature_service("bet_lookup_v1")
    plan = plan_for_store(connections)
    ttl = [each for change in plan.changes if change.object == "view sport_stats" for each in change.properties]
    assert [(each.name, each.before, each.after) for each in ttl] == [("TTL", "2 h (7200 s)", "1 d (86400 s)")]
    assert ("added", "feature bet_facts:amount") in {(change.change, change.object) for change in plan.changes}
    foretold, done = foretold_and_done(connections)
    assert foretold == done
    assert done.deleted == ("entity stranger",)
    assert plan_for_store(connections).changes == ()


def test_store_without_tables_has_a_migration_first_and_nothing_to_refuse(
    blank_postgres: Any, empty_redis: Any
) -> None:
    plan = plan_for_store(Connections(blank_postgres, empty_redis, embedded=False))
    assert (plan.steps, plan.refusals, plan.versions) == (("pikkit migrate", "pikkit apply"), (), ())


def test_table_that_fits_no_view_is_a_reason_to_refuse(new_applied: Callable[[], Connections]) -> None:
    connections = new_applied()
    with psycopg.connect(**connections.postgres.conninfo) as database:
        database.execute("alter table features.bet_facts_changes rename column amount to stake")
        database.execute(
            "drop view features.bet_facts; create view features.bet_facts as table features.bet_facts_changes"
        )
    (refusal,) = plan_for_store(connections).refusals
    assert "features.bet_facts.amount is missing instead of double precision" in refusal.what


def test_published_list_that_differs_is_a_reason_to_refuse(new_applied: Callable[[], Connections]) -> None:
    connections = new_applied()
    store = store_at(connections)
    service: Any = store.get_feature_service("bet_lookup_v1")
    projection = service.feature_view_projections[0]
    projection.features = projection.features[:-1]
    store.registry.apply_feature_service(service, store.project)
    plan = plan_for_store(connections)
    assert [refusal.what for refusal in plan.refusals] == [
        "The list of features of a published service was changed: bet_lookup_v1 (with bet_facts:amount)"
    ]
    (change,) = plan.changes
    lists = next(each for each in change.properties if each.name == "features")
    assert (change.object, lists.lines) == ("service bet_lookup_v1", ["+ bet_facts:amount"])


def test_redefined_feature_counts_up_and_the_view_is_backfilled(
    prepared: Connections, load: Callable[..., Any]
) -> None:
    load(bet("won", 1), lost("lost", 2))
    with psycopg.connect(**prepared.postgres.conninfo) as database:
        database.execute(
            "update features.feature_metadata set definition_hash = 'of yesterday' where feature = 'sport_roi'"
        )
        (rows,) = database.execute("select count(*) from features.sport_stats_changes").fetchone() or (0,)
    done = pikkit_here("plan", "--json", environ=environ_of(prepared, prepared.postgres.host))
    document = json.loads(done.stdout)
    assert done.returncode == 0
    assert document["versions"] == [
        {"view": "sport_stats", "feature": "sport_roi", "before": 1, "after": 2, "is_published": True}
    ]
    assert document["backfills"] == [{"view": "sport_stats", "features": ["sport_roi"], "rows": rows}]
    assert (document["replayed"], document["steps"]) == (2, ["pikkit backfill"])


def test_home_without_a_store_is_refused_and_none_is_made(tmp_path: Any) -> None:
    done = pikkit_here("plan", environ={"PIKKIT_HOME": str(tmp_path / "home")})
    assert (done.returncode, "There is no store under" in done.stderr) == (2, True)
    assert not (tmp_path / "home").exists()
