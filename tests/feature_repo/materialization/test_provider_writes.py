"""Rows given to Feast by hand: only what is published reaches the online store, value for value."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from feature_repo.declarations.views import SPORT_STATS
from feature_repo.errors import GateRefused, RowsUnfit
from tests.rigs.published_store import SECOND, WATERMARK, Published

CHANGED = WATERMARK - timedelta(hours=1)


def frame(key: str = "NBA", instant: datetime = CHANGED, **values: Any) -> pd.DataFrame:
    """A row of sport_stats as it is published, but for `values`."""
    stats = dict.fromkeys(SPORT_STATS.features, 1) | values
    return pd.DataFrame([{"sport": key, "event_timestamp": instant, "created_timestamp": instant} | stats])


def served(gated: Any, key: str = "NBA") -> Any:
    return gated.get_online_features(["sport_stats:sport_roi"], [{"sport": key}]).to_dict()["sport_roi"][0]


def test_published_row_is_written(gated: Any) -> None:
    gated.write_to_online_store("sport_stats", frame())
    assert served(gated) == 1.0


def test_carried_forward_row_is_written(gated: Any) -> None:
    gated.write_to_online_store("sport_stats", frame("NFL", WATERMARK))
    assert served(gated, "NFL") == 1.0


def test_naive_event_timestamps_of_written_rows_are_utc(gated: Any) -> None:
    gated.write_to_online_store("sport_stats", frame(instant=CHANGED.replace(tzinfo=None)))
    assert served(gated) == 1.0


def test_published_row_with_a_null_is_written(published: Published, gated: Any) -> None:
    """bet_facts of b1 has two known features; the others are null, offline as in the frame."""
    unknown: dict[str, Any] = dict.fromkeys(field.name for field in gated.get_feature_view("bet_facts").features)
    instant = WATERMARK - timedelta(hours=2)
    row = unknown | {"bet_id": "b1", "amount": 0.1, "is_live": True}
    gated.write_to_online_store(
        "bet_facts", pd.DataFrame([row | {"event_timestamp": instant, "created_timestamp": instant}])
    )
    assert published.held()


@pytest.mark.parametrize(
    "row",
    [
        frame("Chess"),
        frame("nba"),
        frame(instant=CHANGED + timedelta(microseconds=1)),
        frame(instant=WATERMARK - timedelta(days=11)),
        frame(sport_roi=1.0000000001),
        frame(sport_roi=None),
        frame(sport_count=2),
    ],
    ids=["key", "case", "microsecond", "before", "value", "null", "count"],
)
def test_unpublished_row_is_refused(published: Published, gated: Any, row: pd.DataFrame) -> None:
    with pytest.raises(GateRefused, match="1 of 1 rows for sport_stats are not published"):
        gated.write_to_online_store("sport_stats", row)
    assert not published.held()


def test_frame_with_an_unpublished_row_is_refused_whole(published: Published, gated: Any) -> None:
    with pytest.raises(GateRefused, match="1 of 2 rows"):
        gated.write_to_online_store("sport_stats", pd.concat([frame(), frame(sport_roi=7.0)]))
    assert not published.held()


def test_run_id_in_a_written_frame_is_ignored(published: Published, gated: Any) -> None:
    with pytest.raises(GateRefused):
        gated.write_to_online_store("sport_stats", frame(sport_roi=7.0).assign(run_id=str(SECOND)))
    assert not published.held()


def test_row_of_an_unsound_run_is_refused(published: Published, gated: Any) -> None:
    published.execute("update features.sport_stats_changes set sport_roi = 7 where run_id = %s", SECOND)
    with pytest.raises(GateRefused, match="of its 1 rows"):
        gated.write_to_online_store("sport_stats", frame(sport_roi=7.0))
    assert not published.held()


def test_asynchronous_write_of_an_unpublished_row_is_refused(published: Published, gated: Any) -> None:
    with pytest.raises(GateRefused):
        asyncio.run(gated.write_to_online_store_async("sport_stats", frame(sport_roi=7.0)))
    assert not published.held()


def test_asynchronous_writes_of_a_process_all_succeed_in_turn(gated: Any) -> None:
    async def both() -> None:
        rows = [frame(), frame("NFL", WATERMARK), frame("NHL", WATERMARK)]
        await asyncio.gather(*[gated.write_to_online_store_async("sport_stats", row) for row in rows])

    asyncio.run(both())
    assert [served(gated, key) for key in ("NBA", "NFL", "NHL")] == [1.0, 1.0, 1.0]


def test_key_that_contains_sql_is_quoted_and_escaped_in_the_refusal(published: Published, gated: Any) -> None:
    with pytest.raises(GateRefused) as refused:
        gated.write_to_online_store("sport_stats", frame("'); drop table ops.seals; --\n\x1b[31m"))
    assert "drop table ops.seals; --\\n\\x1b[31m" in str(refused.value)


def test_rows_of_an_on_demand_view_are_refused(published: Published, gated: Any) -> None:
    provider, view = gated.provider, gated.get_on_demand_feature_view("bet_features")
    with pytest.raises(GateRefused, match="bet_features is not a stored view"):
        provider.online_write_batch(gated.config, view, [], None)


# ---- offline -------------------------------------------------------------------------------------------------------


def published_rows(published: Published, view: str = "sport_stats") -> pd.DataFrame:
    with published.database.cursor() as cursor:
        cursor.execute(f"select * from features.{view}")
        return pd.DataFrame(cursor.fetchall(), columns=[column.name for column in cursor.description or ()])


def change_rows(published: Published) -> Any:
    return published.database.execute("select * from features.sport_stats_changes order by 1, 2").fetchall()


def test_published_rows_are_not_written_offline_again(published: Published, gated: Any) -> None:
    before = change_rows(published)
    gated.write_to_offline_store("sport_stats", published_rows(published))
    assert change_rows(published) == before


def test_unpublished_row_is_refused_offline(published: Published, gated: Any) -> None:
    before, rows = change_rows(published), published_rows(published)
    rows.loc[0, "sport_roi"] = 7.0
    with pytest.raises(GateRefused, match=r"1 of .* rows for sport_stats are not published"):
        gated.write_to_offline_store("sport_stats", rows)
    assert change_rows(published) == before


def test_push_of_an_unpublished_row_is_refused(published: Published, gated: Any) -> None:
    from feast import FeatureView, PushSource
    from feast.data_source import PushMode

    stats = gated.get_feature_view("sport_stats")
    source = PushSource(name="pushed", batch_source=stats.batch_source)
    entity = gated.get_entity("sport")
    gated.apply([source, FeatureView(name="sport_stats", entities=[entity], schema=stats.schema, source=source)])
    rows, before = published_rows(published), change_rows(published)
    gated.push("pushed", rows, to=PushMode.OFFLINE)
    rows.loc[0, "sport_roi"] = 7.0
    with pytest.raises(GateRefused):
        gated.push("pushed", rows, to=PushMode.OFFLINE)
    assert change_rows(published) == before


def test_push_to_a_table_of_the_users_own_is_written(published: Published, gated: Any) -> None:
    from feast import FeatureView, Field, PushSource
    from feast.data_source import PushMode
    from feast.infra.offline_stores.contrib.postgres_offline_store.postgres_source import PostgreSQLSource
    from feast.types import Float64, String

    published.execute("create table public.moods (sport text, at timestamptz, mood float8, unique (sport, at))")
    table = PostgreSQLSource(name="moods", table="public.moods", timestamp_field="at")
    source = PushSource(name="pushed_moods", batch_source=table)
    schema = [Field(name="sport", dtype=String), Field(name="mood", dtype=Float64)]
    gated.apply([source, FeatureView(name="moods", entities=[gated.get_entity("sport")], schema=schema, source=source)])
    for mood in (0.5, 0.75):
        gated.push(
            "pushed_moods", pd.DataFrame({"sport": ["NBA"], "at": [WATERMARK], "mood": [mood]}), to=PushMode.OFFLINE
        )
    assert published.database.execute("select sport, at, mood from moods").fetchall() == [("NBA", WATERMARK, 0.75)]
    training = gated.get_historical_features(
        pd.DataFrame({"sport": ["NBA"], "event_timestamp": [WATERMARK]}), ["moods:mood"]
    )
    assert training.to_df()["mood"].tolist() == [0.75]
    with pytest.raises(GateRefused, match="moods is no view of this repository"):
        gated.materialize(WATERMARK - timedelta(days=1), WATERMARK, feature_views=["moods"])


@pytest.mark.parametrize(
    "table", ['"features"."sport_stats_changes"', "FEATURES.sport_stats_changes", "public.a_view", "ops.seals"]
)
def test_offline_write_to_our_table_is_refused_however_the_name_is_spelled(
    published: Published, gated: Any, table: str
) -> None:
    from feast import FeatureView, Field
    from feast.infra.offline_stores.contrib.postgres_offline_store.postgres_source import PostgreSQLSource
    from feast.types import Float64, String

    published.execute("create view public.a_view as select * from features.sport_stats_changes")
    view = FeatureView(
        name="forged",
        entities=[gated.get_entity("sport")],
        schema=[Field(name="sport", dtype=String), Field(name="sport_roi", dtype=Float64)],
        source=PostgreSQLSource(name="forged", table=table, timestamp_field="event_timestamp"),
    )
    rows, before = published_rows(published, "sport_stats_changes"), change_rows(published)
    rows["sport_roi"] = 99.0
    with pytest.raises((GateRefused, RowsUnfit)):
        gated._get_provider().offline_write_batch(gated.config, view, pa.Table.from_pandas(rows), None)
    assert change_rows(published) == before
