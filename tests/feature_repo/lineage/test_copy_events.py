"""What a materialization of Feast's own leaves in the lineage record."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from feast.infra.common.materialization_job import MaterializationTask

from feature_repo.errors import Unreachable
from feature_repo.materialization import engine
from tests.rigs.published_store import WATERMARK, Published


class Parent:
    """Feast's LineageParentContext."""

    job_namespace, job_name, run_id = "pikkit", "materialize_pikkit", "0199a1b2-0000-7000-8000-000000000001"


def events(published: Published) -> list[dict[str, Any]]:
    query = "select event from ops.lineage_events where job like 'online.%' or job = 'pikkit' order by position"
    return [event for (event,) in published.database.execute(query)]


def task(gated: Any, view: str) -> MaterializationTask:
    start = WATERMARK - timedelta(hours=2)
    return MaterializationTask("pikkit", gated.get_feature_view(view), start, WATERMARK, tqdm_builder=None)


def test_a_materialization_of_feast_is_on_record_as_a_run_with_the_run_that_feast_names_as_root(
    published: Published, gated: Any
) -> None:
    gated._get_provider().batch_engine.materialize(gated.registry, task(gated, "sport_stats"), lineage_parent=Parent)
    whole, start, complete, end = events(published)
    assert [event["eventType"] for event in (whole, start, complete, end)] == ["START", "START", "COMPLETE", "COMPLETE"]
    assert complete["job"]["name"] == "online.sport_stats"
    parent = complete["run"]["facets"]["parent"]
    assert (parent["job"]["name"], parent["run"]["runId"]) == ("pikkit", whole["run"]["runId"])
    assert whole["run"]["runId"] == end["run"]["runId"]
    assert parent["root"]["run"]["runId"] == Parent.run_id
    assert (parent["root"]["job"]["namespace"], parent["root"]["job"]["name"]) == ("pikkit", "materialize_pikkit")
    (output,) = complete["outputs"]
    redis = published.connections.redis
    assert (output["namespace"], output["name"]) == (
        f"redis://{redis.host}:{redis.port}",
        f"{redis.number}/sport_stats",
    )


def test_feast_materialize_leaves_events_of_each_view_and_no_event_of_feasts_own(
    published: Published, gated: Any
) -> None:
    gated.materialize(WATERMARK - timedelta(hours=2), WATERMARK)
    assert {event["job"]["name"] for event in events(published)} >= {"online.sport_stats", "online.bet_facts"}
    assert gated.config.openlineage is None or not gated.config.openlineage.enabled


def test_a_materialization_that_fails_is_on_record_as_failed(
    published: Published, gated: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any, **__: Any) -> int:
        raise Unreachable("no answer (password=planted)", "Nothing", "Look", service="redis")

    monkeypatch.setattr(engine, "copy_range", fails)
    with pytest.raises(Unreachable):
        gated._get_provider().batch_engine.materialize(gated.registry, task(gated, "sport_stats"))
    *_, failed, whole = events(published)
    assert (failed["eventType"], whole["eventType"]) == ("FAIL", "FAIL")
    assert "no answer" in failed["run"]["facets"]["errorMessage"]["message"]
    assert "planted" not in failed["run"]["facets"]["errorMessage"]["message"]
