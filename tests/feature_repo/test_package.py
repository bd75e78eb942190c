"""The package as callers meet it: light to import, one way in, a configuration that says what it means."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import feature_repo
from feature_repo import REPOSITORY, open_store
from feature_repo.errors import Unreachable
from feature_repo.servers.connections import Connections, Redis
from feature_repo.servers.environment import feast_environment

CONFIGURATION = REPOSITORY / "feature_store.yaml"


def test_package_exports_the_names_in_all() -> None:
    assert set(feature_repo.__all__) == {"REPOSITORY", "diff", "explain", "open_store", "scorer"}


@pytest.mark.parametrize(
    "module", ["feature_repo", "feature_repo.group_keys", "feature_repo.bets.frame", "feature_repo.bets.odds"]
)
def test_importing_the_package_does_not_import_feast(module: str) -> None:
    program = f"import {module}, sys; sys.exit('feast' in sys.modules or 'pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, check=False).returncode == 0


def test_store_opens_by_the_settings_alone(registry: Connections) -> None:
    settings = feast_environment(registry) | {"REDIS_URL": registry.redis.url}
    assert open_store(settings).project == "pikkit"


def test_opening_a_store_without_servers_raises_unreachable_that_names_pikkit_up(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="pikkit up"):
        open_store({"PIKKIT_HOME": str(tmp_path)})


def test_every_key_of_feature_store_yaml_is_known_to_feast() -> None:
    """Feast ignores a misspelt key at the top, and in registry and materialization, without a word."""
    from feast.infra.registry.sql import SqlRegistryConfig
    from feast.repo_config import MaterializationConfig, RepoConfig

    written = yaml.safe_load(CONFIGURATION.read_text().replace("${POSTGRES_PORT}", "5432"))
    known = {field.alias or name for name, field in RepoConfig.model_fields.items()}
    assert written.keys() <= known
    assert written["registry"].keys() <= SqlRegistryConfig.model_fields.keys()
    assert written["materialization"].keys() <= MaterializationConfig.model_fields.keys()


@pytest.mark.parametrize("password", ["'", '"', "#: {x}", " $HOME \\n", "}%&@/|>-", "123", "null"])
def test_any_postgres_password_reaches_the_feast_configuration_unchanged(
    connections: Connections, password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    guarded = dataclasses.replace(connections, postgres=dataclasses.replace(connections.postgres, password=password))
    assert _loaded(guarded, monkeypatch).offline_store.password == password


def _loaded(connections: Connections, monkeypatch: pytest.MonkeyPatch) -> Any:
    from feast.repo_config import load_repo_config

    for name, value in feast_environment(connections).items():
        monkeypatch.setenv(name, value)
    return load_repo_config(REPOSITORY, CONFIGURATION)


def test_quoted_redis_password_reaches_the_feast_configuration_unchanged(
    connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    guarded = dataclasses.replace(connections, redis=Redis("redis://:%27s%2C%24x@localhost:6390/3"))
    config = _loaded(guarded, monkeypatch)
    assert config.online_store.connection_string == guarded.redis.feast_connection_string
