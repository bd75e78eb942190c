"""Features on demand of one bet: what their function gives for its columns, and what comes out without it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import psycopg

from feature_repo.bets.vocabulary import COLUMNS_OF_CODES, UNKNOWN, code_instants
from feature_repo.declarations.features import DeclaredFeature
from feature_repo.declarations.views import OnDemandDeclaration
from feature_repo.explanation.formulas import Calculation, bet_formula, calculate
from feature_repo.explanation.single_bets import BetVersion, SingleBet
from feature_repo.group_keys import make_key
from feature_repo.postgres.queries import feast_statement

# The join keys of the groups of one column, which the function reads names from.
_JOIN_KEYS: Final = ("sport", "institution_name")


def requested_values(view: OnDemandDeclaration, version: BetVersion) -> dict[str, Any]:
    """Feature -> its value, by the function that training and serving run."""
    from feature_repo.on_demand_functions import ON_DEMAND_FUNCTIONS

    odds = version["american_odds"]
    request = {name: version[name] for name in view.request} | {"american_odds": None if odds is None else float(odds)}
    if view.looked_up:
        request |= {name: make_key([version[name]]) for name in _JOIN_KEYS if version[name] is not None}
        request |= {name: None for name in _JOIN_KEYS if version[name] is None}
    columns = {name: [value] for name, value in request.items()}
    computed = columns | ON_DEMAND_FUNCTIONS[view.name](columns)
    return {feature.name: computed[feature.name][0] for feature in view.declared}


def versions_since(
    view: OnDemandDeclaration, bet: SingleBet, version: BetVersion, values: Mapping[str, Any]
) -> dict[str, BetVersion]:
    """Feature -> the version of the bet from which on, up to `version`, the feature has had the value in `values`."""
    since = dict.fromkeys((feature.name for feature in view.declared), version)
    unchanged = set(since)
    for earlier in reversed(bet.counted[: bet.counted.index(version)]):
        before = requested_values(view, earlier)
        unchanged = {name for name in unchanged if before[name] == values[name]}
        since |= dict.fromkeys(unchanged, earlier)
    return since


def requested_calculations(
    connection: psycopg.Connection, version: BetVersion, declared: Iterable[DeclaredFeature]
) -> dict[str, Calculation]:
    """The same, worked out of the columns of the version and the codes in features.vocabulary."""
    placed_at = version["time_placed"]
    (known_by,) = code_instants([placed_at], None)
    values = {**version, "placed_at": None if placed_at is None else int(placed_at.timestamp() // 1)}
    calculations = {}
    for feature in declared:
        if (column := COLUMNS_OF_CODES.get(feature.name)) is not None:
            calculations[feature.name] = _code(connection, column, version[column], known_by)
        elif feature.name == "has_clv":
            clv = version["clv_percentage"]
            text = f"clv_percentage is {'null' if clv is None else 'known'}"
            calculations[feature.name] = Calculation(clv is not None, text, {"clv_percentage": clv})
        else:
            formula = bet_formula(feature.name, version["american_odds"])
            calculations[feature.name] = calculate(formula, values, feature.dtype)
    return calculations


def _code(connection: psycopg.Connection, column: str, name: str | None, known_by: datetime) -> Calculation:
    if name is None:
        return Calculation(None, f"the bet has no {column}", {column: None})
    row = connection.execute(feast_statement("name_code"), {"column": column, "value": name}).fetchone()
    code, known_at = row if row is not None else (UNKNOWN, None)
    later = known_at is not None and known_at > known_by
    text = f"code of {column} {name!r} in features.vocabulary = {UNKNOWN if later else code}"
    if row is None:
        text = f"{text}, since it has none"
    elif later:
        text = f"{text}, since the name was first known at {known_at:%Y-%m-%d %H:%M:%S} UTC, after the placement"
    return Calculation(UNKNOWN if later else code, text, {column: name})
