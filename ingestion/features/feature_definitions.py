"""What each feature means: its formula as text, the bets it is over, its key and type, and a digest of these.

The text says what the modules compute that make change rows (`replay.py` names them), and what the functions of
feature_repo/on_demand.py return. Where they live and what their variables are called is no part of it.
tests/ingestion/features/test_feature_definitions.py computes every feature on fixed bets and fails where values change
and the definition does not. Nothing is imported here that computes, so that a look at a store stays quick.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from typing import Final, NamedTuple

from feature_repo.declarations.features import RECENT, RECENT_LONG, SHRINKAGE, DeclaredFeature
from feature_repo.declarations.views import BET_VIEWS, GROUPED_VIEWS, ON_DEMAND_DECLARATIONS, OnDemandDeclaration


class Formula(NamedTuple):
    """How a value comes from bets. `revision` is counted up where values change and the text was right before and is
    now: a mistake in the code was mended, say.
    """

    text: str
    revision: int = 1


@dataclass(frozen=True)
class FeatureDefinition:
    """All that the values of one feature depend on.

    formula    how a value comes from columns of the log (`replay.LOG_SCHEMA`), on demand from columns of a request
    revision   of the formula
    rows       which versions of bets a value is over, and at which instants there are values
    key        what a row is about, and how that is spelled; on demand the columns that it comes from
    dtype      of the value, as Feast names it
    """

    formula: str
    revision: int
    rows: str
    key: str
    dtype: str

    @cached_property
    def digest(self) -> str:
        """SHA-256 in hexadecimal."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


# Conditions on one version of a bet, and numbers from it.
_WON: Final = "status = SETTLED_WIN"
_GRADED: Final = "status in (SETTLED_WIN, SETTLED_LOSS)"
_PRICED: Final = f"{_GRADED} and american_odds is known"
_AT_RISK: Final = (
    "(status in (SETTLED_WIN, SETTLED_CASHEDOUT) or status = SETTLED_LOSS and profit_cents <> 0) "
    "and amount_cents is known"
)
_CLV: Final = "status <> PENDING and clv_percentage is known"
_IMPLIED: Final = "(american_odds < 0 ? abs(american_odds) / (abs(american_odds) + 100) : 100 / (american_odds + 100))"
# As of the whole second, to which Feast cuts the instants of a request.
_CODE: Final = (
    "code of {column} in the vocabulary, 0 where it has none or its first version has known_at > time_placed (the "
    "instant of the row or request if that is null) cut to the second"
)

# Sums over the bets of a group.
_WINS: Final = f"count({_WON})"
_GRADED_COUNT: Final = f"count({_GRADED})"
_PRICED_WINS: Final = f"count({_WON} and american_odds is known)"
_PRICED_COUNT: Final = f"count({_PRICED})"
_IMPLIED_SUM: Final = f"sum({_IMPLIED} rounded to billionths if {_PRICED})"

# Measure -> its formula, for all groups alike.
GROUP_FORMULAS: Final = {
    "win_rate": Formula(f"{_WINS} / {_GRADED_COUNT}"),
    "roi": Formula(f"100 * sum(profit_cents if {_AT_RISK}) / sum(amount_cents if {_AT_RISK})"),
    "avg_bet_roi": Formula(
        f"mean(100 * profit_cents / amount_cents rounded to billionths if {_AT_RISK} and amount_cents > 0)"
    ),
    "count": Formula(_GRADED_COUNT),
    "edge": Formula(f"({_PRICED_WINS} - {_IMPLIED_SUM}) / {_PRICED_COUNT}"),
    "win_rate_shrunk": Formula(
        f"({_PRICED_WINS} + {SHRINKAGE} * {_IMPLIED_SUM} / {_PRICED_COUNT}) / ({_PRICED_COUNT} + {SHRINKAGE}), "
        f"null where {_PRICED_COUNT} is 0"
    ),
    "avg_clv": Formula(f"mean(clv_percentage rounded to billionths if {_CLV})"),
    **{
        name: Formula(f"{_WINS} / {_GRADED_COUNT} of the last {size} bets if {_GRADED}, in order of (known_at, id)")
        for name, size in (("recent_win_rate", RECENT), ("recent_win_rate_50", RECENT_LONG))
    },
}
BET_FORMULAS: Final = {
    "american_odds": Formula("american_odds"),
    "decimal_odds": Formula("american_odds < 0 ? 1 + 100 / abs(american_odds) : 1 + american_odds / 100"),
    "implied_prob": Formula(_IMPLIED),
    "is_live": Formula("is_live"),
    "bet_type": Formula("bet_type"),
    "sport": Formula("sport"),
    "league": Formula("league"),
    "market": Formula("market"),
    "institution_name": Formula("institution_name"),
    "amount": Formula("amount_cents / 100"),
    "clv_percentage": Formula("clv_percentage"),
    "clv_ev": Formula(f"clv_percentage * {_IMPLIED}"),
    "clv_current_odds": Formula("clv_current_odds"),
}
ON_DEMAND_FORMULAS: Final = {
    "bet_features": {
        "implied_prob": Formula(_IMPLIED),
        "is_live": Formula("is_live"),
        "day_of_week": Formula("weekday of time_placed in UTC, Monday being 0"),
        "hour_of_day": Formula("hour of time_placed in UTC"),
        "sport_encoded": Formula(_CODE.format(column="sport")),
        "league_encoded": Formula(_CODE.format(column="league")),
        "market_encoded": Formula(_CODE.format(column="market")),
        "institution_encoded": Formula(_CODE.format(column="institution_name")),
        "bet_type_encoded": Formula(_CODE.format(column="bet_type")),
    },
    "bet_clv_features": {
        "clv_percentage": Formula("clv_percentage"),
        "clv_ev": Formula(f"clv_percentage * {_IMPLIED}"),
        "has_clv": Formula("clv_percentage is known"),
    },
}

_ROWS_OF_GROUPS: Final = (
    "over the newest version of each bet at an instant, where it is not deleted and has the key; at each known_at; "
    "a ratio over nothing is null"
)
_ROWS_OF_BETS: Final = {
    "bet_facts": (
        "of the newest version of the bet, null where it is deleted; first at time_placed (known_at if that is null) "
        "unless the first version is deleted, then at each known_at"
    ),
    "bet_closing_line": (
        "of the newest version of the bet, null where it is deleted; at each known_at from the first with any value on"
    ),
}
_ROWS_ON_DEMAND: Final = "of the bet of a request; what comes from null is null"
_KEY_SPELLING: Final = r"joined with |, \ and | escaped with \, null \N"


@cache
def feature_definitions() -> dict[str, dict[str, FeatureDefinition]]:
    """The definition of every stored feature, by view and feature."""
    views: dict[str, dict[str, FeatureDefinition]] = {}
    for view in GROUPED_VIEWS:
        key = f"{', '.join(view.group.columns)}; {_KEY_SPELLING}"
        views[view.name] = {
            feature.name: _definition(feature, GROUP_FORMULAS[feature.measure], _ROWS_OF_GROUPS, key)
            for feature in view.declared
        }
    for bets in BET_VIEWS:
        views[bets.name] = {
            feature.name: _definition(feature, BET_FORMULAS[feature.name], _ROWS_OF_BETS[bets.name], "id")
            for feature in bets.declared
        }
    return views


@cache
def on_demand_definitions() -> dict[str, dict[str, FeatureDefinition]]:
    """The same of every feature that is computed on demand."""
    return {
        view: {
            feature.name: _definition(
                feature, formulas[feature.name], _ROWS_ON_DEMAND, _inputs(formulas, feature, declared)
            )
            for feature in declared.declared
        }
        for view, declared in ON_DEMAND_DECLARATIONS.items()
        for formulas in [ON_DEMAND_FORMULAS[view]]
    }


def _inputs(formulas: Mapping[str, Formula], feature: DeclaredFeature, view: OnDemandDeclaration) -> str:
    """The columns that the formula names, with their types: "american_odds Float64"."""
    keys = {grouped.join_key: f"String, {_KEY_SPELLING}" for grouped in GROUPED_VIEWS if _looks_up(view, grouped.name)}
    columns = keys | dict(view.request)
    words = set(re.findall(r"\w+", formulas[feature.name].text))
    return "; ".join(f"{column} {kind}" for column, kind in columns.items() if column in words)


def _looks_up(view: OnDemandDeclaration, grouped: str) -> bool:
    return any(reference.startswith(f"{grouped}:") for reference in view.looked_up)


def _definition(feature: DeclaredFeature, formula: Formula, rows: str, key: str) -> FeatureDefinition:
    return FeatureDefinition(formula.text, formula.revision, rows, key, feature.dtype)
