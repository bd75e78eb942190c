"""Which way a view is read: by an index lookup for each row, or all of it for the as-of join. The planner decides.

The planner counts in pages read. What its units and a moved row take in seconds was measured (docs/offline-store.md);
it differs between machines by a small factor, which moves the choice only where both ways take about as long.
"""

from __future__ import annotations

import json
from typing import Any, Final, Literal, NamedTuple

import psycopg
from psycopg import sql

Way = Literal["lookup", "as-of"]

# What a unit of the planner's costs takes, of a lookup by an index in memory and of a scan.
SECONDS_PER_LOOKUP_COST: Final = 1.8e-6
SECONDS_PER_SCAN_COST: Final = 2e-6
# Moving one row with a dozen columns to the client and bringing it into order there.
SECONDS_PER_ROW: Final = 0.85e-6
# More are not considered for lookups: their text alone would be long.
MOST_LOOKUPS: Final = 100_000


class PlannerEstimate(NamedTuple):
    """What the planner expects of a statement: its cost in the planner's units, and how many rows it returns."""

    cost: float
    rows: float


def planner_estimate(connection: psycopg.Connection, query: sql.Composable) -> PlannerEstimate:
    """The planner's expectation of a query. Reads no row."""
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("explain (format json) {}").format(query))
        (explanation,) = cursor.fetchone() or (None,)
    plan: Any = (json.loads(explanation) if isinstance(explanation, str) else explanation)[0]["Plan"]
    return PlannerEstimate(float(plan["Total Cost"]), float(plan["Plan Rows"]))


def faster_way(lookups: int, lookup: PlannerEstimate, history: PlannerEstimate) -> Way:
    """The way that should take less time: so many lookups like this one, or the as-of join with this history."""
    lookup_seconds = lookups * lookup.cost * SECONDS_PER_LOOKUP_COST
    join_seconds = history.cost * SECONDS_PER_SCAN_COST + history.rows * SECONDS_PER_ROW
    return "lookup" if lookup_seconds < join_seconds else "as-of"
