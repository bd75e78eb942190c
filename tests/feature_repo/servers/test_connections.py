"""The environment says where the stores are, wholly or not at all, and Feast hears the same in its spelling."""

from __future__ import annotations

import os
from pathlib import Path
from unittest import mock
from urllib.parse import quote

import pytest
import yaml
from feast.infra.online_stores.redis import RedisOnlineStore
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, make_url, text

from feature_repo.errors import SettingsUnusable, Unreachable
from feature_repo.servers.connections import Connections, Postgres, Redis
from feature_repo.servers.embedded_servers import socket_directory
from feature_repo.servers.environment import environment_over_dotenv, external, feast_environment, home, resolve
from tests.conftest import REPOSITORY

# Letters that mean something to URLs, to YAML, to Feast's own splitting, or to its replacement of variables.
SIGNS = st.sampled_from(",'$\"\\:@/%#{}= ")
SECRET = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]) | SIGNS, min_size=1, max_size=20)
PRINTABLE = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]) | SIGNS, min_size=1, max_size=20)
EXTERNAL = {
    "POSTGRES_HOST": "db.example.org",
    "POSTGRES_DATABASE": "bets",
    "POSTGRES_USER": "store",
    "POSTGRES_PASSWORD": "s3cret",
    "REDIS_URL": "rediss://:hush@cache.example.org:6380/2",
}


def problems(environ: dict[str, str]) -> dict[str, str]:
    with pytest.raises(SettingsUnusable) as refused:
        resolve(environ)
    return refused.value.problems


# ---- which stores --------------------------------------------------------------------------------------------------


def test_settings_name_external_stores() -> None:
    stores = resolve(EXTERNAL)
    assert stores.postgres == Postgres("db.example.org", 5432, "bets", "store", "s3cret", "prefer")
    assert (stores.redis.address, stores.embedded) == ("cache.example.org:6380/2", False)


def test_everything_missing_is_named_at_once() -> None:
    assert problems({"POSTGRES_HOST": "db", "POSTGRES_USER": " "}) == {
        "POSTGRES_DATABASE": "not set",
        "POSTGRES_USER": "not set",
        "POSTGRES_PASSWORD": "not set",
        "REDIS_URL": "not set",
    }


def test_a_lone_port_is_not_taken_for_embedded() -> None:
    assert "POSTGRES_HOST" in problems({"POSTGRES_PORT": "5433"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("POSTGRES_PORT", "http"),
        ("POSTGRES_PORT", "70000"),
        ("POSTGRES_SSLMODE", "yes"),
        ("REDIS_URL", "cache:6379"),
        ("REDIS_URL", "redis:///7"),
        ("REDIS_URL", "redis://cache:port"),
        ("REDIS_URL", "redis://cache/one"),
        ("REDIS_URL", "redis://[::1]:6379"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_but_not_shown(name: str, value: str) -> None:
    found = problems(EXTERNAL | {name: value})
    assert list(found) == [name]
    assert value not in found[name]


def test_a_server_that_asks_for_no_password_takes_an_empty_one() -> None:
    assert resolve(EXTERNAL | {"POSTGRES_PASSWORD": ""}).postgres.password == ""


def test_a_password_keeps_its_blanks() -> None:
    assert resolve(EXTERNAL | {"POSTGRES_PASSWORD": " x "}).postgres.password == " x "


def test_no_setting_means_the_embedded_servers(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="pikkit up"):
        resolve({"PIKKIT_HOME": str(tmp_path)})


def test_the_exports_of_pikkit_env_still_mean_the_embedded_servers(tmp_path: Path) -> None:
    at_home = {"PIKKIT_HOME": str(tmp_path)}
    exported = Postgres(str(socket_directory(home(at_home))), 5432, "pikkit", "postgres", "", "disable")
    assert external(at_home | feast_environment(Connections(exported, Redis("redis://h"), embedded=True))) is None


def test_the_home_is_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert [home({}), home({"PIKKIT_HOME": "~/x"})] == [tmp_path / ".pikkit", Path.home() / "x"]


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("POSTGRES_USER=file\nPOSTGRES_PASSWORD='pa$${HOME}'\nREDIS_URL\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POSTGRES_USER", "shell")
    read = environment_over_dotenv()
    assert (read["POSTGRES_USER"], read["POSTGRES_PASSWORD"]) == ("shell", "pa$${HOME}")


# ---- no secret in sight --------------------------------------------------------------------------------------------


def test_no_secret_shows_in_a_repr() -> None:
    shown = repr(resolve(EXTERNAL))
    assert "s3cret" not in shown
    assert "hush" not in shown


# ---- Feast's spelling ----------------------------------------------------------------------------------------------


@given(user=SECRET, password=SECRET, database=SECRET)
def test_the_registry_url_says_what_the_settings_say(user: str, password: str, database: str) -> None:
    url = make_url(Postgres("db,spare", 5433, database, user, password, "require").sqlalchemy_url)
    assert (url.username, url.password, url.database) == (user, password, database)
    assert url.query == {
        "host": "db,spare",
        "port": "5433",
        "sslmode": "require",
        "options": "-csearch_path=feast -clock_timeout=20000ms",
        "connect_timeout": "10",
    }


def test_the_registry_url_opens_the_registry_schema_over_a_socket(registry: Connections) -> None:
    engine = create_engine(registry.postgres.sqlalchemy_url)
    with engine.connect() as connection:
        tables = connection.execute(text("select to_regclass('feature_views')::text")).scalar_one()
    engine.dispose()
    assert tables == "feature_views"


@given(password=PRINTABLE, redis_password=SECRET)
def test_any_secret_survives_the_feature_store_yaml(password: str, redis_password: str) -> None:
    """Feast replaces the variables before it reads the YAML, then splits the Redis string at commas and tries JSON."""
    url = f"rediss://me:{quote(redis_password, safe='')}@cache:6380/2?ssl_cert_reqs=none"
    stores = resolve(EXTERNAL | {"POSTGRES_PASSWORD": password, "REDIS_URL": url})
    with mock.patch.dict(os.environ, feast_environment(stores)):
        read = yaml.safe_load(os.path.expandvars((REPOSITORY / "feature_store.yaml").read_text()))
    nodes, options = RedisOnlineStore._parse_connection_string(read["online_store"]["connection_string"])
    assert read["offline_store"]["password"] == password
    assert nodes == [{"host": "cache", "port": "6380"}]
    assert options == {"db": 2, "username": "me", "password": redis_password, "ssl": True, "ssl_cert_reqs": "none"}
