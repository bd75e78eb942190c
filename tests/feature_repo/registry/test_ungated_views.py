"""Views of the user's own are served as they are where their tag says `pikkit.gate: none`; views of ours never are."""

from __future__ import annotations

import asyncio
from copy import copy
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import redis
from feast import (
    Entity,
    FeatureStore,
    FeatureView,
    Field,
    FileSource,
    PushSource,
    RepoConfig,
    StreamFeatureView,
    ValueType,
)
from feast.data_format import ParquetFormat
from feast.data_source import PushMode
from feast.infra.offline_stores.contrib.postgres_offline_store.postgres_source import PostgreSQLSource
from feast.types import Float64, Int64, String

from feature_repo import clock
from feature_repo.declarations.views import SPORT_STATS
from feature_repo.errors import GateRefused, RowsUnfit
from feature_repo.postgres.run_lock import run_lock
from feature_repo.registry.ungated_views import GATE_TAG, NO_GATE
from feature_repo.servers.connections import Connections
from ingestion.database.access import connect
from tests.rigs.published_store import SECOND, WATERMARK, Published

UNGATED = {GATE_TAG: NO_GATE}
SINCE = WATERMARK - timedelta(days=1)
team = Entity(name="team", join_keys=["team_id"], value_type=ValueType.INT64)


def moods(name: str, entities: list[Any], source: Any, **options: Any) -> FeatureView:
    """A view of the user's own, with one feature called like it."""
    types = {"sport": String, "team_id": Int64}
    keys = [Field(name=one.join_key, dtype=types[one.join_key]) for one in entities]
    usual: dict[str, Any] = {"ttl": timedelta(days=2), "tags": UNGATED}
    kind = options.pop("kind", FeatureView)
    return kind(  # type: ignore[no-any-return]
        name=name,
        entities=entities,
        schema=[*keys, Field(name=name, dtype=Float64)],
        source=source,
        **usual | options,
    )


def table(published: Published, name: str) -> PostgreSQLSource:
    """An empty table of the user's own with these columns, as a source."""
    published.execute(
        f"create table public.{name} (sport text, team_id bigint, at timestamptz, {name} float8, unique (sport, at))"
    )
    return PostgreSQLSource(name=name, table=f"public.{name}", timestamp_field="at")


def row(name: str, value: float) -> pd.DataFrame:
    return pd.DataFrame({"sport": ["NBA"], "team_id": [7], "at": [WATERMARK - timedelta(hours=1)], name: [value]})


def served(store: Any, *names: str) -> list[Any]:
    """What is served of each view for the one entity of these tests."""
    features = {name: "doubled" if name == "doubling" else name for name in names}
    refs = [f"{name}:{feature}" for name, feature in features.items()]
    response = store.get_online_features(refs, [{"sport": "NBA", "team_id": 7}]).to_dict()
    return [response[feature][0] for feature in features.values()]


def test_ungated_views_of_every_kind_are_materialized_pushed_and_written(
    published: Published, gated: Any, tmp_path: Path
) -> None:
    sport, path = gated.get_entity("sport"), tmp_path / "from_file.parquet"
    row("from_file", 1.0).to_parquet(path)
    query = PostgreSQLSource(
        name="from_query",
        query="select sport, team_id, at, 2.0::float8 as from_query from public.pushed -- whatever\n",
        timestamp_field="at",
    )
    pushed = PushSource(name="pushed_source", batch_source=table(published, "pushed"))
    streamed = PushSource(name="streamed_source", batch_source=table(published, "streamed"))
    file_source = FileSource(name="file", path=str(path), file_format=ParquetFormat(), timestamp_field="at")
    gated.apply(
        [
            team,
            pushed,
            streamed,
            moods("from_file", [sport], file_source),
            moods("from_query", [sport, team], query),
            moods("pushed", [sport], pushed),
            moods("streamed", [sport], streamed, kind=StreamFeatureView),
            moods("everywhere", [], table(published, "everywhere")),
        ]
    )
    names = ["from_file", "from_query", "pushed", "streamed", "everywhere"]

    # Rows by hand, offline and online.
    gated.push("pushed_source", row("pushed", 3.0), to=PushMode.ONLINE_AND_OFFLINE)
    gated.push("streamed_source", row("streamed", 4.0), to=PushMode.OFFLINE)
    gated.write_to_offline_store("everywhere", row("everywhere", 5.0))
    gated.write_to_offline_store("from_file", row("from_file", 1.5).assign(at=WATERMARK))
    assert served(gated, *names) == [None, None, 3.0, None, None]

    # All of them beside a view of ours, by one command.
    gated.materialize(SINCE, WATERMARK, [*names, "sport_stats"])
    assert served(gated, *names) == [1.5, 2.0, 3.0, 4.0, 5.0]
    assert served_of_ours(gated) == 1.0
    for name in names:
        assert published.store().registry.get_any_feature_view(name, gated.project).most_recent_end_time == WATERMARK
    gated.materialize_incremental(WATERMARK + timedelta(minutes=1), ["streamed", "everywhere"])

    # Online alone, also without blocking, and while a run holds the lock.
    with connect(published.connections.postgres, purpose="test") as other, run_lock(other, "pikkit run"):
        asyncio.run(gated.push_async("streamed_source", row("streamed", 4.5)))
        asyncio.run(gated.write_to_online_store_async("from_query", row("from_query", 2.5)))
        gated.write_to_online_store("everywhere", row("everywhere", 5.5))
    assert served(gated, *names) == [1.5, 2.5, 3.0, 4.5, 5.5]

    # And for training: files on their own, everything else together.
    frame = pd.DataFrame({"sport": ["NBA"], "team_id": [7], "event_timestamp": [WATERMARK + timedelta(hours=1)]})
    assert gated.get_historical_features(frame, ["from_file:from_file"]).to_df()["from_file"].tolist() == [1.5]
    refs = [f"{name}:{name}" for name in names[1:]]
    assert gated.get_historical_features(frame, refs).to_df()[names[1:]].values.tolist() == [[2.0, 3.0, 4.0, 5.0]]
    with pytest.raises(RowsUnfit, match="from_file read files and pushed do not"):
        gated.get_historical_features(frame, ["from_file:from_file", "pushed:pushed"])


def test_stored_on_demand_view_over_the_users_own_sources_is_ungated(published: Published, gated: Any) -> None:
    from feast.on_demand_feature_view import on_demand_feature_view

    sport = gated.get_entity("sport")
    source = moods("mood", [sport], table(published, "mood"))
    options: dict[str, Any] = {
        "entities": [sport],
        "schema": [Field(name="doubled", dtype=Float64)],
        "mode": "python",
        "write_to_online_store": True,
        "tags": UNGATED,
    }

    @on_demand_feature_view(sources=[source], **options)
    def doubling(inputs: dict[str, Any]) -> dict[str, Any]:
        return {"doubled": [None if mood is None else 2 * mood for mood in inputs["mood"]]}

    gated.apply([source, doubling])
    gated.write_to_online_store("doubling", row("mood", 3.0).rename(columns={"at": "event_timestamp"}))
    assert served(gated, "doubling") == [6.0]
    of_ours = copy(doubling)
    of_ours.source_feature_view_projections = {"sport_stats": gated.get_feature_view("sport_stats").projection}
    with pytest.raises(GateRefused, match="doubling is not a stored view"):
        gated.provider.online_write_batch(gated.config, of_ours, [], None)


def served_of_ours(gated: Any) -> Any:
    return gated.get_online_features(["sport_stats:sport_roi"], [{"sport": "NBA"}]).to_dict()["sport_roi"][0]


def test_ungated_view_on_a_group_key_does_not_let_the_group_expire(published: Published, gated: Any) -> None:
    gated.apply([moods("beside", [gated.get_entity("sport")], table(published, "beside"))])
    gated.write_to_online_store("beside", row("beside", 1.0))
    with redis.Redis.from_url(published.connections.redis.url) as client:
        assert [client.ttl(key) for key in client.scan_iter(b"*NBA*")] == [-1]


def test_view_of_the_users_own_without_the_tag_is_refused_online(published: Published, gated: Any) -> None:
    source = PushSource(name="untagged_source", batch_source=table(published, "untagged"))
    gated.apply([source, moods("untagged", [gated.get_entity("sport")], source, kind=StreamFeatureView, tags={})])
    gated.push("untagged_source", row("untagged", 1.0), to=PushMode.OFFLINE)
    for write in (
        lambda: gated.push("untagged_source", row("untagged", 1.0)),
        lambda: asyncio.run(gated.write_to_online_store_async("untagged", row("untagged", 1.0))),
        lambda: gated.materialize(SINCE, WATERMARK),
    ):
        with pytest.raises(GateRefused) as refused:
            write()
        assert refused.value.what == "untagged is no view of this repository: no gate judges its rows"
        assert refused.value.state.startswith("Nothing was written")
        assert 'tags={"pikkit.gate": "none"}' in refused.value.next_step
    assert not published.held()


def test_tag_does_not_free_a_view_that_reads_our_history(published: Published, gated: Any) -> None:
    published.execute("create view public.disguised as select * from features.sport_stats")
    published.execute("update features.sport_stats_changes set sport_roi = 7 where run_id = %s", SECOND)
    for named in (
        {"table": "features.sport_stats"},
        {"table": '"features" . sport_stats_changes'},
        {"query": "select sport, event_timestamp, sport_roi from public.disguised"},
        {"query": "with a as (select 1) select * from a, features.sport_stats where sport_roi > 3"},
    ):
        history = PostgreSQLSource(name="mine", timestamp_field="event_timestamp", **named)
        view = moods("mine", [gated.get_entity("sport")], history)
        gated.registry.apply_feature_view(view, gated.project)
        with pytest.raises(GateRefused):
            gated.materialize(SINCE, WATERMARK, ["mine"])
        with pytest.raises(GateRefused):
            gated.write_to_online_store("mine", row("mine", 7.0).rename(columns={"at": "event_timestamp"}))
        assert not published.held(), named


def test_tag_does_not_free_a_view_with_our_name(published: Published, gated: Any) -> None:
    """Neither with its history, nor over a table of the user's own, nor as another kind of view."""
    stats = gated.get_feature_view("sport_stats")
    published.execute("update features.sport_stats_changes set sport_roi = 7 where run_id = %s", SECOND)
    stats.tags = UNGATED
    gated.apply([stats])
    changed = pd.DataFrame([{"sport": "NBA", "event_timestamp": WATERMARK} | dict.fromkeys(SPORT_STATS.features, 7)])
    changed["created_timestamp"] = WATERMARK
    with pytest.raises(GateRefused, match="some are not as they passed its gate"):
        gated.materialize(SINCE, WATERMARK, ["sport_stats"])
    with pytest.raises(GateRefused):
        gated.write_to_online_store("sport_stats", changed)
    source = PushSource(name="imitation", batch_source=table(published, "imitation"))
    imitations = [
        moods("sport_stats", [gated.get_entity("sport")], source.batch_source),
        moods("sport_stats", [gated.get_entity("sport")], source, kind=StreamFeatureView),
    ]
    for imitation in imitations:
        with pytest.raises(GateRefused, match="does not read"):
            gated.provider.online_write_batch(gated.config, imitation, [], None)
    assert not published.held()


def test_view_with_a_forged_changelog_is_refused(published: Published, gated: Any) -> None:
    """The tag of the source that says where the changes are is read by the copy, so the gate has to hold it, too."""
    published.execute("create table public.forged as select * from features.sport_stats_changes")
    published.execute("update public.forged set sport_roi = 99")
    stats = gated.get_feature_view("sport_stats")
    stats.batch_source.tags = stats.batch_source.tags | {"pikkit.changes": "public.forged"}
    gated.registry.apply_feature_view(stats, gated.project)
    with pytest.raises(GateRefused, match="does not read"):
        gated.materialize(SINCE, WATERMARK, ["sport_stats"])
    assert not published.held()


def test_provider_without_postgres_serves_only_views_of_the_users_own(connections: Connections, tmp_path: Path) -> None:
    path = tmp_path / "mood.parquet"
    row("mood", 1.0).to_parquet(path)
    sport = Entity(name="sport", join_keys=["sport"], value_type=ValueType.STRING)
    source = FileSource(name="file", path=str(path), file_format=ParquetFormat(), timestamp_field="at")
    imitation = moods("sport_stats", [sport], source)
    store = FeatureStore(
        config=RepoConfig(
            project="moods",
            provider="feature_repo.provider.GatedProvider",
            registry=str(tmp_path / "registry.db"),
            offline_store={"type": "dask"},
            online_store={
                "type": "feature_repo.online_store.store.FreshOnlineStore",
                "connection_string": connections.redis.feast_connection_string,
            },
            entity_key_serialization_version=3,
        )
    )
    clock.set_now(WATERMARK)
    pushed = PushSource(name="pushed_source", batch_source=source)
    store.apply([sport, pushed, moods("mood", [sport], pushed), imitation])
    store.materialize(SINCE, WATERMARK, ["mood"])
    assert served(store, "mood") == [1.0]
    store.push("pushed_source", row("mood", 2.0), to=PushMode.ONLINE_AND_OFFLINE)
    assert served(store, "mood") == [2.0]
    with pytest.raises(GateRefused, match="sport_stats is a view of this repository"):
        store.materialize(SINCE, WATERMARK)
    store.teardown()
