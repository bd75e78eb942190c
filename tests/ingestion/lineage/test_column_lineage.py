"""Column lineage against what really moves: each column of a source is perturbed, and features computed anew."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from feature_repo.declarations.feature_lists import FEATURE_LISTS
from feature_repo.declarations.views import ON_DEMAND_DECLARATIONS, STORED_VIEWS
from feature_repo.errors import ConfigurationError
from ingestion.features.replay import LOG_SCHEMA, MemoryStates, replay
from ingestion.lineage.column_lineage import Node, column_lineage
from ingestion.lineage.lineage_tree import dot_lines, lineage_of, tree_lines
from ingestion.lineage.on_demand_roots import on_demand_roots
from quality.schema import BET_COLUMNS, validate
from tests.builders.bet_logs import chained

START = datetime(2026, 4, 1, tzinfo=UTC)
# Bets, and the versions of each.
BETS, VERSIONS = 120, 2


def source_rows() -> list[dict[str, Any]]:
    """Versions of bets as a source sends them, the first of every bet before the second of any."""
    draw = random.Random(7)
    rows = []
    for number in range(BETS * VERSIONS):
        placed = START + timedelta(minutes=number % BETS)
        status = draw.choice(["SETTLED_WIN", "SETTLED_LOSS", "SETTLED_CASHEDOUT", "SETTLED_WIN", "SETTLED_LOSS"])
        amount = draw.randrange(10, 90)
        profit = {"SETTLED_WIN": draw.randrange(5, 80), "SETTLED_LOSS": -amount}.get(status, draw.randrange(1, 9))
        # Such a bet may still be open.
        profit = 0 if status != "SETTLED_LOSS" and number % 4 == 0 else profit
        seen = START + timedelta(days=1, hours=number // 3)
        rows.append(
            dict.fromkeys(BET_COLUMNS)
            | {
                "id": f"b{number % BETS:03}",
                "bet_type": "straight",
                "status": status,
                "american_odds": draw.choice([-200, -110, 120, 150, 300]),
                "amount": float(amount),
                "profit": float(profit),
                "clv_percentage": draw.randrange(1, 20) / 2,
                "clv_current_odds": float(draw.choice([-190, -105, 125])),
                "sport": draw.choice(["NBA", "NBA", "NBA", "NBA", "NFL"]),
                "league": draw.choice(["A", "B"]),
                "market": draw.choice(["Total", "Total", "Total", "Moneyline"]),
                "institution_name": draw.choice(["Pinnacle", "Bet365"]),
                "is_live": draw.choice([True, False]),
                "is_deleted": draw.random() < 0.1,
                # Without a stamp of its own a row has that of its creation.
                "updated_at": seen if number % 5 else None,
                "created_at": seen if not number % 5 else placed,
                "time_placed": placed if number % 7 else None,
                "settled_at": seen,
            }
        )
    return rows


def perturbed(column: str, row: dict[str, Any], number: int) -> Any:
    """Another value of the column, as sound as the one it has: what is known stays known, what is not 0 stays so."""
    value = row[column]
    if column == "id":
        # Others stand first where several became known at one instant.
        return f"b{BETS - int(value[1:]):03}" if number >= 0 else value
    if column == "status":
        return "PENDING" if row["profit"] == 0 else value
    if column == "american_odds":
        return value - 7 if value < 0 else value + 7
    if column in ("amount", "profit"):
        return value * 2
    if column == "is_deleted":
        return not value if number % 3 == 0 else value
    if column == "deleted_at":
        return START if number % 3 == 0 else None
    if isinstance(value, bool):
        return not value
    if isinstance(value, datetime):
        return value + timedelta(seconds=30)
    if isinstance(value, float):
        return value + 1.5
    others = {"sport": "NHL", "league": "C", "market": "Spread", "institution_name": "Kambi", "bet_type": "parlay"}
    return others.get(column, value) if number % 2 else value


def feature_values(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Of every stored feature when each key had which value; a row that repeats the value before it is left out."""
    now = START + timedelta(days=30)
    accepted = validate(pl.DataFrame(rows, infer_schema_length=None), now).accepted.sort("row")
    assert accepted.height == len(rows)
    log = [{**row, "seq": row["row"] + 1, "known_at": row["updated_at"]} for row in accepted.iter_rows(named=True)]
    log.sort(key=lambda version: version["known_at"])
    for seq, version in enumerate(log, 1):
        version["seq"] = seq
    frame = pl.DataFrame([{name: version.get(name) for name in LOG_SCHEMA} for version in chained(log)], LOG_SCHEMA)
    values = {}
    for view, changes in replay(frame, 0, MemoryStates()):
        key, instant, *features = (name for name in changes.columns if name != "created_timestamp")
        for feature in features:
            newest: dict[Any, Any] = {}
            history = []
            for row in changes.select(key, instant, feature).sort(key, instant).rows():
                if newest.get(row[0]) != row[2]:
                    history.append(row)
                    newest[row[0]] = row[2]
            values[f"{view}:{feature}"] = history
    return values


@pytest.fixture(scope="module")
def original() -> dict[str, list[Any]]:
    return feature_values(source_rows())


def named(column: str) -> set[str]:
    """The stored features that have the column in their lineage."""
    lineage = column_lineage()
    return {
        f"{view.name}:{feature}"
        for view in STORED_VIEWS
        for feature in view.features
        if column in lineage.columns(Node("feature", f"{view.name}:{feature}"), "source", with_rows=True)
    }


# The count of the windows' view is computed with them, and nobody says which of their columns it goes by.
UNTRACED = {"id": {"sport_market_recent:sport_market_count"}}


@pytest.mark.parametrize("column", BET_COLUMNS)
def test_a_perturbed_source_column_moves_exactly_the_features_named_by_lineage(
    column: str, original: dict[str, list[Any]]
) -> None:
    rows = source_rows()
    changed = [row | {column: perturbed(column, row, number)} for number, row in enumerate(rows)]
    values = feature_values(changed)
    moved = {feature for feature in original if original[feature] != values[feature]}
    assert moved == named(column) - UNTRACED.get(column, set())


def test_every_source_column_that_features_read_is_perturbed() -> None:
    rows = source_rows()
    unmoved = [
        column
        for column in BET_COLUMNS
        if not any(perturbed(column, row, number) != row[column] for number, row in enumerate(rows))
    ]
    assert unmoved == ["odds", "roi", "clv_ev", "is_settled", "is_win"]  # derived from others, and read by no feature
    assert not set().union(*(named(column) for column in unmoved))


def test_every_feature_of_every_view_and_service_has_a_lineage() -> None:
    values = column_lineage().values
    declared = {f"{view.name}:{name}" for view in STORED_VIEWS for name in view.features}
    declared |= {f"{view.name}:{each.name}" for view in ON_DEMAND_DECLARATIONS.values() for each in view.declared}
    assert {node.name for node in values if node.kind == "feature"} == declared
    assert all(values[Node("feature", name)] for name in declared)
    for service in FEATURE_LISTS:
        listed = [f"{view}:{name}" for view, names in service.features.items() for name in names]
        assert [node.name for node in values[Node("service", service.service)]] == listed


def test_a_perturbed_request_column_moves_exactly_the_on_demand_features_named_by_lineage(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from feature_repo.bets import vocabulary
    from feature_repo.on_demand_functions import ON_DEMAND_FUNCTIONS

    codes = iter(range(1, 10_000))
    known: dict[Any, int] = {}

    def encode_names(column: str, names: list[str], instants: list[datetime]) -> list[int]:
        return [known.setdefault((column, *pair), next(codes)) for pair in zip(names, instants, strict=True)]

    monkeypatch.setattr(vocabulary, "encode_names", encode_names)
    request = {
        "american_odds": [-110.0], "is_live": [True], "time_placed": [START], "league": ["A"], "market": ["Total"],
        "bet_type": ["straight"], "clv_percentage": [2.5], "sport": ["NBA"], "institution_name": ["Pinnacle"],
    }  # fmt: skip
    other = request | {
        "american_odds": [150.0], "is_live": [False], "time_placed": [START + timedelta(hours=25)], "league": ["B"],
        "market": ["Spread"], "bet_type": ["parlay"], "clv_percentage": [None], "sport": ["NFL"],
        "institution_name": ["Bet365"],
    }  # fmt: skip
    for view, function in ON_DEMAND_FUNCTIONS.items():
        before = {name: list(values) for name, values in function(request).items()}
        for column in request:
            after = function(request | {column: other[column]})
            moved = {name for name in before if before[name] != list(after[name])}
            roots = on_demand_roots()[view]
            assert moved == {name for name in before if column in roots[name].request}, (view, column)
            assert all(roots[name].is_traced for name in before)


def test_an_on_demand_function_that_hands_all_inputs_on_is_said_to_be_untraced() -> None:
    text = (
        "from feature_repo.declarations.views import BET_CLV_FEATURES\n"
        "def _f(inputs):\n    everything = other(inputs)\n"
        "    return {'clv_ev': everything, 'has_clv': inputs['clv_percentage']}\n"
        "FUNCTIONS = {BET_CLV_FEATURES.name: _f}\n"
    )
    roots = on_demand_roots(text)["bet_clv_features"]
    assert (roots["clv_ev"].is_traced, roots["has_clv"]) == (False, (("clv_percentage",), False, True))


def test_windows_and_known_at_are_said_to_be_untraced() -> None:
    assert any("NumPy" in note for note in lineage_of("recent_win_rate").untraced)
    assert any("known_at" in note for note in lineage_of("sport_win_rate").untraced)


def test_a_tree_and_a_graph_reach_from_the_feature_to_the_columns_of_the_source() -> None:
    text = "\n".join(line for line, _ in tree_lines(lineage_of("sport_roi").made_of))
    assert "measure roi" in text
    assert "sum stake_cents = is_deleted (deleted_at, is_deleted), status, amount_cents (amount)" in text
    edges = list(dot_lines(lineage_of("sport_roi").made_of))
    assert '  "source amount" -> "log amount_cents";' in edges
    assert '  "measure roi" -> "feature sport_stats:sport_roi";' in edges


def test_a_name_of_several_features_is_refused_with_every_candidate() -> None:
    with pytest.raises(ConfigurationError, match="bet_closing_line:clv_ev, bet_clv_features:clv_ev"):
        lineage_of("clv_ev")
    with pytest.raises(ConfigurationError, match=r"did you mean .sport_roi"):
        lineage_of("sprot_roi")
