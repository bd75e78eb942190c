"""The newest row of every key: as Feast's own store reads it, without the rows in between being made."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import psycopg
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from feature_repo.offline_store.latest import latest_pages, latest_query
from feature_repo.offline_store.source_table import column_list, source_of, table_of_view
from feature_repo.sources import carry_forward_of

pytest.importorskip("feast")

NOON = datetime(2026, 5, 24, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NewDatabase = Callable[[], AbstractContextManager[psycopg.Connection]]


def recent() -> Any:
    """sport_market_recent: said again every hour."""
    from feature_repo.views.sport_market_recent import sport_market_recent

    return sport_market_recent


def fill(database: psycopg.Connection, changes: list[tuple[str, datetime]], watermark: datetime | None) -> None:
    database.execute("set timezone to 'UTC'")
    if watermark is not None:
        database.execute("insert into features.watermark values (true, 1, %s, gen_random_uuid())", [watermark])
    for number, (key, at) in enumerate(changes, start=1):
        database.execute(
            "insert into features.sport_market_recent_changes values (%s, %s, %s, gen_random_uuid(), %s, null, %s)",
            [key, at, at, number / 8, number],
        )


def pages(database: psycopg.Connection, since: datetime, until: datetime, **options: Any) -> list[pl.DataFrame]:
    options = {"changed_only": False, "rows": 2} | options
    return list(latest_pages(database, recent(), since, until, **options))


def rows(frames: list[pl.DataFrame]) -> list[tuple[Any, ...]]:
    return sorted(row for frame in frames for row in frame.rows())


instants = st.integers(-300, 300).map(lambda minutes: NOON + minutes * MINUTE) | st.sampled_from(
    [NOON + hours * 60 * MINUTE + micros * timedelta(microseconds=1) for hours in range(-3, 4) for micros in (-1, 0, 1)]
)
changes = st.lists(st.tuples(st.sampled_from("abc"), instants), unique=True, max_size=8)

THE_SAME = """
    select sport_market, event_timestamp, recent_win_rate, recent_win_rate_50, sport_market_count
    from (
        select *, row_number() over (partition by sport_market order by event_timestamp desc) as place
        from features.sport_market_recent where event_timestamp between %s and %s
    ) as placed
    where place = 1
"""


@settings(max_examples=150)
@given(changes, instants | st.none(), instants, instants)
# A change dated after the watermark: the one a whole number of steps before is not said at the watermark.
@example([("a", NOON - 60 * MINUTE), ("a", NOON + 180 * MINUTE)], NOON, NOON - 120 * MINUTE, NOON + 60 * MINUTE)
def test_latest_rows_of_a_carried_forward_view_equal_those_of_the_view(
    new_database: NewDatabase,
    changes: list[tuple[str, datetime]],
    watermark: datetime | None,
    since: datetime,
    until: datetime,
) -> None:
    with new_database() as database:
        fill(database, changes, watermark)
        expected = database.execute(THE_SAME, [since, until]).fetchall()
        assert rows(pages(database, since, until)) == sorted(expected)


@settings(max_examples=50)
@given(changes, instants, instants)
def test_changed_only_pages_hold_changed_keys_at_the_instant_of_the_change(
    new_database: NewDatabase, changes: list[tuple[str, datetime]], since: datetime, until: datetime
) -> None:
    newest_of = {}
    for number, (key, at) in sorted(enumerate(changes, start=1), key=lambda change: change[1][1]):
        if since <= at <= until:
            newest_of[key] = (key, at, number / 8, None, number)
    with new_database() as database:
        fill(database, changes, NOON)
        assert rows(pages(database, since, until, changed_only=True)) == sorted(newest_of.values())


def test_latest_page_has_the_columns_of_the_view_and_at_most_the_requested_rows(database: psycopg.Connection) -> None:
    fill(database, [(key, NOON) for key in "abcde"], NOON)
    frames = pages(database, NOON, NOON)
    assert [frame.height for frame in frames] == [2, 2, 1]
    assert frames[0].schema == {
        "sport_market": pl.String(),
        "event_timestamp": pl.Datetime("us", "UTC"),
        "recent_win_rate": pl.Float64(),
        "recent_win_rate_50": pl.Float64(),
        "sport_market_count": pl.Int64(),
    }


def test_latest_query_makes_no_row_between_two_changes(database: psycopg.Connection) -> None:
    view = recent()
    query = latest_query(
        table_of_view(view), carry_forward_of(source_of(view)), ["sport_market"], NOON, NOON, keys_only=True
    )
    database.execute("set timezone to 'UTC'")
    plan = "\n".join(line for (line,) in database.execute(b"explain " + query.as_bytes(database)))
    assert "generate_series" not in plan
    assert column_list(["sport_market"]).as_string(database) == '"sport_market"'


QUERIES = [
    "select *\nfrom features.sport_market_recent_changes -- all of them\n",
    "table features.sport_market_recent_changes",
]


@pytest.mark.parametrize("query", QUERIES)
def test_latest_rows_of_a_query_source_with_comments_are_read(database: psycopg.Connection, query: str) -> None:
    """A comment of our SQL named the source, so that a query of two lines ran out of it: a syntax error."""
    from feast import Entity, FeatureView, Field
    from feast.infra.offline_stores.contrib.postgres_offline_store.postgres_source import PostgreSQLSource
    from feast.types import Int64, String

    fill(database, [("a", NOON - MINUTE), ("a", NOON), ("b", NOON)], NOON)
    view = FeatureView(
        name="asked",
        entities=[Entity(name="sport_market", join_keys=["sport_market"])],
        schema=[Field(name="sport_market", dtype=String), Field(name="sport_market_count", dtype=Int64)],
        source=PostgreSQLSource(name="asked", query=query, timestamp_field="event_timestamp"),
    )
    frames = list(latest_pages(database, view, NOON - MINUTE, NOON, changed_only=False, rows=10))
    assert rows(frames) == [("a", NOON, 2), ("b", NOON, 3)]
