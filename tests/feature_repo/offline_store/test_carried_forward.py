"""Re-asserted sources are read from their changes, and give what Feast's own store reads off the view, row by row."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from feast import Entity, FeatureStore, FeatureView, Field, ValueType
from feast.types import Float64, Int64, String
from hypothesis import example, given, settings
from hypothesis import strategies as st

from feature_repo.declarations.views import GROUPED_VIEWS
from feature_repo.servers.connections import Postgres
from feature_repo.sources import history_source
from ingestion.database.access import connect
from tests.rigs.databases import create_database
from tests.rigs.offline_stores import HOUR, MICRO, NOON, OURS, records, repo_config

RECENT = next(view for view in GROUPED_VIEWS if view.name == "sport_market_recent")
entity = Entity(name="sport_market", join_keys=["sport_market"], value_type=ValueType.STRING)
# The source is said again every hour: below that its rows are read one by one.
TTLS = {"none": timedelta(0), "half": HOUR / 2, "hour": HOUR, "longer": 2 * HOUR + timedelta(minutes=7)}


def view(name: str, ttl: timedelta) -> FeatureView:
    fields = [Field(name="sport_market", dtype=String), Field(name="sport_market_count", dtype=Int64)]
    source = history_source(RECENT)
    source.name = f"source_of_{name}"
    return FeatureView(
        name=name,
        entities=[entity],
        ttl=ttl,
        schema=[*fields, Field(name="recent_win_rate", dtype=Float64)],
        source=source,
    )


REFS = [f"{name}:{feature}" for name in TTLS for feature in ("sport_market_count", "recent_win_rate")]


@dataclasses.dataclass(repr=False)
class Both:
    stock: FeatureStore
    ours: FeatureStore
    postgres: Postgres


@pytest.fixture(scope="module")
def both(template: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Both:
    directory: Path = tmp_path_factory.mktemp("both")
    postgres = create_database(template, template=template)
    stock, ours = (FeatureStore(config=repo_config(postgres, directory, name)) for name in ("postgres", OURS))
    ours.apply([entity, *(view(name, ttl) for name, ttl in TTLS.items())])
    return Both(stock, ours, postgres)


def fill(postgres: Postgres, changes: list[tuple[str, datetime]], watermark: datetime | None) -> None:
    with connect(postgres, purpose="test") as database:
        database.execute("truncate features.sport_market_recent_changes, features.watermark")
        if watermark is not None:
            database.execute("insert into features.watermark values (true, 1, %s, gen_random_uuid())", [watermark])
        for number, (key, at) in enumerate(changes, start=1):
            database.execute(
                "insert into features.sport_market_recent_changes values (%s, %s, %s, gen_random_uuid(), %s, null, %s)",
                [key, at, at, number / 8, number],
            )


instants = st.integers(-300, 300).map(lambda minutes: NOON + timedelta(minutes=minutes)) | st.sampled_from(
    [NOON + hours * HOUR + micros * MICRO for hours in range(-3, 4) for micros in (-1, 0, 1)]
)
changes = st.lists(st.tuples(st.sampled_from("abc"), instants), unique=True, max_size=6)
rows = st.lists(st.tuples(st.sampled_from("abcd"), instants), unique=True, min_size=1, max_size=8)


def retrieve(store: Any, frame: pd.DataFrame, way: Any = None, **options: Any) -> list[dict[str, Any]]:
    job = store.get_historical_features(frame, REFS, full_feature_names=True, **options)
    job.way = way
    result = records(job.to_df())
    for row in result:
        row["event_timestamp"] = pd.Timestamp(row["event_timestamp"]).tz_localize(None)
    return sorted(result, key=lambda row: (row["sport_market"], row["event_timestamp"]))


@pytest.mark.parametrize("way", ["lookup", "as-of"])
@settings(max_examples=60)
@given(changes, st.none() | instants, rows, st.booleans())
# A change that is dated after the watermark: what held before it was said for the last time half an hour before.
@example(
    [("a", NOON - HOUR / 2), ("a", NOON + 3 * HOUR)],
    NOON,
    [("a", NOON + minutes * HOUR / 60) for minutes in (29, 30, 31, 45, 90, 91)],
    False,
)
def test_retrieval_from_the_changelog_equals_the_view_row_by_row(
    both: Both, way: str, changes: Any, watermark: datetime | None, rows: Any, visible: bool
) -> None:
    fill(both.postgres, changes, watermark)
    frame = pd.DataFrame(rows, columns=["sport_market", "event_timestamp"])
    ours = retrieve(both.ours, frame, way, filter_by_created_timestamp=visible)
    assert ours == retrieve(both.stock, frame)


def test_retrieval_reads_the_changelog_instead_of_the_view(both: Both) -> None:
    frame = pd.DataFrame({"sport_market": ["a"], "event_timestamp": [NOON]})
    for name in TTLS:
        statement = both.ours.get_historical_features(frame, [f"{name}:recent_win_rate"]).to_sql()
        read = "features.sport_market_recent as history"
        assert (read in statement) == (name == "half"), name


@settings(max_examples=40)
@given(changes, instants, instants, instants)
def test_newest_rows_of_a_carried_forward_view_are_those_of_the_stock_store(
    both: Both, changes: Any, watermark: datetime, start: datetime, end: datetime
) -> None:
    fill(both.postgres, changes, watermark)
    columns = ["sport_market", "recent_win_rate", "sport_market_count", "event_timestamp", "created_timestamp"]

    def latest(store: Any, read: Callable[..., Any]) -> Any:
        source = store.get_feature_view("none").batch_source
        job = read(store.config, source, columns[:1], columns[1:3], columns[3], columns[4], start, end)
        return job.to_arrow().sort_by("sport_market")

    stock, ours = (
        latest(s, s._get_provider().offline_store.pull_latest_from_table_or_query) for s in (both.stock, both.ours)
    )
    assert ours.schema.equals(stock.schema)
    assert ours.to_pylist() == stock.to_pylist()
