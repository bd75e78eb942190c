"""`pikkit env --read-only`: Feast reads with it, and whatever would change something is refused by the servers."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import psycopg
import pytest
import redis

from feature_repo.declarations.views import SPORT_STATS
from feature_repo.servers.connections import Connections
from feature_repo.servers.environment import feast_environment
from ingestion.embedded.viewer import VIEWER, viewer_connections, viewer_password
from tests.rigs.commands import environ_of, pikkit_here
from tests.rigs.keeper import temporary_homes
from tests.rigs.published_store import SECOND, WATERMARK, Published

SINCE = WATERMARK - timedelta(days=30)


@pytest.fixture
def viewer(published: Published, tmp_path: Path) -> Iterator[Connections]:
    """The published store with its online copy, as the viewer sees it."""
    published.store().materialize(SINCE, WATERMARK)
    yield viewer_connections(tmp_path, published.connections)
    with redis.Redis.from_url(published.connections.redis.url) as client:
        client.acl_deluser(VIEWER)


@pytest.fixture
def looking(viewer: Connections, published: Published, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Feast's store by the viewer's exports, as another program has it."""
    for variable, value in feast_environment(viewer).items():
        monkeypatch.setenv(variable, value)
    return published.store()


def test_features_of_both_stores_and_the_registry_are_read(looking: Any) -> None:
    entities = pd.DataFrame({"sport": ["NBA"], "event_timestamp": [pd.Timestamp(WATERMARK)]})
    historical = looking.get_historical_features(entities, features=["sport_stats:sport_count"]).to_df()
    assert historical["sport_count"].to_list() == [1]
    online = looking.get_online_features(["sport_stats:sport_count"], [{"sport": "NBA"}]).to_dict()
    assert online["sport_count"] == [1]
    assert SPORT_STATS.name in {view.name for view in looking.list_feature_views()}
    assert "bet_lookup_v1" in {service.name for service in looking.list_feature_services()}


def test_the_servers_refuse_every_change_of_feast(looking: Any, published: Published) -> None:
    registry, keys = published.registry(), published.held()
    row = pd.DataFrame({"sport": ["NBA"], **dict.fromkeys(SPORT_STATS.features, 9), "event_timestamp": [WATERMARK]})
    row = row.assign(created_timestamp=[WATERMARK], run_id=[str(SECOND)])
    view, entity = looking.get_feature_view(SPORT_STATS.name), looking.get_entity("sport")
    attempts = {
        "delete_feature_view": lambda: looking.delete_feature_view(SPORT_STATS.name),
        "delete_feature_service": lambda: looking.delete_feature_service("bet_lookup_v1"),
        "apply": lambda: looking.apply([entity, view]),
        "registry": lambda: looking.registry.delete_feature_view(SPORT_STATS.name, looking.project),
        "push": lambda: looking.write_to_online_store(SPORT_STATS.name, row),
        "offline": lambda: looking.write_to_offline_store(SPORT_STATS.name, row),
        "materialize": lambda: looking.materialize(SINCE, WATERMARK),
    }
    refusals = {}
    for name, attempt in attempts.items():
        with pytest.raises(Exception) as refused:  # noqa: PT011 (each layer of Feast has its own)
            attempt()
        refusals[name] = f"{refused.value} {refused.value.__cause__} {refused.value.__context__}".lower()
    by_server = ("permission denied", "read-only transaction", "no permissions")
    assert {name: text for name, text in refusals.items() if not any(words in text for words in by_server)} == {}
    assert published.registry() == registry
    assert published.held() == keys


def test_postgres_refuses_the_viewer_every_statement_that_changes_something(viewer: Connections) -> None:
    statements = (
        "delete from feast.feature_views",
        "update features.watermark set log_position = 0",
        "truncate features.sport_stats_changes",
        "do $$ begin lock table ops.run_lock in exclusive mode; end $$",
        "create table public.mine (n int)",
        "create table feast.mine (n int)",
        "create schema mine",
        "select * from raw.bet_versions",
        "alter role pikkit_viewer superuser",
        "create temporary table mine (n int)",
        "select lo_from_bytea(0, 'kept')",
        "select pg_advisory_lock(1)",
        "copy (select 1) to program 'cat'",
        "copy (select 1) to '/tmp/mine'",
        "select pg_read_file('postgresql.conf')",
        "select pg_terminate_backend(pid) from pg_stat_activity where usename <> current_user",
        "set role pg_write_all_data",
    )
    with psycopg.connect(**viewer.postgres.conninfo, autocommit=True) as connection:
        connection.execute("set default_transaction_read_only = off")  # the rights alone, whatever the session says
        for command in statements:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(command)


def test_redis_refuses_the_viewer_writes_scripts_and_administration(viewer: Connections) -> None:
    with redis.Redis.from_url(viewer.redis.url) as client:
        client.get("a key")
        for command in (
            ("SET", "a", "1"),
            ("FLUSHDB",),
            ("EVAL", "return 1", "0"),
            ("CONFIG", "GET", "*"),
            ("KEYS", "*"),
        ):
            with pytest.raises(redis.exceptions.NoPermissionError):
                client.execute_command(*command)


def test_the_viewer_s_password_is_made_once_and_readable_by_the_owner_alone(
    viewer: Connections, published: Published, tmp_path: Path
) -> None:
    again = viewer_connections(tmp_path, published.connections)
    assert again == viewer
    assert stat.S_IMODE((tmp_path / "redis-viewer").stat().st_mode) == 0o600
    password = viewer_password(tmp_path)
    assert password
    assert password not in repr(viewer)


def test_tables_of_later_migrations_are_readable_too(viewer: Connections, published: Published) -> None:
    published.execute("create table features.later (n int)")
    with psycopg.connect(**viewer.postgres.conninfo) as connection:
        assert connection.execute("select count(*) from features.later").fetchone() == (0,)


def test_env_read_only_for_external_servers_names_the_commands_and_prints_no_export(
    connections: Connections, tmp_path: Path
) -> None:
    done = pikkit_here("env", "--read-only", environ=environ_of(connections, tmp_path / "home"))
    assert done.returncode == 2
    assert done.stdout == ""
    assert "docs/store-roles.sql" in done.stderr
    assert "ACL SETUSER pikkit_viewer on" in done.stderr


def test_exports_of_env_read_only_survive_a_restart_of_the_embedded_servers() -> None:
    with temporary_homes() as homes:
        environ = {name: value for name, value in os.environ.items() if not name.startswith("POSTGRES_")}
        environ |= {"PIKKIT_HOME": str(homes / "home")}
        printed = pikkit_here("env", "--read-only", environ=environ)
        assert printed.returncode == 0, printed.stderr
        exports = dict(line.removeprefix("export ").split("=", 1) for line in printed.stdout.splitlines())
        assert exports["POSTGRES_USER"] == VIEWER
        options = dict(part.split("=", 1) for part in exports["FEAST_REDIS_CONNECTION"].strip("'").split(",")[1:])
        assert options["username"] == VIEWER
        for verb in ("down", "up"):
            assert pikkit_here(verb, environ=environ).returncode == 0
        port = int(exports["FEAST_REDIS_CONNECTION"].strip("'").split(",")[0].rpartition(":")[2])
        with redis.Redis(port=port, username=VIEWER, password=options["password"]) as client:
            assert client.get("a key") is None
        assert pikkit_here("down", environ=environ).returncode == 0
