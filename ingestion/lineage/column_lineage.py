"""Where every feature comes from, column by column: source, log, sum, measure, feature, view, service.

Each step is asked of the expressions that compute it, so that it changes with them:

log        columns of a source        quality/schema/frame.py
sum        columns of the log         ingestion/features/running_sums.py
measure    sums                       the same; of the last N, last_n.py
feature    a measure, or columns of the log (single_bets.py), or of a request (feature_repo/on_demand.py)

What a value is computed from is one thing; which rows there are, and when, is another: `rows` of a view are the columns
that name its keys and set its instants. What no expression says is in `UNTRACED`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final, NamedTuple

import narwhals as nw
import polars as pl

from feature_repo.declarations.feature_lists import FEATURE_LISTS
from feature_repo.declarations.views import (
    BET_CLOSING_LINE,
    BET_FACTS,
    BET_VIEWS,
    GROUPED_VIEWS,
    SPORT_MARKET_RECENT,
    GroupedView,
)
from ingestion.features import last_n, running_sums, single_bets
from ingestion.features.last_n import BETS_SCHEMA, RecentBets
from ingestion.features.replay import LOG_SCHEMA, STATE_SCHEMA
from ingestion.features.running_sums import SUMS
from ingestion.lineage.expression_roots import column_roots, expression_roots, needed_columns
from ingestion.lineage.on_demand_roots import on_demand_roots
from quality.schema import ACCEPTED_SCHEMA
from quality.schema.frame import CENT_COLUMNS, stored_expressions

# What no expression says, and how it is known nevertheless.
UNTRACED: Final = {
    "known_at": "intake sets it in SQL from updated_at (a first load with KNOWN_AT_COLUMN=settled_at from that)",
    "windows": "the last N are found in NumPy: every column that this reads counts for each of its features",
}
# The log's own numbering, which says what replaces what; no source has it.
_OWN: Final = frozenset({"seq", "previous_seq"})
# What became of a bet, beside the sums of its group: read by the last N.
_FLAGS: Final = ("graded",)
_VOCABULARY: Final = "features.vocabulary"


class Node(NamedTuple):
    """A step on the way. `kind` is source, log, sum, flag, measure, request, table, feature, view or service."""

    kind: str
    #: Of a feature `view:feature`.
    name: str


@dataclass(frozen=True)
class ColumnLineage:
    """All steps, each with those that it is made of."""

    #: What a value is computed from.
    values: Mapping[Node, tuple[Node, ...]]
    #: By view: what decides which rows it has and at which instants, beside the values.
    rows: Mapping[Node, tuple[Node, ...]]
    #: What of this no expression says, and why.
    notes: Mapping[Node, str]

    def columns(self, node: Node, kind: str, *, with_rows: bool = False) -> tuple[str, ...]:
        """The names of this kind that a step is made of in the end, `with_rows` of its view too."""
        reached = dict.fromkeys(self._upstream(node, with_rows=with_rows))
        return tuple(name for of_kind, name in reached if of_kind == kind)

    def downstream(self, node: Node) -> tuple[Node, ...]:
        """The steps that are made of this one, directly."""
        return tuple(made for made, of in self.values.items() if node in of)

    def _upstream(self, node: Node, *, with_rows: bool) -> Iterator[Node]:
        parents = list(self.values.get(node, ()))
        if with_rows and node.kind == "feature":
            parents += self.rows.get(Node("view", node.name.partition(":")[0]), ())
        for parent in parents:
            yield parent
            yield from self._upstream(parent, with_rows=with_rows)


@cache
def column_lineage() -> ColumnLineage:
    """The lineage of every feature that is declared."""
    values: dict[Node, tuple[Node, ...]] = {}
    values |= _of_log() | _of_sums() | _of_measures() | _of_grouped_features() | _of_bet_features() | _of_on_demand()
    for view, features in _features_by_view(values).items():
        values[Node("view", view)] = tuple(features)
    for service in FEATURE_LISTS:
        names = (f"{view}:{feature}" for view, features in service.features.items() for feature in features)
        values[Node("service", service.service)] = tuple(Node("feature", name) for name in names)
    notes = {Node("log", "known_at"): UNTRACED["known_at"]}
    notes |= {Node("measure", measure): UNTRACED["windows"] for measure in _recent_measures()}
    return ColumnLineage(values, _rows_of_views(), notes | _untraced_on_demand())


# ---- the steps -----------------------------------------------------------------------------------------------------


def _of_log() -> dict[Node, tuple[Node, ...]]:
    stored = {CENT_COLUMNS.get(name, name): expression for name, expression in stored_expressions().items()}
    lineage = {}
    for column in (*LOG_SCHEMA, "updated_at"):
        if column in stored:
            lineage[Node("log", column)] = _nodes("source", stored[column].meta.root_names())
        elif column in ACCEPTED_SCHEMA:
            lineage[Node("log", column)] = (Node("source", column),)
    return lineage | {Node("log", "known_at"): (Node("log", "updated_at"),)}


def _of_sums() -> dict[Node, tuple[Node, ...]]:
    return {
        Node("flag" if name in _FLAGS else "sum", name): _nodes(
            "log", column_roots(running_sums.contributions, name, LOG_SCHEMA)
        )
        for name in (*SUMS, *_FLAGS)
    }


def _of_measures() -> dict[Node, tuple[Node, ...]]:
    lineage = {
        Node("measure", name): _nodes("sum", expression_roots(expression, STATE_SCHEMA))
        for name, expression in running_sums.measure_expressions().items()
    }
    won = _nodes("sum", expression_roots(last_n.won_expression(), STATE_SCHEMA))
    # Only graded bets come into the list.
    of_last = (*won, *_nodes("flag", _FLAGS))
    return lineage | {Node("measure", measure): of_last for measure in _recent_measures()}


def _of_grouped_features() -> dict[Node, tuple[Node, ...]]:
    return {
        Node("feature", f"{view.name}:{feature.name}"): (Node("measure", feature.measure),)
        for view in GROUPED_VIEWS
        for feature in view.declared
    }


def _of_bet_features() -> dict[Node, tuple[Node, ...]]:
    return {
        Node("feature", f"{view.name}:{name}"): _nodes("log", column_roots(single_bets.described, name, LOG_SCHEMA))
        for view in BET_VIEWS
        for name in view.features
    }


def _of_on_demand() -> dict[Node, tuple[Node, ...]]:
    return {
        Node("feature", f"{view}:{feature}"): (
            *_nodes("request", roots.request),
            *((Node("table", _VOCABULARY),) if roots.is_encoded else ()),
        )
        for view, features in on_demand_roots().items()
        for feature, roots in features.items()
    }


def _untraced_on_demand() -> dict[Node, str]:
    return {
        Node("feature", f"{view}:{feature}"): "its function does more with its inputs than take them by name"
        for view, features in on_demand_roots().items()
        for feature, roots in features.items()
        if not roots.is_traced
    }


# ---- rows ----------------------------------------------------------------------------------------------------------


def _rows_of_views() -> dict[Node, tuple[Node, ...]]:
    first_at = {BET_FACTS.name: single_bets.first_fact_at(), BET_CLOSING_LINE.name: single_bets.first_line_at()}
    lineage = {
        Node("view", view.name): _nodes(
            "log", (single_bets.BET_KEY, *expression_roots(first_at[view.name], LOG_SCHEMA), "known_at")
        )
        for view in BET_VIEWS
    }
    return lineage | {Node("view", view.name): _nodes("log", _rows_of_groups(view)) for view in GROUPED_VIEWS}


def _rows_of_groups(view: GroupedView) -> Iterator[str]:
    """The columns of the log behind what `view` reads beside the values: the key, and what sets and orders instants."""
    read = _columns_of_windows() if view is SPORT_MARKET_RECENT else _columns_of_stats()
    for column in read:
        if column == "key":
            yield from view.group.columns
        elif column == "stood_at":  # the known_at of the version that stands
            yield "known_at"
        elif column in LOG_SCHEMA and column not in SUMS:
            yield column


@cache
def _columns_of_stats() -> tuple[str, ...]:
    """What the views over running sums read: one function makes all of them."""
    schema = {**STATE_SCHEMA, "known_at": LOG_SCHEMA["known_at"]}
    return needed_columns(lambda frame: running_sums.measured(nw.from_native(frame, eager_only=True)), schema)


def _columns_of_windows() -> tuple[str, ...]:
    schema = {**BETS_SCHEMA, "known_at": pl.Int64(), "departs": pl.Boolean()}
    return needed_columns(lambda frame: last_n.advance(frame, RecentBets.none()), schema)


# ---- parts -----------------------------------------------------------------------------------------------------------


def _recent_measures() -> list[str]:
    return [feature.measure for feature in SPORT_MARKET_RECENT.declared if feature.name in _WINDOWED]


# Beside its count, which running sums give too, the view has what only the last N give.
_WINDOWED: Final = frozenset(
    feature.name
    for feature in SPORT_MARKET_RECENT.declared
    if feature.measure not in running_sums.measure_expressions()
)


def _nodes(kind: str, names: Iterator[str] | tuple[str, ...] | list[str]) -> tuple[Node, ...]:
    return tuple(Node(kind, name) for name in dict.fromkeys(names) if name not in _OWN)


def _features_by_view(values: Mapping[Node, tuple[Node, ...]]) -> dict[str, list[Node]]:
    views: dict[str, list[Node]] = {}
    for node in values:
        if node.kind == "feature":
            views.setdefault(node.name.partition(":")[0], []).append(node)
    return views
