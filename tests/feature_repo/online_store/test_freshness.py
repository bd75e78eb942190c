"""Rule R6 online: what did not change stays served while the pipeline lives, and nothing is once it is long dead."""

from __future__ import annotations

import asyncio
import json
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from feast.protos.feast.serving.ServingService_pb2 import FieldStatus

from feature_repo import REPOSITORY, clock
from feature_repo.declarations.views import GROUPED_VIEWS
from feature_repo.group_keys import entity_rows
from feature_repo.servers.connections import Connections
from feature_repo.servers.environment import feast_environment
from tests.feature_repo.conftest import BETS, REFRESHED_AT
from tests.rigs.forked_commands import forked_server
from tests.rigs.online_stores import DAY, OURS, store_of, write, write_watermark
from tests.rigs.processes import PATIENCE
from tests.rigs.redis_servers import Server, server

NOW = datetime(2026, 5, 24, 15, tzinfo=UTC)
HOUR = timedelta(hours=1)
SHORTEST = timedelta(microseconds=1)
SERVICE = "market_profitability_at_placement_v1"

Told = dict[str, list[tuple[Any, str, int]]]


def told(response: Any) -> Told:
    """Feature -> value, status and instant in seconds of each row."""
    values = response.to_dict(include_event_timestamps=True)
    vectors = zip(response.proto.metadata.feature_names.val, response.proto.results, strict=True)
    return {
        name: list(zip(values[name], map(FieldStatus.Name, vector.statuses), values[f"{name}__ts"], strict=True))
        for name, vector in vectors
    }


def seconds(instant: datetime) -> int:
    return int(instant.timestamp())


# ---- one group that has not changed for ten days ---------------------------------------------------------------------


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Server]:
    with server(tmp_path) as node:
        yield node


@pytest.fixture
def quiet(node: Server, tmp_path: Path) -> Any:
    store = store_of(tmp_path, node.redis)
    for view, feature in (("stats", "win_rate"), ("facts", "odds")):
        write(store, view, [({"sport": "NBA"}, {feature: 0.5}, NOW - 10 * DAY)])
    return store


def both_ways(store: Any) -> tuple[Any, Any]:
    request = (["stats:win_rate", "stats:count", "facts:odds"], [{"sport": "NBA"}, {"sport": "never"}])
    one, other = told(store.get_online_features(*request)), told(asyncio.run(store.get_online_features_async(*request)))
    assert one == other
    return one["win_rate"], one["odds"]


def test_unchanged_group_is_served_while_watermarks_move(quiet: Any, node: Server) -> None:
    for hours in range(0, 240, 24):
        clock.set_now(NOW + hours * HOUR)
        write_watermark(node.redis, "bets", "stats", NOW + hours * HOUR)
        stats, facts = both_ways(quiet)
        assert stats == [(0.5, "PRESENT", seconds(NOW + hours * HOUR)), (None, "NOT_FOUND", 0)]
        # A view that is not re-asserted has no watermark, whatever stands there.
        write_watermark(node.redis, "bets", "facts", NOW + hours * HOUR)
        assert facts == [(None, "OUTSIDE_MAX_AGE", seconds(NOW - 10 * DAY)), (None, "NOT_FOUND", 0)]


def test_dead_pipeline_serves_up_to_the_ttl_and_not_a_microsecond_longer(quiet: Any, node: Server) -> None:
    write_watermark(node.redis, "bets", "stats", NOW)
    clock.set_now(NOW + DAY)
    assert both_ways(quiet)[0][0] == (0.5, "PRESENT", seconds(NOW))
    clock.set_now(NOW + DAY + SHORTEST)
    assert both_ways(quiet)[0][0] == (None, "OUTSIDE_MAX_AGE", seconds(NOW))


def test_row_newer_than_the_watermark_is_as_old_as_the_event_timestamp(quiet: Any, node: Server) -> None:
    write_watermark(node.redis, "bets", "stats", NOW - 20 * DAY)
    clock.set_now(NOW - 10 * DAY + DAY)
    assert both_ways(quiet)[0][0] == (0.5, "PRESENT", seconds(NOW - 10 * DAY))
    clock.set_now(NOW - 10 * DAY + DAY + SHORTEST)
    assert both_ways(quiet)[0][0] == (None, "OUTSIDE_MAX_AGE", seconds(NOW - 10 * DAY))


@pytest.mark.parametrize("stored", [b"", b"short", b"x" * 17])
def test_watermark_of_another_format_carries_nothing_forward(quiet: Any, node: Server, stored: bytes) -> None:
    with node.client() as client:
        client.hset("pikkit:marks:bets", "stats", stored)
    clock.set_now(NOW)
    assert both_ways(quiet)[0][0] == (None, "OUTSIDE_MAX_AGE", seconds(NOW - 10 * DAY))


def test_pikkit_now_in_the_environment_sets_the_instant_of_the_ttl_check(
    quiet: Any, node: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_watermark(node.redis, "bets", "stats", NOW)
    monkeypatch.setenv("PIKKIT_NOW", (NOW + HOUR).isoformat())
    assert both_ways(quiet)[0][0][1] == "PRESENT"
    monkeypatch.setenv("PIKKIT_NOW", (NOW + 25 * HOUR).isoformat())
    assert both_ways(quiet)[0][0][1] == "OUTSIDE_MAX_AGE"


# ---- the repository's own services -----------------------------------------------------------------------------------


@pytest.fixture
def fresh(stocked: Connections, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Feast's store over feature_store.yaml, with our online store."""
    from feast import FeatureStore

    for variable, value in feast_environment(stocked).items():
        monkeypatch.setenv(variable, value)
    text = (REPOSITORY / "feature_store.yaml").read_text(encoding="utf-8")
    (tmp_path / "feature_store.yaml").write_text(text.replace("type: redis\n", f"type: {OURS}\n"), encoding="utf-8")
    return FeatureStore(str(tmp_path))


def test_every_feature_of_a_service_follows_the_watermark_of_the_view(fresh: Any, stocked: Connections) -> None:
    service, rows, later = fresh.get_feature_service(SERVICE), entity_rows(BETS), REFRESHED_AT + 10 * DAY
    clock.set_now(REFRESHED_AT)
    fresh_rows = fresh.get_online_features(service, rows).to_dict()
    assert fresh_rows["sport_count"][0] is not None
    clock.set_now(later)
    for behind, present in ((timedelta(0), 6), (HOUR, 6), (HOUR + SHORTEST, 5), (DAY, 5), (DAY + SHORTEST, 0)):
        for view in GROUPED_VIEWS:
            write_watermark(stocked.redis, "pikkit", view.name, later - behind)
        served = told(fresh.get_online_features(service, rows))
        shown = [view for view in GROUPED_VIEWS if served[view.features[0]][0][1] == "PRESENT"]
        assert len(shown) == present
        for view in GROUPED_VIEWS:
            kept = view in shown
            for feature in view.features:
                statuses = {status for _, status, _ in served[feature]}
                assert statuses == {"PRESENT" if kept else "OUTSIDE_MAX_AGE"}
                assert [value for value, _, _ in served[feature]] == (
                    fresh_rows[feature] if kept else [None] * len(BETS)
                )
        # What is computed from the request alone is as it was.
        assert [value for value, _, _ in served["hour_of_day"]] == fresh_rows["hour_of_day"]


# ---- feast serve -----------------------------------------------------------------------------------------------------


@pytest.fixture
def served(quiet: Any, node: Server, tmp_path: Path) -> Iterator[str]:
    """The address of `feast serve` over the store of the quiet group, at NOW."""
    (tmp_path / "feature_store.yaml").write_text(
        json.dumps(
            {
                "project": "bets",
                "provider": "local",
                "registry": {"path": str(quiet.config.registry.path), "cache_ttl_seconds": 600},
                "offline_store": {"type": "postgres", "host": "-", "database": "-", "user": "-", "password": "-"},
                "online_store": {"type": OURS, "connection_string": node.redis.feast_connection_string},
                "entity_key_serialization_version": 3,
            }
        )
    )
    command = ["serve", "--host", "127.0.0.1", "--port", "{port}"]
    environ = os.environ | {"PIKKIT_NOW": NOW.isoformat(), "FEAST_USAGE": "False"}
    with forked_server("feast", command, environ=environ, cwd=tmp_path) as server:
        yield f"http://127.0.0.1:{server.port}"


def ask(address: str, features: list[str], entities: dict[str, list[Any]]) -> tuple[int, Any]:
    body = json.dumps({"features": features, "entities": entities}).encode()
    request = urllib.request.Request(
        f"{address}/get-online-features", body, headers={"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_feast_serve_answers_with_statuses_and_reports_redis_failures(served: str, quiet: Any, node: Server) -> None:
    features = ["stats:win_rate", "stats:count", "facts:odds"]
    write_watermark(node.redis, "bets", "stats", NOW)
    status, answer = ask(served, features, {"sport": ["NBA", "never"]})
    by_name = dict(zip(answer["metadata"]["feature_names"], answer["results"], strict=True))
    assert status == 200
    assert by_name["win_rate"]["statuses"] == ["PRESENT", "NOT_FOUND"]
    assert by_name["win_rate"]["values"] == [0.5, None]
    assert by_name["win_rate"]["event_timestamps"] == ["2026-05-24T15:00:00Z", "1970-01-01T00:00:00Z"]
    assert by_name["count"]["statuses"] == ["NULL_VALUE", "NOT_FOUND"]
    assert by_name["odds"]["statuses"] == ["OUTSIDE_MAX_AGE", "NOT_FOUND"]
    assert by_name["odds"]["values"] == [None, None]

    status, answer = ask(served, ["pairs:pair_rate"], {"sport": ["NBA"]})
    assert (status, "Missing join key values for keys: ['market']" in answer) == (422, True)

    node.stop()
    status, answer = ask(served, features, {"sport": ["NBA"]})
    assert (status, f"Redis at 127.0.0.1:{node.port}/0 cannot be reached" in answer) == (503, True)

    node.start()
    assert ask(served, features, {"sport": ["NBA"]})[1]["results"][1]["statuses"] == ["NOT_FOUND"]
