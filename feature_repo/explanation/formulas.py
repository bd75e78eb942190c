"""Features as formulas over plain numbers: the text that is shown is the one that is computed, in exact fractions.

A formula has `+ - * / // %`, numbers and names. A ratio over nothing is null, and so is what is made of a null.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final, NamedTuple

from feature_repo.declarations.features import SHRINKAGE

# Measure of groups -> its formula over the columns of feature_repo/sql/explanation/group_versions.sql.
MEASURE_FORMULAS: Final[Mapping[str, str]] = {
    "win_rate": "wins / (wins + losses)",
    "roi": "100 * profit_at_risk_cents / stake_cents",
    "avg_bet_roi": "bet_roi / bet_rois",
    "count": "wins + losses",
    "edge": "(priced_wins - implied_prob) / priced",
    "win_rate_shrunk": f"(priced_wins + {SHRINKAGE} * implied_prob / priced) / (priced + {SHRINKAGE})",
    "avg_clv": "clv / clvs",
    "recent_win_rate": "wins / (wins + losses)",
    "recent_win_rate_50": "wins / (wins + losses)",
}
# Measure -> the column that says whether a version adds to it.
ADDING_COLUMNS: Final[Mapping[str, str]] = {
    "win_rate": "graded",
    "roi": "at_risk",
    "avg_bet_roi": "bet_rois",
    "count": "graded",
    "edge": "priced",
    "win_rate_shrunk": "priced",
    "avg_clv": "clvs",
    "recent_win_rate": "graded",
    "recent_win_rate_50": "graded",
}
_FAVOURITE: Final = {
    "decimal_odds": "1 + 100 / -american_odds",
    "implied_prob": "-american_odds / (100 - american_odds)",
    "clv_ev": "clv_percentage * -american_odds / (100 - american_odds)",
}
_OUTSIDER: Final = {
    "decimal_odds": "1 + american_odds / 100",
    "implied_prob": "100 / (100 + american_odds)",
    "clv_ev": "clv_percentage * 100 / (100 + american_odds)",
}
# `placed_at` is in whole seconds since 1970, which was a Thursday.
_ANY_PRICE: Final = {
    "amount": "amount_cents / 100",
    "day_of_week": "(placed_at // 86400 + 3) % 7",
    "hour_of_day": "placed_at % 86400 // 3600",
}
_OPERATORS: Final[Mapping[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_TOLERANCE: Final = 1e-9


class Calculation(NamedTuple):
    """A value, how it came about, and the numbers of its formula by name."""

    value: Any
    text: str
    numbers: Mapping[str, Any]


def bet_formula(feature: str, american_odds: int | None) -> str:
    """The formula of a feature of a single bet at this price; its own name where it is a column of the bet."""
    by_price = _FAVOURITE if american_odds is not None and american_odds < 0 else _OUTSIDER
    return (by_price | _ANY_PRICE).get(feature, feature)


def calculate(formula: str, values: Mapping[str, Any], dtype: str) -> Calculation:
    """The value of a formula over these values by name, as the type of the feature has it; the text has the numbers."""
    numbers = {name: plain_number(values[name]) for name in names_in(formula)}
    if formula in values:
        return Calculation(values[formula], f"{formula} = {_shown(values[formula])}", numbers)
    exact = _value(ast.parse(formula, mode="eval").body, values)
    value = None if exact is None else float(exact) if dtype == "Float64" else int(exact)
    filled = re.sub(r"[a-z_]+", lambda name: _shown(values[name[0]], in_formula=True), formula)
    return Calculation(value, f"{formula} = {filled} = {_shown(value)}", numbers)


def names_in(formula: str) -> tuple[str, ...]:
    """The names in a formula, each once, in order."""
    return tuple(dict.fromkeys(re.findall(r"[a-z_]+", formula)))


def values_agree(stored: Any, recomputed: Any, dtype: str) -> bool:
    """Whether two values are one (rule R3): floats to 1e-9 of their size, or of 1, anything else exactly."""
    if stored is None or recomputed is None or dtype != "Float64":
        return bool(stored == recomputed)
    return bool(abs(stored - recomputed) <= _TOLERANCE * max(1, abs(recomputed)))


def plain_number(value: Any) -> Any:
    """A number as Python has it: what Postgres counts in fractions of ten, such as 0.523809524, is the float of it."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value


def _value(node: ast.expr, values: Mapping[str, Any]) -> Fraction | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        return Fraction(node.value)
    if isinstance(node, ast.Name):
        return None if values[node.id] is None else Fraction(values[node.id])
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        operand = _value(node.operand, values)
        return None if operand is None else -operand
    if isinstance(node, ast.BinOp):
        left, right = _value(node.left, values), _value(node.right, values)
        is_over_nothing = right == 0 and isinstance(node.op, ast.Div)
        if left is None or right is None or is_over_nothing:
            return None
        return Fraction(_OPERATORS[type(node.op)](left, right))
    raise ValueError(f"no part of a formula: {ast.dump(node)}")


def _shown(value: Any, *, in_formula: bool = False) -> str:
    """A value as text; a negative number inside a formula in brackets."""
    if value is None:
        return "null"
    if isinstance(value, bool | str):
        return repr(value) if isinstance(value, str) else str(value).lower()
    whole = math.trunc(value)
    text = str(whole) if value == whole else f"{float(value):.10g}"
    return f"({text})" if in_formula and value < 0 else text
