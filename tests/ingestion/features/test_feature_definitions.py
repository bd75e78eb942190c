"""A feature's version counts up exactly when its definition changes, and no value changes without its definition."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from feature_repo.bets import odds
from feature_repo.declarations.views import GROUPED_VIEWS, ON_DEMAND_DECLARATIONS, SPORT_MARKET_RECENT, STORED_VIEWS
from ingestion.features import feature_versions, running_sums
from ingestion.features.backfill import replace_by_replay
from ingestion.features.feature_definitions import feature_definitions, on_demand_definitions
from ingestion.features.feature_versions import record_on_demand_versions, redefined_features
from ingestion.features.refresh import refresh
from tests.builders.bet_logs import graded
from tests.builders.edited_definitions import DECLARED, DEFINED, VIEWS, definitions_after
from tests.ingestion.features.feature_values import RECORDED, current, differences, on_demand_values, requests
from tests.ingestion.features.test_refresh import LATER, refresh_in, write_log

HOUR = timedelta(hours=1)
STATS = [view for view in GROUPED_VIEWS if view is not SPORT_MARKET_RECENT]


def of_every_group(*measures: str) -> set[str]:
    """The features that measure this of each group that has the measure."""
    return {
        f"{view.name}.{feature.name}"
        for view in GROUPED_VIEWS
        for feature in view.declared
        if feature.measure in measures
    }


def changed(after: dict[str, dict[str, str]]) -> set[str]:
    """The features that have another definition in `after` than in this code, or none in one of the two."""
    now = definitions_after()
    return {
        f"{view}.{feature}"
        for view in now
        for feature in now[view].keys() | after[view].keys()
        if now[view].get(feature) != after[view].get(feature)
    }


def test_every_feature_has_a_definition() -> None:
    stored = {view: tuple(definitions) for view, definitions in feature_definitions().items()}
    assert stored == {view.name: view.features for view in STORED_VIEWS}
    on_demand = {view: list(definitions) for view, definitions in on_demand_definitions().items()}
    assert on_demand == {
        view: [feature.name for feature in declared.declared] for view, declared in ON_DEMAND_DECLARATIONS.items()
    }


# ---- what is another definition, and what is not ---------------------------------------------------------------------

NEW_MEASURE = (
    (
        DECLARED,
        "RECENT_MEASURES: Final",
        'MEASURES = (*MEASURES, GroupMeasure("losses", "Int64", "", FeatureScale.COUNT))\nRECENT_MEASURES: Final',
    ),
    (DEFINED, '"count": Formula(_GRADED_COUNT),', '"count": Formula(_GRADED_COUNT), "losses": Formula("count(lost)"),'),
)


@pytest.mark.parametrize(
    ("edits", "features"),
    [
        pytest.param(
            [(DEFINED, "100 * sum(profit_cents if {_AT_RISK})", "sum(profit_cents if {_AT_RISK})")],
            of_every_group("roi"),
            id="formula of a measure",
        ),
        pytest.param(
            [(DEFINED, '"amount_cents / 100"', '"amount_cents"')], {"bet_facts.amount"}, id="formula of a bet"
        ),
        pytest.param(
            [
                (
                    DEFINED,
                    '"status in (SETTLED_WIN, SETTLED_LOSS)"',
                    '"status in (SETTLED_WIN, SETTLED_LOSS, SETTLED_PUSH)"',
                )
            ],
            of_every_group("win_rate", "count", "edge", "win_rate_shrunk", "recent_win_rate", "recent_win_rate_50"),
            id="grades that are counted",
        ),
        pytest.param(
            [(DEFINED, "status = SETTLED_LOSS and profit_cents <> 0", "status = SETTLED_LOSS")],
            of_every_group("roi", "avg_bet_roi"),
            id="grades that risk a stake",
        ),
        pytest.param(
            [(DECLARED, "RECENT: Final = 10", "RECENT: Final = 12")], {"sport_market_recent.recent_win_rate"}, id="N"
        ),
        pytest.param(
            [(DECLARED, "SHRINKAGE: Final = 25", "SHRINKAGE: Final = 30")],
            of_every_group("win_rate_shrunk"),
            id="strength",
        ),
        pytest.param([(DECLARED, '"count", "Int64"', '"count", "Float64"')], of_every_group("count"), id="type"),
        pytest.param(
            [(DEFINED, '"sport": Formula("sport")', '"sport": Formula("league")')], {"bet_facts.sport"}, id="field"
        ),
        pytest.param(
            [(DEFINED, 'Formula("clv_current_odds")', 'Formula("clv_current_odds", revision=2)')],
            {"bet_closing_line.clv_current_odds"},
            id="revision",
        ),
        pytest.param(
            [(DEFINED, "hour of time_placed in UTC", "hour of time_placed in Berlin")],
            {"bet_features.hour_of_day"},
            id="formula on demand",
        ),
        pytest.param(
            [(VIEWS, '"clv_percentage": "Float64"}', '"clv_percentage": "String"}')],
            {"bet_clv_features.clv_percentage", "bet_clv_features.clv_ev", "bet_clv_features.has_clv"},
            id="type of a column of the request",
        ),
        pytest.param(
            NEW_MEASURE,
            {f"{view.name}.{view.group.name}_losses" for view in STATS if view.name != "sport_market_stats"}
            | {"sport_market_stats.sport_market_losses"},
            id="new measure",
        ),
    ],
)
def test_an_edit_of_a_definition_changes_exactly_the_features_with_that_definition(
    edits: list[tuple[str, str, str]], features: set[str]
) -> None:
    assert changed(definitions_after(*edits)) == features


@pytest.mark.parametrize(
    "edits",
    [
        pytest.param([(DEFINED, "# Sums over the bets of a group.", "# Sums.\n# Of a group.\n")], id="comment"),
        pytest.param(
            [(DEFINED, "_GRADED", "_DECIDED"), (DEFINED, "_definition(", "_defined(")], id="names in the code"
        ),
        pytest.param(
            [
                (
                    DEFINED,
                    '"clv_percentage": Formula("clv_percentage"),',
                    '"clv_percentage": Formula(\n"clv_percentage"),',
                )
            ],
            id="layout",
        ),
        pytest.param([(DECLARED, "Price taken.", "The price that was taken.")], id="description"),
        pytest.param([(DECLARED, '"Share, 0 to 1"', '"Share, from 0 to 1"')], id="unit in words"),
    ],
)
def test_an_edit_of_a_file_that_changes_no_definition_changes_no_version(edits: list[tuple[str, str, str]]) -> None:
    assert changed(definitions_after(*edits)) == set()


def test_definitions_in_another_module_are_the_same() -> None:
    assert changed(definitions_after(called="elsewhere.meanings")) == set()


# ---- values beside definitions ---------------------------------------------------------------------------------------


def test_recorded_feature_values_change_only_with_the_definition() -> None:
    assert differences(json.loads(RECORDED.read_text()), current())[0] == []


def test_feature_with_changed_values_and_an_unchanged_revision_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(running_sums, "SHRINKAGE", running_sums.SHRINKAGE + 1)  # type: ignore[attr-defined]
    problems, not_to_be_recorded = differences(json.loads(RECORDED.read_text()), current())
    assert [problem.partition(" changed")[0] for problem in problems] == [
        f"the values of {view.name}.{view.group.name}_win_rate_shrunk" for view in STATS
    ]
    assert {problem[-len("so that it is version 2") :] for problem in problems} == {"so that it is version 2"}
    assert not_to_be_recorded == problems


def test_features_on_demand_with_a_changed_helper_and_no_new_definition_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The functions call others: their own text says too little of what they return."""
    implied_probability = odds.implied_probability

    def halved(price: float | None) -> float | None:
        probability = implied_probability(price)
        return None if probability is None else probability / 2

    monkeypatch.setattr(odds, "implied_probability", halved)
    problems, _ = differences(json.loads(RECORDED.read_text()), current())
    assert [problem.split()[3] for problem in problems if " changed, and its definition did not" in problem] == [
        "bet_clv_features.clv_ev",
        "bet_features.implied_prob",
    ]


def test_a_feature_on_demand_depends_on_exactly_the_columns_of_the_definition() -> None:
    columns = requests()
    values = on_demand_values(columns)
    depends: dict[tuple[str, str], set[str]] = {(view, name): set() for view in values for name in values[view]}
    for column in columns:
        shifted = {**columns, column: columns[column][1:] + columns[column][:1]}  # each bet has the value of the next
        for view, features in on_demand_values(shifted).items():
            for name in features:
                if features[name] != values[view][name]:
                    depends[view, name].add(column)
    named = {
        (view, name): {text.split()[0] for text in definition.key.split("; ") if text.split()[0] in columns}
        for view, definitions in on_demand_definitions().items()
        for name, definition in definitions.items()
    }
    assert depends == named


# ---- versions in a store ---------------------------------------------------------------------------------------------


def redefine(monkeypatch: pytest.MonkeyPatch, view: str, feature: str, revision: int = 2) -> None:
    definitions = feature_definitions()
    revised = replace(definitions[view][feature], revision=revision)
    other = definitions | {view: definitions[view] | {feature: revised}}
    monkeypatch.setattr(feature_versions, "feature_definitions", lambda: other)


def versions_of(database: psycopg.Connection, feature: str) -> list[Any]:
    columns = "version, run_id, first_computed_at, last_computed_at, record_count, replaced_at, replaced_by"
    query = f"select {columns} from features.feature_metadata where feature = %s order by version"
    return database.execute(query, [feature]).fetchall()


def test_a_backfill_counts_up_only_the_feature_with_a_changed_definition(
    database: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    refresh_in(database, [[graded(1, "a")]], chunk_size=10)
    assert redefined_features(database) == []
    redefine(monkeypatch, "sport_stats", "sport_roi")
    refresh_in(database, [[graded(2, "b")]], chunk_size=10)
    assert redefined_features(database) == ["sport_stats.sport_roi"]

    replace_by_replay(database, run_id=uuid.uuid4(), now=LATER)
    assert redefined_features(database) == []
    newer = (
        "select view, feature, version from features.feature_metadata where version > 1 and computation_mode = 'batch'"
    )
    assert database.execute(newer).fetchall() == [("sport_stats", "sport_roi", 2)]


def test_a_replaced_version_keeps_a_row_with_the_next_version_and_the_instant(
    database: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = (uuid.uuid4() for _ in range(3))
    write_log(database, [graded(1, "a")])
    refresh(database, run_id=first, now=LATER)
    write_log(database, [graded(2, "b")])
    refresh(database, run_id=second, now=LATER + HOUR)
    redefine(monkeypatch, "sport_stats", "sport_roi")
    replace_by_replay(database, run_id=third, now=LATER + 2 * HOUR)
    assert versions_of(database, "sport_roi") == [
        (1, first, LATER, LATER + HOUR, 2, LATER + 2 * HOUR, 2),
        (2, third, LATER + 2 * HOUR, LATER + 2 * HOUR, 2, None, None),
    ]
    assert versions_of(database, "sport_count") == [(1, first, LATER, LATER + 2 * HOUR, 2, None, None)]


def test_a_definition_that_comes_back_is_the_next_version(
    database: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    refresh_in(database, [[graded(1, "a")]], chunk_size=10)
    for revision in (2, 1):
        redefine(monkeypatch, "sport_stats", "sport_roi", revision)
        replace_by_replay(database, run_id=uuid.uuid4(), now=LATER)
        database.commit()
    columns = "version, replaced_by, definition_hash"
    query = f"select {columns} from features.feature_metadata where feature = 'sport_roi' order by 1"
    rows = database.execute(query).fetchall()
    assert [row[:2] for row in rows] == [(1, 2), (2, 3), (3, None)]
    assert rows[0][2] == rows[2][2] != rows[1][2]


@pytest.mark.parametrize(("stored", "published", "version"), [(1, 3, 3), (5, 2, 6)])
def test_a_store_takes_the_published_number_unless_the_store_has_counted_further(
    database: psycopg.Connection, monkeypatch: pytest.MonkeyPatch, stored: int, published: int, version: int
) -> None:
    refresh_in(database, [[graded(1, "a")]], chunk_size=10)
    database.execute("update features.feature_metadata set version = %s where feature = 'sport_roi'", [stored])
    redefine(monkeypatch, "sport_stats", "sport_roi")
    monkeypatch.setattr(feature_versions, "definition_version", lambda *_: published)
    replace_by_replay(database, run_id=uuid.uuid4(), now=LATER)
    assert [row[0] for row in versions_of(database, "sport_roi")] == [stored, version]


def test_a_feature_on_demand_has_a_version_from_when_the_definition_is_first_known(
    database: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = uuid.uuid4()
    record_on_demand_versions(database, run_id=None, now=LATER)
    record_on_demand_versions(database, run_id=run_id, now=LATER + HOUR)
    definitions = on_demand_definitions()
    placed = definitions["bet_features"]
    revised = definitions | {"bet_features": placed | {"day_of_week": replace(placed["day_of_week"], revision=2)}}
    monkeypatch.setattr(feature_versions, "on_demand_definitions", lambda: revised)
    record_on_demand_versions(database, run_id=run_id, now=LATER + 2 * HOUR)
    assert versions_of(database, "day_of_week") == [
        (1, None, LATER, None, None, LATER + 2 * HOUR, 2),
        (2, run_id, LATER + 2 * HOUR, None, None, None, None),
    ]
    assert versions_of(database, "hour_of_day") == [(1, None, LATER, None, None, None, None)]
    assert redefined_features(database) == []


def test_a_view_without_versions_gets_versions_in_a_refresh_of_a_store_with_seven_known_views(
    database: psycopg.Connection,
) -> None:
    refresh_in(database, [[graded(1, "a")]], chunk_size=10)
    database.execute("delete from features.feature_metadata where view = 'sport_stats'")
    refresh_in(database, [[graded(2, "b")]], chunk_size=10)
    assert [row[0] for row in versions_of(database, "sport_roi")] == [1]


def test_a_new_version_of_a_feature_replaces_none_of_that_name_in_another_view(
    database: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    refresh_in(database, [[graded(1, "a")]], chunk_size=10)
    definitions = on_demand_definitions()
    placed = definitions["bet_features"]
    revised = definitions | {"bet_features": placed | {"implied_prob": replace(placed["implied_prob"], revision=2)}}
    monkeypatch.setattr(feature_versions, "on_demand_definitions", lambda: revised)
    record_on_demand_versions(database, run_id=uuid.uuid4(), now=LATER + HOUR)
    query = (
        "select view, version, replaced_by from features.feature_metadata where feature = 'implied_prob' order by 1, 2"
    )
    assert database.execute(query).fetchall() == [
        ("bet_facts", 1, None),
        ("bet_features", 1, 2),
        ("bet_features", 2, None),
    ]
