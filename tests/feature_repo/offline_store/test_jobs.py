"""What a retrieval job can do besides: be a statement, be kept as a table, end in time, be interrupted."""

from __future__ import annotations

import os
import signal
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import psycopg
import pyarrow as pa
import pytest
from feast import Entity, FeatureStore, FeatureView, Field, ValueType
from feast.infra.offline_stores.contrib.postgres_offline_store.postgres_source import (
    PostgreSQLSource,
    SavedDatasetPostgreSQLStorage,
)
from feast.types import String
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_repo.errors import LockHeld, RetrievalTimedOut, RowsUnfit
from tests.feature_repo.offline_store.test_as_of_join import frame_of, frames, numbered, plays, teams
from tests.rigs.forked_commands import forked_command
from tests.rigs.offline_stores import HOUR, KEYED, NOON, OURS, Stores, records, repo_config, stores
from tests.rigs.processes import wait_until

__all__ = ["stores"]

PLAYS = [("a", NOON, NOON, 1.5, 7, "x'y\\"), ("b", NOON - HOUR, NOON, 2.5, None, None)]
QUERY = "select player, 1 as team, at as event_timestamp from public.plays order by player"
SLOW = "select player, 1 as team, at as event_timestamp from public.plays, pg_sleep(3600)"


def frame() -> pd.DataFrame:
    return frame_of([("b", 1, NOON), ("a", 1, NOON), (None, 1, NOON)])


def job(store: Any, entities: Any, refs: list[str] = KEYED, **options: Any) -> Any:
    return store.get_historical_features(entities, refs, full_feature_names=True, **options)


# ---- as a statement --------------------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(plays, teams, frames, st.booleans(), st.booleans())
def test_to_sql_returns_the_same_rows_in_any_session(
    stores: Stores, plays: Any, teams: Any, frames: Any, visible: bool, as_text: bool
) -> None:
    # What nothing tells apart may be told apart differently.
    plays = list({row[:3]: row for row in plays}.values())
    teams = list({row[:3]: row for row in teams}.values())
    with stores.filled(**numbered(plays, teams)) as database:
        ours = job(stores.ours, QUERY if as_text else frame_of(frames), filter_by_created_timestamp=visible)
        database.execute("set timezone to 'America/New_York'")
        statement = database.execute(ours.to_sql())
        names = [column.name for column in statement.description or ()]
        result = pd.DataFrame(statement.fetchall(), columns=names)
        table = ours.to_df()
    assert names == table.columns.to_list()
    assert records(result.astype(object)) == records(table.astype(object))


def test_to_sql_reads_no_table_of_this_repository(stores: Stores) -> None:
    with stores.filled(plays=PLAYS):
        statement = job(stores.ours, frame()).to_sql()
    assert "create" not in statement.lower()
    assert "feast_entity_df" not in statement


# ---- as a table ------------------------------------------------------------------------------------------------------


def test_saved_dataset_reads_back_unchanged(stores: Stores) -> None:
    """With what nobody joins on (an id, a label), and with rows without an instant."""
    labelled = frame_of([("b", 1, NOON), ("a", 1, NOON), ("a", 1, None)]).assign(bet_id=["x", "y", "z"], won=True)
    with stores.filled(plays=PLAYS, teams=[("a", 1, NOON, 3)]) as database:
        ours = job(stores.ours, labelled)
        stores.ours.create_saved_dataset(ours, "season", SavedDatasetPostgreSQLStorage("public.season"))
        result = stores.ours.get_saved_dataset("season").to_df().sort_values("bet_id", ignore_index=True)
        expected = ours.to_df().sort_values("bet_id", ignore_index=True)
        expected["event_timestamp"] = expected["event_timestamp"].dt.tz_localize(None)
        database.execute("drop table public.season")
    assert result.columns.to_list() == expected.columns.to_list()
    assert records(result) == records(expected)


def test_persist_keeps_an_existing_table_without_allow_overwrite(stores: Stores) -> None:
    storage = SavedDatasetPostgreSQLStorage("public.kept")
    with stores.filled(plays=PLAYS) as database:
        job(stores.ours, frame().head(1)).persist(storage)
        with pytest.raises(RowsUnfit, match=r"a table public\.kept already"):
            job(stores.ours, frame()).persist(storage)
        assert database.execute("select count(*) from public.kept").fetchall() == [(1,)]
        job(stores.ours, frame()).persist(storage, allow_overwrite=True)
        assert database.execute("select count(*), count(narrow__score) from public.kept").fetchall() == [(3, 2)]
        database.execute("drop table public.kept")


def test_persist_keeps_every_type_of_column(stores: Stores) -> None:
    saved = pd.DataFrame(
        {
            "player": ["a"], "team": [1], "event_timestamp": [NOON], "day": [NOON.date()], "flag": [True],
            "bytes": [b"\x00\\"], "words": [["x", 'y"z']], "numbers": [[1, 2]], "nothing": [None],
            "thing": [{"deep": [1]}], "category": pd.Categorical(["c"]), "text": ["tab\tline\n"], "none": ["\\N"],
        }
    )  # fmt: skip
    with stores.filled(plays=PLAYS) as database:
        job(stores.ours, saved, ["narrow:score"]).persist(SavedDatasetPostgreSQLStorage("public.kinds"))
        row = database.execute("select * from public.kinds").fetchone()
        database.execute("drop table public.kinds")
    assert row == (
        "a", 1, NOON, NOON.date(), True, b"\x00\\", ["x", 'y"z'], [1, 2], None, {"deep": [1]}, "c",
        "tab\tline\n", "\\N", 1.5,
    )  # fmt: skip


# ---- in time ---------------------------------------------------------------------------------------------------------


def busy(database: psycopg.Connection) -> int:
    ours = "application_name = 'feast retrieval' and state <> 'idle'"
    row = database.execute(f"select count(*) from pg_stat_activity where {ours}").fetchone()
    assert row is not None
    return int(row[0])


def test_retrieval_past_the_timeout_raises_and_ends_the_query(stores: Stores) -> None:
    with stores.filled(plays=PLAYS) as database:
        slow = job(stores.ours, SLOW)
        with pytest.raises(TimeoutError, match="longer than the 1 seconds"):
            slow.to_df(timeout=1)
        wait_until(lambda: busy(database) == 0)


def test_retrieval_timeout_counts_over_all_statements(stores: Stores) -> None:
    with stores.filled(plays=PLAYS), pytest.raises(RetrievalTimedOut):
        job(stores.ours, frame()).to_arrow(timeout=1e-9)
    with stores.filled(plays=PLAYS):
        assert len(job(stores.ours, frame()).to_arrow(timeout=3600)) == 3


def test_retrieval_raises_lock_held_when_another_session_keeps_the_table_locked(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feature_repo.postgres.sessions.LOCK_PATIENCE", 0.2)
    with stores.filled(plays=PLAYS) as database, database.transaction():
        database.execute("lock table public.plays in access exclusive mode")
        with pytest.raises(LockHeld, match="another session holds"):
            job(stores.ours, frame()).to_arrow()


INTERRUPTED = """
import sys
from pathlib import Path
from feast import Entity, FeatureStore, FeatureView, Field, ValueType
from feature_repo.servers.connections import Postgres
from tests.rigs.offline_stores import OURS, repo_config

postgres = Postgres(**eval(sys.argv[1]))
store = FeatureStore(config=repo_config(postgres, Path(sys.argv[2]), OURS))
job = store.get_historical_features(sys.argv[3], ["narrow:score"])
from feast.infra.offline_stores.contrib.postgres_offline_store.postgres_source import SavedDatasetPostgreSQLStorage
print("asking", flush=True)
job.persist(SavedDatasetPostgreSQLStorage("public.interrupted"))
"""


def test_interrupted_retrieval_leaves_no_session_or_table(stores: Stores) -> None:
    directory = Path(str(stores.ours.config.registry_config)).parent
    arguments = [repr(vars(stores.postgres)), str(directory), SLOW]
    with stores.filled(plays=PLAYS) as database:
        program = ["-c", INTERRUPTED, *arguments]
        with forked_command("python", program, environ=os.environ, cwd=Path(__file__).parents[3]) as asking:
            wait_until(lambda: asking.printed() == "asking\n", asking)
            wait_until(lambda: busy(database) == 1, asking)
            asking.send_signal(signal.SIGINT)
            ended = asking.wait()
        assert ended.returncode != 0
        assert "KeyboardInterrupt" in ended.stderr
        wait_until(lambda: busy(database) == 0)
        assert database.execute("select to_regclass('public.interrupted')").fetchall() == [(None,)]


# ---- without a frame -------------------------------------------------------------------------------------------------


def test_time_range_of_a_single_view_returns_the_rows_of_stock(stores: Stores) -> None:
    with stores.filled(plays=PLAYS):
        ours, stock = (
            s.get_historical_features(
                features=["narrow:score", "narrow:note"], start_date=NOON - HOUR, end_date=NOON
            ).to_df()
            for s in (stores.ours, stores.stock)
        )
    assert ours.columns.to_list() == stock.columns.to_list()
    stock[["event_timestamp", "created_timestamp"]] = stock[["event_timestamp", "created_timestamp"]].apply(
        lambda column: column.dt.tz_localize("UTC")
    )
    assert records(ours) == records(stock.sort_values("event_timestamp"))
    assert len(ours) == 2


@settings(max_examples=30)
@given(plays)
def test_time_range_of_several_views_returns_a_row_per_key_and_instant(stores: Stores, plays: Any) -> None:
    plays = list({(row[0], row[1]): row for row in plays}.values())
    with stores.filled(**numbered(plays, [])):
        ours, stock = (
            s.get_historical_features(
                features=["narrow:note", "endless:points"], start_date=NOON - 2 * HOUR, end_date=NOON
            ).to_df()
            for s in (stores.ours, stores.stock)
        )
    assert ours.columns.to_list() == stock.columns.to_list()
    stock["event_timestamp"] = stock["event_timestamp"].dt.tz_localize("UTC")
    order = ["event_timestamp", "player"]
    assert records(ours.sort_values(order)) == records(stock.sort_values(order))


# ---- one snapshot, and what is known of it ---------------------------------------------------------------------------


def test_views_of_a_retrieval_are_read_at_the_same_snapshot(stores: Stores) -> None:
    with stores.filled(plays=PLAYS) as database:
        reads = job(stores.ours, frame(), ["narrow:score", "endless:points"])
        tables = []
        original = type(reads)._read

        def change_in_between(self: Any, connection: Any, deadline: Any) -> Any:
            connection.execute("select 1")
            database.execute("update public.plays set score = -1")
            tables.append(original(self, connection, deadline))
            return tables[0]

        type(reads)._read = change_in_between
        try:
            table = reads.to_arrow()
        finally:
            type(reads)._read = original
    assert table.column("narrow__score").to_pylist() == table.column("endless__points").to_pylist() == [2.5, 1.5, None]


def test_job_metadata_names_features_keys_and_time_range(stores: Stores) -> None:
    with stores.filled(plays=PLAYS):
        for entities in (frame(), QUERY):
            metadata = job(stores.ours, entities).metadata
            assert sorted(metadata.keys) == ["player", "team"]
            assert metadata.features == KEYED
            assert metadata.max_event_timestamp == NOON
        assert metadata.min_event_timestamp == NOON - HOUR


# ---- types -----------------------------------------------------------------------------------------------------------

KINDS = {
    "boolean": "true", "smallint": "1", "integer": "2", "bigint": "9007199254740993", "real": "0.1",
    "double precision": "'NaN'", "numeric": "12.5", "text": "'x'", "varchar": "''", "char(3)": "'x'",
    "bytea": "'\\x00ff'",
    "date": "'2026-05-24'", "timestamp": "'2026-05-24 01:02:03.000004'", "timestamptz": "'2026-05-24 01:02:03+02'",
    "bigint[]": "'{1,null}'", "text[]": "'{a,\"b,c\"}'", "double precision[]": "'{0.5}'", "boolean[]": "'{t,f}'",
    "timestamptz[]": "'{2026-05-24 01:02:03+00}'", "numeric[]": "'{1.5}'",
}  # fmt: skip
OURS_ALONE = {
    "uuid": "00000000-0000-0000-0000-000000000005", "jsonb": '{"a": [1]}', "json": '{"a":1}', "interval": "1 day",
    "uuid[]": ["00000000-0000-0000-0000-000000000005"], "time": "01:02:03",
}  # fmt: skip


def read(store: Any, source: Any, names: list[str]) -> pa.Table:
    pull = store._get_provider().offline_store.pull_all_from_table_or_query
    table = pull(store.config, source, [], names, "at", None, NOON, NOON).to_arrow()
    # Without keys ours has the one that Feast wants to write online; stock has it from pull_latest alone.
    return table.drop_columns([name for name in table.column_names if name == "__dummy_id"])


@pytest.mark.parametrize("kind", KINDS)
def test_pulled_types_equal_those_of_the_stock_store(stores: Stores, kind: str) -> None:
    rows = f"(values ({KINDS[kind]}::{kind}), (null)) as t (value)"
    query = f"select value, timestamptz '2026-05-24 12:00+00' as at from {rows}"
    source = PostgreSQLSource(name="kinds", query=query, timestamp_field="at")
    ours, stock = (read(s, source, ["value"]) for s in (stores.ours, stores.stock))
    assert ours.schema.equals(stock.schema)
    assert repr(sorted(ours.to_pylist(), key=repr)) == repr(sorted(stock.to_pylist(), key=repr))


@pytest.mark.parametrize("kind", OURS_ALONE)
@pytest.mark.parametrize("way", ["lookup", "as-of"])
def test_pulled_types_unknown_to_the_stock_store_are_text(stores: Stores, way: str, kind: str, tmp_path: Path) -> None:
    expected = OURS_ALONE[kind]
    value = f"'{expected}'" if isinstance(expected, str) else f"array['{expected[0]}']"
    ids = "00000000-0000-0000-0000-00000000000a"
    query = f"select '{ids}'::uuid as id, {value}::{kind} as value, timestamptz '2026-05-24 12:00+00' as at"
    view = FeatureView(
        name="odd",
        entities=[Entity(name="id", join_keys=["id"], value_type=ValueType.STRING)],
        ttl=timedelta(0),
        schema=[Field(name="id", dtype=String), Field(name="value", dtype=String)],
        source=PostgreSQLSource(name="odd", query=query, timestamp_field="at"),
    )
    store = FeatureStore(config=repo_config(stores.postgres, tmp_path, OURS))
    store.apply([Entity(name="id", join_keys=["id"], value_type=ValueType.STRING), view])
    entities = pd.DataFrame({"id": [ids, "other"], "event_timestamp": [NOON, NOON + timedelta(days=900)]})
    reads = store.get_historical_features(entities, ["odd:value"])
    reads.way = way
    assert reads.to_arrow().column("value").to_pylist() == [expected, None]
