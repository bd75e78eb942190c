"""Columns of other types than the usual: instants without a zone, keys of many digits, text with a NUL."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from feast import Entity, FeatureView, Field, ValueType
from feast.infra.offline_stores.contrib.postgres_offline_store.postgres_source import SavedDatasetPostgreSQLStorage
from feast.types import Int64, String

from feature_repo.errors import EntityFrameUnfit, RowsUnfit
from tests.rigs.offline_stores import HOUR, MICRO, NOON, Stores, player, retrieve, source, stores

__all__ = ["stores"]

LARGE = 2**53


def rank_by(name: str, key: Entity, table: str, dtype: Any) -> FeatureView:
    schema = [Field(name=key.join_key, dtype=dtype), Field(name="rank", dtype=Int64)]
    return FeatureView(name=name, entities=[key], ttl=HOUR, schema=schema, source=source(table))


number = Entity(name="number", join_keys=["number"], value_type=ValueType.INT64)


@pytest.fixture(scope="module")
def filled(stores: Stores) -> Stores:
    with stores.filled() as database:
        for kind in ("timestamp", "date"):
            database.execute(f"create table public.by_{kind} (player text, at {kind}, rank bigint)")
            database.execute(f"insert into public.by_{kind} values ('a', '2026-05-24 00:00', 1)")
        database.execute("update public.by_timestamp set at = '2026-05-24 12:00'")
        for kind in ("numeric", "int8"):
            database.execute(f"create table public.by_{kind} (number {kind}, at timestamptz, rank bigint)")
            database.execute(f"insert into public.by_{kind} values ({LARGE}, now(), 1), ({LARGE + 1}, now(), 2)")
            database.execute(f"update public.by_{kind} set at = '2026-05-24 12:00+00'")
        database.execute("insert into public.by_numeric values (1.50, '2026-05-24 12:00+00', 3)")
    views = [rank_by(f"zoneless_{kind}", player, f"by_{kind}", String) for kind in ("timestamp", "date")]
    views += [rank_by(f"numbered_{kind}", number, f"by_{kind}", Int64) for kind in ("numeric", "int8")]
    stores.ours.apply([number, *views])
    return stores


@pytest.mark.parametrize("way", ["lookup", "as-of"])
def test_instants_without_a_zone_are_utc_up_to_the_ttl(filled: Stores, way: str) -> None:
    instants = [NOON - MICRO, NOON, NOON + HOUR, NOON + HOUR + MICRO]
    frame = pd.DataFrame({"player": "a", "event_timestamp": instants})
    result = retrieve(filled.ours, frame, ["zoneless_timestamp:rank"], way=way)
    assert result["zoneless_timestamp__rank"].fillna(0).to_list() == [0, 1, 1, 0]


@pytest.mark.parametrize("way", ["lookup", "as-of"])
def test_a_date_begins_at_midnight_in_utc(filled: Stores, way: str) -> None:
    midnight = NOON - timedelta(hours=12)
    frame = pd.DataFrame({"player": "a", "event_timestamp": [midnight - MICRO, midnight, midnight + HOUR, NOON]})
    result = retrieve(filled.ours, frame, ["zoneless_date:rank"], way=way)
    assert result["zoneless_date__rank"].fillna(0).to_list() == [0, 1, 1, 0]


@pytest.mark.parametrize("way", ["lookup", "as-of"])
@pytest.mark.parametrize("kind", ["numeric", "int8"])
@pytest.mark.parametrize("make", [int, Decimal], ids=["whole", "decimal"])
def test_numeric_keys_that_differ_in_the_last_digit_are_told_apart(
    filled: Stores, kind: str, make: Any, way: str
) -> None:
    frame = pd.DataFrame({"number": [make(LARGE), make(LARGE + 1), make(LARGE + 2)], "event_timestamp": NOON})
    result = retrieve(filled.ours, frame, [f"numbered_{kind}:rank"], way=way)
    assert result[f"numbered_{kind}__rank"].fillna(0).to_list() == [1, 2, 0]


@pytest.mark.parametrize("way", ["lookup", "as-of"])
@pytest.mark.parametrize(
    "values", [[1.5, 2.0, None], [Decimal("1.500"), Decimal("2.0"), None]], ids=["float", "decimal"]
)
def test_numeric_keys_match_however_the_number_is_spelled(filled: Stores, values: list[Any], way: str) -> None:
    frame = pd.DataFrame({"number": values, "event_timestamp": NOON})
    result = retrieve(filled.ours, frame, ["numbered_numeric:rank"], way=way)
    assert result["numbered_numeric__rank"].fillna(0).to_list() == [3, 0, 0]


@pytest.mark.parametrize("way", ["lookup", "as-of"])
def test_key_that_postgres_cannot_hold_finds_no_row(stores: Stores, way: str) -> None:
    frame = pd.DataFrame({"player": ["a\0", "a"], "event_timestamp": NOON})
    with stores.filled(plays=[("a", NOON, NOON, 1.5, None, None)]):
        result = retrieve(stores.ours, frame, ["narrow:score"], way=way)
    assert result["narrow__score"].fillna(0).to_list() == [0, 1.5]
    assert result["player"].to_list() == ["a\0", "a"]


def test_comment_behind_the_semicolon_of_an_entity_query_is_ignored(stores: Stores) -> None:
    query = "select 'a;--' as player, timestamptz '2026-05-24 12:00+00' as event_timestamp"
    with stores.filled(plays=[("a;--", NOON, NOON, 1.5, None, None)]):
        for end in ("", ";", " -- all", "\n; -- that is all\n  -- really", "\n;\n"):
            assert retrieve(stores.ours, query + end, ["narrow:score"])["narrow__score"].to_list() == [1.5]


@pytest.mark.parametrize("query", ["select * from nothing_there", "select what", "selec 1"])
def test_entity_query_that_cannot_be_run_is_refused(stores: Stores, query: str) -> None:
    with pytest.raises(EntityFrameUnfit, match="cannot be run"):
        retrieve(stores.ours, query, ["narrow:score"])


@pytest.mark.parametrize(
    "table", ["features.watermark", "features.new_one", "ops.seals", "public.plays", "public.a_view"]
)
def test_persist_replaces_only_a_saved_result(stores: Stores, table: str) -> None:
    job = stores.ours.get_historical_features(
        pd.DataFrame({"player": ["a"], "event_timestamp": NOON}), ["narrow:score"]
    )
    with stores.filled(plays=[("a", NOON, NOON, 1.5, None, None)]) as database:
        database.execute("create schema if not exists features")
        database.execute("create schema if not exists ops")
        for name in ("features.watermark", "ops.seals"):
            database.execute(f"create table if not exists {name} (at timestamptz)")
        database.execute("create or replace view public.a_view as select * from public.plays")
        with pytest.raises(RowsUnfit):
            job.persist(SavedDatasetPostgreSQLStorage(table), allow_overwrite=True)
        assert database.execute("select count(*) from public.plays").fetchone() == (1,)
        assert database.execute("select to_regclass('features.new_one')").fetchone() == (None,)
