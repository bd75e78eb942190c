"""`feast monitor` works on our store, and leaves what it makes where nothing of ours is disturbed by it."""

from __future__ import annotations

from typing import Any

import yaml

from feature_repo import REPOSITORY
from ingestion.database.migrate import create_registry, pending
from ingestion.database.rollout import unapplied
from tests.rigs.published_store import Published


def test_feast_monitor_counts_the_rows_of_a_view_and_disturbs_no_migration(published: Published) -> None:
    done = published.feast("monitor", "run", "-v", "sport_stats")
    assert done.returncode == 0, done.stderr
    assert "Status: completed" in done.stdout
    counted: list[Any] = published.database.execute(
        "select row_count, null_rate, mean from feast.feast_monitoring_feature_metrics "
        "where feature_name = 'sport_count' and granularity = 'daily' and not is_baseline"
    ).fetchall()
    # The last day of the view: its change rows, and those that it carries forward.
    last_day: list[Any] = published.database.execute(
        "select count(*), 0.0::float8, avg(sport_count)::float8 from features.sport_stats "
        "where event_timestamp >= (select max(event_timestamp) - interval '1 day' from features.sport_stats)"
    ).fetchall()
    assert counted == last_day
    assert pending(published.database) == []
    assert not create_registry(published.connections.postgres)
    assert unapplied(published.database) == []
    assert published.feast("feature-views", "list").returncode == 0


def test_no_apply_computes_baselines_by_itself() -> None:
    settings = yaml.safe_load((REPOSITORY / "feature_store.yaml").read_text(encoding="utf-8").replace("$", ""))
    assert settings["data_quality_monitoring"] == {"auto_baseline": False}
