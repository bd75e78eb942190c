"""A view that changed goes out right whichever verb comes first: what is undone is named, none is taken for done.

The change: this code has `sport_avg_clv` and computes `sport_stats` anew; the store was made by code of yesterday,
without it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

from feature_repo import clock
from feature_repo.declarations.views import SPORT_STATS, STORED_VIEWS
from feature_repo.errors import ConfigurationError, GateRefused
from feature_repo.servers.connections import Connections
from feature_repo.store import store_at
from ingestion import pipeline
from ingestion.database.access import connect, hold_run_lock, statement
from ingestion.database.apply import apply_declarations
from ingestion.database.registered_views import registered_views
from ingestion.doctor.postgres import check_postgres
from ingestion.gates.config_file import gates_of
from ingestion.pipeline import compare, features_to_backfill, run_backfill
from ingestion.runs.status import Contents, store_status
from ingestion.runs.store_verdict import store_verdict
from ingestion.serving.feature_catalogue import feature_catalogue, stored_versions
from ingestion.serving.materialize import copy_online
from ingestion.sources.files.file_source import open_file
from tests.builders.bet_files import NOW, bet, jsonl, lost
from tests.conftest import LENIENT_GATES
from tests.rigs.commands import by_name

HOUR = timedelta(hours=1)
VIEW, FEATURE = "sport_stats", "sport_avg_clv"
FEATURES = [f"{VIEW}.{feature}" for feature in SPORT_STATS.features]


@pytest.fixture
def load(prepared: Connections, tmp_path: Path) -> Callable[..., Any]:
    """Run the pipeline. Everything is let through but features that are not known."""
    gates = tmp_path / "gates.toml"
    lenient = LENIENT_GATES.read_text()
    gates.write_text(
        lenient.replace("[feature_completeness]\nthreshold = 0", "[feature_completeness]\nthreshold = 0.95")
    )

    def load(*bets: Any, hours: int, strict: bool = False) -> Any:
        clock.set_now(NOW + hours * HOUR)
        file = open_file(jsonl(tmp_path / "bets.jsonl", *bets))
        return pipeline.run_pipeline(prepared, file, gates=gates_of(gates if strict else LENIENT_GATES))

    return load


@pytest.fixture
def store_of_yesterday(prepared: Connections, load: Callable[..., Any]) -> Connections:
    """Two bets, refreshed and copied by code that knew no such feature and computed the view otherwise."""
    load(bet("a", 1, clv_percentage=2.0), lost("b", 2, clv_percentage=1.0), hours=0)
    store = store_at(prepared)
    view = store.get_feature_view(VIEW)
    view.features = [field for field in view.features if field.name != FEATURE]
    store.registry.apply_feature_view(view, store.project)
    with connect(prepared.postgres, purpose="test") as connection, hold_run_lock(connection, "test"):
        connection.execute(
            sql.SQL("update {} set {} = null").format(
                sql.Identifier("features", f"{VIEW}_changes"), sql.Identifier(FEATURE)
            )
        )
        connection.execute("delete from features.feature_metadata where feature = %s", [FEATURE])
        connection.execute(
            "update features.feature_metadata set definition_hash = 'of yesterday' where view = %s", [VIEW]
        )
        connection.execute(statement("seal_anew"), {"view": VIEW})
        connection.commit()
        copy_online(connection, store, anew=True)
    return prepared


def look(connections: Connections) -> tuple[Contents, str]:
    """What the store holds, and the verdict of `pikkit status`."""
    found = store_status(connections, clock.now())
    assert found.contents is not None
    return found.contents, store_verdict(found)


def states(contents: Contents) -> dict[str, tuple[str, str]]:
    """The views that are not fresh, offline and online."""
    found = {view.name: (view.offline.state, view.online.state) for view in contents.views}
    return {name: both for name, both in found.items() if both != ("fresh", "fresh")}


def test_changed_view_is_refused_until_apply_and_not_fresh_until_backfill(
    store_of_yesterday: Connections, load: Callable[..., Any]
) -> None:
    store = store_of_yesterday
    for verb in (lambda: load(bet("c", 3), hours=1), lambda: run_backfill(store), lambda: compare(store)):
        with pytest.raises(ConfigurationError, match=f"registry does not have {VIEW} as feature_repo/.*`pikkit apply`"):
            verb()
    contents, verdict = look(store)
    assert (contents.unapplied, "`pikkit apply`" in verdict) == ([VIEW], True)
    assert by_name(check_postgres(store.postgres))["registry"].verdict == "warn"

    apply_declarations(store)
    # The declarations are this process's: another store that is applied from them gets nothing of this one.
    assert getattr(import_module(f"feature_repo.views.{VIEW}"), VIEW).materialization_intervals == []
    assert by_name(check_postgres(store.postgres))["registry"].verdict == "ok"
    # More than one run: the first must not pass for a backfill.
    for hours in (1, 2):
        warnings = load(bet(f"c{hours}", 3, clv_percentage=1.0), hours=hours).summary.warnings
        assert [warning for warning in warnings if VIEW in warning and "pikkit backfill" in warning]
        contents, verdict = look(store)
        assert states(contents) == {VIEW: ("redefined", "redefined")}
        assert contents.redefined == FEATURES
        assert f"The definition of {VIEW} changed since their rows were written. Run `pikkit backfill`." in verdict
    assert "`pikkit backfill`" in by_name(check_postgres(store.postgres))["definitions"].found
    # The rows of yesterday, and what is on record of the runs that wrote beside them.
    assert [one.name for one in compare(store) if one.differences] == [VIEW, "feature_metadata"]

    run_backfill(store, gates=gates_of(LENIENT_GATES))
    contents, verdict = look(store)
    assert (states(contents), verdict[:7]) == ({}, "All 8 v")
    assert [one.name for one in compare(store) if one.differences] == []
    assert by_name(check_postgres(store.postgres))["definitions"].verdict == "ok"
    with connect(store.postgres, purpose="test") as connection:
        versions = connection.execute(
            "select feature, max(version) from features.feature_metadata where view = %s group by feature", [VIEW]
        ).fetchall()
    assert {version for feature, version in versions if feature != FEATURE} == {2}
    assert (FEATURE, 1) in versions


def test_a_redefined_feature_is_named_alone_by_every_verb(prepared: Connections, load: Callable[..., Any]) -> None:
    load(bet("a", 1, clv_percentage=2.0), lost("b", 2, clv_percentage=1.0), hours=0)
    with connect(prepared.postgres, purpose="test", autocommit=True) as connection:
        connection.execute(
            "update features.feature_metadata set definition_hash = 'of yesterday' where feature = %s", [FEATURE]
        )
        name, others = f"{VIEW}.{FEATURE}", [feature for feature in FEATURES if feature != f"{VIEW}.{FEATURE}"]
        catalogued = feature_catalogue(stored_versions(connection))
    warnings = load(bet("c", 3, clv_percentage=1.0), hours=1).summary.warnings
    contents, verdict = look(prepared)
    doctor = by_name(check_postgres(prepared.postgres))["definitions"].found
    assert contents.redefined == features_to_backfill(prepared) == [name]
    assert [f"{view.name}.{one.name}" for view in catalogued for one in view.features if one.is_redefined] == [name]
    assert [view.offline.reason for view in contents.views if view.offline.reason] == [
        f"values of another definition stand beside, or in place of, today's: {FEATURE}"
    ]
    for said in (verdict, doctor, "\n".join(warnings)):
        assert f"the definition of {name} changed since their rows were written" in said.replace("The def", "the def")
        assert [other for other in others if other in said] == []


def test_run_refused_for_want_of_a_backfill_names_the_backfill_which_clears_the_alert(
    store_of_yesterday: Connections, load: Callable[..., Any]
) -> None:
    apply_declarations(store_of_yesterday)
    bets = [bet("c", 3, clv_percentage=1.0, sport="Tennis")]
    with pytest.raises(GateRefused, match=r"feature_completeness(.|\n)*Run `pikkit backfill`, then this again"):
        load(*bets, hours=1, strict=True)
    contents, verdict = look(store_of_yesterday)
    assert [alert.cause for alert in contents.alerts] == ["quality gate of run"]
    assert "`pikkit backfill`" in verdict
    run_backfill(store_of_yesterday, gates=gates_of(LENIENT_GATES))
    contents, verdict = look(store_of_yesterday)
    assert (contents.alerts, states(contents)) == ([], {})
    load(*bets, hours=1, strict=True)
    assert [one.name for one in compare(store_of_yesterday) if one.differences] == []


def test_a_declared_feature_without_a_column_is_named_before_anything_is_done(
    prepared: Connections, load: Callable[..., Any]
) -> None:
    with connect(prepared.postgres, purpose="test", autocommit=True) as connection:
        for relation in (f"{VIEW}_changes", VIEW):
            connection.execute(
                sql.SQL("alter table {} rename column {} to gone").format(
                    sql.Identifier("features", relation), sql.Identifier(FEATURE)
                )
            )
        with pytest.raises(ConfigurationError, match=rf"{VIEW}\.{FEATURE}.*ingestion/sql/migrations"):
            load(bet("c", 3), hours=1)
        assert connection.execute("select count(*) from ops.runs").fetchone() == (0,)
    assert by_name(check_postgres(prepared.postgres))["definitions"].verdict == "FAIL"


def test_registered_views_read_without_feast_equal_the_declared_views(prepared: Connections) -> None:
    with connect(prepared.postgres, purpose="test") as connection:
        found = registered_views(connection)
    assert {name: (view.features, view.ttl) for name, view in found.items()} == {
        view.name: (frozenset(view.features), view.ttl) for view in STORED_VIEWS
    }
