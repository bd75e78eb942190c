"""Feast hears of the stores in its own spelling what the settings say, and no secret shows."""

from __future__ import annotations

import os
from unittest import mock
from urllib.parse import quote

import yaml
from feast.infra.online_stores.redis import RedisOnlineStore
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, make_url, text

from feature_repo.servers.connections import Connections, Postgres
from feature_repo.servers.environment import feast_environment, resolve
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


def test_no_secret_shows_in_the_repr_of_connections() -> None:
    text_of_stores = repr(resolve(EXTERNAL))
    assert "s3cret" not in text_of_stores
    assert "hush" not in text_of_stores


@given(user=SECRET, password=SECRET, database=SECRET)
def test_registry_url_carries_every_postgres_setting_and_the_session_options(
    user: str, password: str, database: str
) -> None:
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
