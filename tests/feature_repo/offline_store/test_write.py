"""Rows written by hand, the rows that are pulled for the online store, and sources that are looked at when applied."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import pandas as pd
import psycopg
import pyarrow as pa
import pytest
from feast import BigQuerySource, FeatureStore, FeatureView
from feast.data_source import PushSource
from feast.infra.offline_stores.contrib.postgres_offline_store.postgres_source import PostgreSQLSource
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_repo.errors import RowsUnfit
from feature_repo.offline_store.latest import latest_pages
from tests.feature_repo.offline_store.test_as_of_join import instants, players
from tests.rigs.offline_stores import HOUR, NOON, OURS, Stores, narrow, player, repo_config, stores

__all__ = ["stores"]

ALL = "select player, at, made, score, shots, note from public.plays order by 1, 2, 3, 4"


def rows(*rows_written: tuple[Any, ...]) -> pd.DataFrame:
    return pd.DataFrame(rows_written, columns=["player", "at", "made", "score", "shots", "note"])


def write(stores: Stores, frame: pd.DataFrame) -> None:
    stores.ours.write_to_offline_store("narrow", frame)


@pytest.fixture
def unique(stores: Stores) -> Any:
    with stores.filled() as database:
        database.execute("create unique index only_one on public.plays (player, at)")
        yield database
        database.execute("drop index public.only_one")


# ---- rows by hand ----------------------------------------------------------------------------------------------------


def test_offline_write_stores_exact_values_and_skips_existing_rows(stores: Stores) -> None:
    rows_written = rows(("a", NOON, NOON, 0.1, None, "tab\t\\N"), ("b", NOON, NOON, None, None, ""))
    rows_written["shots"] = pd.array([2**53 + 1, None], "Int64")
    with stores.filled() as database:
        for _ in range(2):
            write(stores, rows_written)
        result = database.execute(ALL).fetchall()
    assert result == [("a", NOON, NOON, 0.1, 2**53 + 1, "tab\t\\N"), ("b", NOON, NOON, None, None, "")]


def test_offline_write_replaces_the_row_of_the_same_key_and_instant(stores: Stores, unique: psycopg.Connection) -> None:
    write(stores, rows(("a", NOON, NOON, 1.0, 1, "old"), ("b", NOON, NOON, 1.0, 1, "stays")))
    write(stores, rows(("a", NOON, NOON, 2.0, None, "lost"), ("a", NOON, NOON + HOUR, 3.0, None, "new")))
    assert unique.execute(ALL).fetchall() == [
        ("a", NOON, NOON + HOUR, 3.0, None, "new"),
        ("b", NOON, NOON, 1.0, 1, "stays"),
    ]


def test_offline_write_maps_fields_to_the_names_in_the_source(stores: Stores) -> None:
    with stores.filled() as database:
        stores.ours.write_to_offline_store("endless", rows(("a", NOON, NOON, 1.5, 1, "x")))
        assert database.execute(ALL).fetchall() == [("a", NOON, NOON, 1.5, 1, "x")]


def test_offline_write_reads_naive_instants_as_utc(stores: Stores) -> None:
    naive = NOON.replace(tzinfo=None)
    with stores.filled() as database:
        write(stores, rows(("a", naive, naive, 1.0, 1, None)))
        assert database.execute("select at from public.plays").fetchall() == [(NOON,)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"score": ["much"]}, "do not fit public.plays: invalid input syntax for type double precision"),
        ({"shots": [1.5]}, "do not fit public.plays: invalid input syntax for type bigint"),
    ],
)
def test_offline_write_refuses_unfit_values_and_writes_nothing(stores: Stores, change: Any, message: str) -> None:
    with stores.filled() as database:
        with pytest.raises(RowsUnfit, match=message):
            write(stores, rows(("a", NOON, NOON, 1.0, 1, "x")).assign(**change))
        assert database.execute(ALL).fetchall() == []


def test_offline_write_names_unfit_columns(stores: Stores) -> None:
    store = stores.ours._get_provider().offline_store
    table = pa.table({"player": ["a"], "height": [1.9]})
    with pytest.raises(RowsUnfit, match="height not in the table; at not given"):
        store.offline_write_batch(stores.ours.config, narrow, table, None)


def test_offline_source_of_an_unsupported_type_is_refused_with_the_type_name(stores: Stores) -> None:
    config, store = stores.ours.config, stores.ours._get_provider().offline_store
    view = FeatureView(
        name="far",
        entities=[player],
        ttl=HOUR,
        schema=narrow.schema,
        source=BigQuerySource(name="far", table="far", timestamp_field="at"),
    )
    view.entity_columns = narrow.entity_columns
    for act in (
        partial(store.offline_write_batch, config, view, pa.table({}), None),
        partial(
            store.pull_latest_from_table_or_query, config, view.batch_source, ["player"], [], "at", None, NOON, NOON
        ),
    ):
        with pytest.raises(RowsUnfit, match="far is a BigQuerySource, which this offline store does not read"):
            act()


def test_offline_write_to_a_query_source_is_refused(stores: Stores) -> None:
    source = PostgreSQLSource(name="q", query="select * from public.plays", timestamp_field="at")
    view = FeatureView(name="q", entities=[player], ttl=HOUR, schema=narrow.schema, source=source)
    view.entity_columns = narrow.entity_columns
    with pytest.raises(RowsUnfit, match="q reads a query"):
        stores.ours._get_provider().offline_store.offline_write_batch(stores.ours.config, view, pa.table({}), None)


def test_push_to_the_offline_store_is_written(stores: Stores, tmp_path: Any) -> None:
    store = FeatureStore(config=repo_config(stores.postgres, tmp_path, OURS))
    batch = PostgreSQLSource(name="plays", table="public.plays", timestamp_field="at", created_timestamp_column="made")
    pushed = FeatureView(
        name="pushed",
        entities=[player],
        ttl=HOUR,
        schema=narrow.schema,
        source=PushSource(name="push", batch_source=batch),
    )
    store.apply([player, pushed])
    from feast.data_source import PushMode

    with stores.filled() as database:
        store.push("push", rows(("a", NOON, NOON, 1.0, 1, "x")), to=PushMode.OFFLINE)
        assert database.execute("select player, score from public.plays").fetchall() == [("a", 1.0)]


# ---- rows for the online store ---------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(
    st.lists(st.tuples(players, instants, st.none() | instants), max_size=8, unique=True),
    instants,
    instants,
    st.booleans(),
)
def test_pull_latest_returns_the_rows_of_the_stock_store(
    stores: Stores, drawn: Any, start: Any, end: Any, everything: bool
) -> None:
    plays = [(*row, float(number), None, None) for number, row in enumerate(drawn)]
    columns = [] if everything else ["score", "note"]

    def latest(store: Any) -> pa.Table:
        read = store._get_provider().offline_store.pull_latest_from_table_or_query
        return read(store.config, narrow.batch_source, ["player"], columns, "at", "made", start, end).to_arrow()

    with stores.filled(plays=plays):
        ours, stock = latest(stores.ours), latest(stores.stock)
    assert ours.schema.equals(stock.schema)
    assert ours.sort_by("player").to_pylist() == stock.sort_by("player").to_pylist()


@pytest.mark.parametrize(
    "limits", [{}, {"start_date": NOON}, {"end_date": NOON}, {"start_date": NOON, "end_date": NOON}]
)
def test_pull_all_returns_the_rows_of_the_stock_store(stores: Stores, limits: Any) -> None:
    def every(store: Any) -> list[Any]:
        read = store._get_provider().offline_store.pull_all_from_table_or_query
        job = read(store.config, narrow.batch_source, ["player"], ["note"], "at", "made", **limits)
        return sorted(map(repr, job.to_arrow().to_pylist()))

    plays = [("a", NOON + hours * HOUR, NOON, None, None, str(hours)) for hours in (-1, 0, 1)]
    with stores.filled(plays=plays):
        if limits:
            assert every(stores.ours) == every(stores.stock)
        assert len(every(stores.ours)) == 3 - len(limits)


def test_latest_pages_have_the_field_names_and_keys_of_the_view(stores: Stores) -> None:
    plays = [("a", NOON - HOUR, NOON, 1.0, 1, "x"), ("a", NOON, NOON, 2.0, 1, "x"), (None, NOON, NOON, 3.0, 1, "x")]
    with stores.filled(plays=plays, weather=[(NOON - HOUR, 1.5), (NOON, 2.5)]) as database:
        database.execute("set timezone to 'UTC'")
        read = {
            name: [
                row
                for page in latest_pages(
                    database, stores.ours.get_feature_view(name), NOON - HOUR, NOON, changed_only=False, rows=10
                )
                for row in page.to_dicts()
            ]
            for name in ("endless", "bare")
        }
    assert read == {
        "endless": [{"player": "a", "event_timestamp": NOON, "points": 2.0}],
        "bare": [{"event_timestamp": NOON, "wind": 2.5}],
    }


# ---- sources that are applied ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"table": "public.nowhere"}, 'cannot be read: relation "public.nowhere" does not exist'),
        ({"query": "select 1 +"}, "cannot be read: syntax error"),
        ({"table": "public.plays", "timestamp_field": "when"}, "lacks when; it has player, at, made"),
        ({"table": "public.plays", "timestamp_field": "note"}, "columns of times that are none: note is text"),
    ],
)
def test_validation_refuses_an_unreadable_source(stores: Stores, options: Any, message: str) -> None:
    source = PostgreSQLSource(name="wrong", **({"timestamp_field": "at"} | options))
    with pytest.raises(RowsUnfit, match=message):
        stores.ours._get_provider().validate_data_source(stores.ours.config, source)


def test_validation_accepts_readable_sources(stores: Stores) -> None:
    unmapped = PostgreSQLSource(
        name="unmapped", table="public.plays", timestamp_field="at", field_mapping={"goals": "points"}
    )
    for source in [*stores.ours.list_data_sources(), unmapped]:
        stores.ours._get_provider().validate_data_source(stores.ours.config, source)
    assert timedelta(0) == stores.ours.get_feature_view("endless").ttl
