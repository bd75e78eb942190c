"""Which way a view is read: row by row by an index, or all of its window at once. The planner's costs decide.

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
    """What the planner expects of a statement."""

    cost: float
    rows: float


def explained(connection: psycopg.Connection, query: sql.Composable) -> PlannerEstimate:
    """The planner's expectation of a query. Reads no row."""
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("explain (format json) {}").format(query))
        (found,) = cursor.fetchone() or (None,)
    plan: Any = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
    return PlannerEstimate(float(plan["Total Cost"]), float(plan["Plan Rows"]))


def cheaper(lookups: int, one: PlannerEstimate, window: PlannerEstimate) -> Way:
    """The way that should take less time: so many lookups, or all rows of the window."""
    looking_up = lookups * one.cost * SECONDS_PER_LOOKUP_COST
    moving = window.cost * SECONDS_PER_SCAN_COST + window.rows * SECONDS_PER_ROW
    return "lookup" if looking_up < moving else "as-of"
