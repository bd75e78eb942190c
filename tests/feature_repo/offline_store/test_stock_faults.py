"""Where Feast's own Postgres store is wrong: each fault shown there, and what ours gives instead."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pandas as pd
import psycopg
import pytest
from feast import FeatureStore

from feature_repo.errors import EntityFrameUnfit
from feature_repo.servers.connections import Postgres
from ingestion.database.access import connect
from tests.rigs.offline_stores import HOUR, NOON, OURS, Stores, offline_config, repo_config, retrieve, stores

__all__ = ["stores"]


def frame(**columns: Any) -> pd.DataFrame:
    rows = max((len(values) for values in columns.values() if isinstance(values, list)), default=1)
    return pd.DataFrame({"event_timestamp": [NOON] * rows} | columns)


def play(player: str, score: float, at: Any = NOON) -> tuple[Any, ...]:
    return (player, at, at, score, None, None)


def test_composite_keys_with_the_same_concatenation_are_told_apart(stores: Stores) -> None:
    entities = frame(player=["a1", "a"], team=[2, 12])
    with stores.filled(teams=[("a1", 2, NOON, 1), ("a", 12, NOON, 2)]):
        assert sorted(retrieve(stores.stock, entities, ["pairs:rank"])["pairs__rank"]) != [1, 2]
        assert retrieve(stores.ours, entities, ["pairs:rank"])["pairs__rank"].to_list() == [1, 2]


def test_duplicate_history_row_does_not_multiply_entity_rows(stores: Stores) -> None:
    with stores.filled(plays=[play("a", 1.0)] * 2):
        assert len(retrieve(stores.stock, frame(player=["a"]), ["narrow:score"])) == 2
        assert len(retrieve(stores.ours, frame(player=["a"]), ["narrow:score"])) == 1


def test_arrow_backed_text_key_is_joined(stores: Stores) -> None:
    entities = frame(player=["a"]).astype({"player": "string[pyarrow]"})
    with stores.filled(plays=[play("a", 1.0)]):
        with pytest.raises(psycopg.errors.InvalidTextRepresentation, match="json"):
            retrieve(stores.stock, entities, ["narrow:score"])
        assert retrieve(stores.ours, entities, ["narrow:score"])["narrow__score"].to_list() == [1.0]


def test_entity_column_of_nulls_is_read(stores: Stores) -> None:
    entities = frame(player=["a"], league=[None])
    with stores.filled(plays=[play("a", 1.0)]):
        with pytest.raises(psycopg.errors.Error):
            retrieve(stores.stock, entities, ["narrow:score"])
        result = retrieve(stores.ours, entities, ["narrow:score"])
    assert result["narrow__score"].to_list() == [1.0]
    assert result["league"].to_list() == [None]


def test_event_timestamps_come_back_as_aware_utc(stores: Stores) -> None:
    entities = frame(player=["a"])
    with stores.filled(plays=[play("a", 1.0)]):
        assert retrieve(stores.stock, entities, ["narrow:score"])["event_timestamp"].dt.tz is None
        ours = retrieve(stores.ours, entities, ["narrow:score"])
    assert ours["event_timestamp"].to_list() == [NOON]


def test_missing_join_key_is_named_in_the_error(stores: Stores) -> None:
    with stores.filled():
        with pytest.raises(psycopg.errors.UndefinedColumn):
            retrieve(stores.stock, frame(sport=["x"]), ["narrow:score", "pairs:rank"])
        with pytest.raises(EntityFrameUnfit, match="lacks player, team; it has event_timestamp, sport"):
            retrieve(stores.ours, frame(sport=["x"]), ["narrow:score", "pairs:rank"])


def test_result_keeps_the_order_of_rows_and_the_names_of_features(stores: Stores) -> None:
    entities = frame(player=["b", "a"] * 50, entity_timestamp=list(range(100)))
    with stores.filled(plays=[play("a", 1.0), play("b", 2.0)]):
        with pytest.raises(psycopg.errors.AmbiguousColumn):
            retrieve(stores.stock, entities, ["narrow:score"])
        ours = retrieve(stores.ours, entities, ["narrow:score"])
    assert ours["entity_timestamp"].to_list() == list(range(100))
    assert ours["narrow__score"].to_list() == [2.0, 1.0] * 50


def tables(database: psycopg.Connection) -> list[str]:
    query = "select table_name from information_schema.tables where table_schema = 'public' order by 1"
    return [name for (name,) in database.execute(query)]


def test_retrieval_leaves_no_table_behind(stores: Stores, tmp_path: Any) -> None:
    embed = {"entity_select_mode": "embed_query"}
    with stores.filled(plays=[play("a", 1.0)]) as database:
        before = tables(database)
        for name in (OURS, "postgres"):
            config = repo_config(stores.postgres, tmp_path, name)
            config = config.model_copy(update={"offline_config": offline_config(stores.postgres, name) | embed})
            config.registry_config = stores.ours.config.registry_config
            config._offline_store = None
            retrieve(FeatureStore(config=config), frame(player=["a"]), ["narrow:score"])
            tables_left = [table for table in tables(database) if table not in before]
            assert bool(tables_left) == (name == "postgres"), name
        for table in tables_left:
            database.execute(f"drop table {table}")


@pytest.fixture
def reader(stores: Stores) -> Any:
    """A role that may read the tables and make none."""
    with connect(stores.postgres, purpose="test", autocommit=True) as database:
        database.execute("create role reader login")
        database.execute("revoke create, temporary on database " + stores.postgres.database + " from public")
        database.execute("revoke create on schema public from public")
        database.execute("grant usage on schema public to reader")
        database.execute("grant select on all tables in schema public to reader")
        yield Postgres(**{**vars(stores.postgres), "user": "reader"})
        database.execute("drop owned by reader")
        database.execute("drop role reader")


@pytest.mark.parametrize("as_text", [False, True])
def test_retrieval_works_for_a_read_only_role(stores: Stores, reader: Postgres, tmp_path: Any, as_text: bool) -> None:
    entities: Any = frame(player=["a"])
    if as_text:
        entities = "select 'a' as player, timestamptz '2026-05-24 12:00+00' as event_timestamp"
    with stores.filled(plays=[play("a", 1.0)]):
        for name in ("postgres", OURS):
            config = repo_config(reader, tmp_path, name)
            config.registry_config = stores.ours.config.registry_config
            store = FeatureStore(config=config)
            if name == "postgres":
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    retrieve(store, entities, ["narrow:score"])
                continue
            for way in ("lookup", "as-of"):
                assert retrieve(store, entities, ["narrow:score"], way=way)["narrow__score"].to_list() == [1.0]


def test_view_without_entities_is_retrieved(stores: Stores) -> None:
    entities = pd.DataFrame(
        {"event_timestamp": [NOON - HOUR, NOON, NOON + timedelta(days=1), NOON + timedelta(days=2)]}
    )
    with stores.filled(weather=[(NOON, 3.5)]):
        for way in ("lookup", "as-of"):
            result = retrieve(stores.ours, entities, ["bare:wind"], way=way)["bare__wind"]
            assert result.fillna(-1).to_list() == [-1, 3.5, 3.5, -1]


def test_history_row_without_created_timestamp_is_retrieved(stores: Stores) -> None:
    with stores.filled(plays=[("a", NOON, None, 1.0, None, None)]):
        assert retrieve(stores.stock, frame(player=["a"]), ["narrow:score"])["narrow__score"].isna().all()
        for way in ("lookup", "as-of"):
            assert retrieve(stores.ours, frame(player=["a"]), ["narrow:score"], way=way)["narrow__score"].to_list() == [
                1.0
            ]
