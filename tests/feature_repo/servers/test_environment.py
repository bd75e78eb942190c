"""The environment says where the stores are, wholly or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from feature_repo.errors import SettingsUnusable, Unreachable
from feature_repo.servers.connections import Connections, Postgres, Redis
from feature_repo.servers.embedded_servers import socket_directory
from feature_repo.servers.environment import environment_over_dotenv, external, feast_environment, home, resolve

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


def test_settings_name_external_stores() -> None:
    stores = resolve(EXTERNAL)
    assert stores.postgres == Postgres("db.example.org", 5432, "bets", "store", "s3cret", "prefer")
    assert (stores.redis.address, stores.embedded) == ("cache.example.org:6380/2", False)


def test_all_missing_settings_are_named_at_once() -> None:
    assert problems({"POSTGRES_HOST": "db", "POSTGRES_USER": " "}) == {
        "POSTGRES_DATABASE": "not set",
        "POSTGRES_USER": "not set",
        "POSTGRES_PASSWORD": "not set",
        "REDIS_URL": "not set",
    }


def test_lone_port_does_not_mean_the_embedded_servers() -> None:
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
def test_setting_with_an_unusable_value_is_named_without_the_value(name: str, value: str) -> None:
    reasons = problems(EXTERNAL | {name: value})
    assert list(reasons) == [name]
    assert value not in reasons[name]


def test_empty_postgres_password_is_accepted() -> None:
    assert resolve(EXTERNAL | {"POSTGRES_PASSWORD": ""}).postgres.password == ""


def test_password_keeps_surrounding_blanks() -> None:
    assert resolve(EXTERNAL | {"POSTGRES_PASSWORD": " x "}).postgres.password == " x "


def test_no_setting_means_the_embedded_servers(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="pikkit up"):
        resolve({"PIKKIT_HOME": str(tmp_path)})


def test_the_exports_of_pikkit_env_still_mean_the_embedded_servers(tmp_path: Path) -> None:
    at_home = {"PIKKIT_HOME": str(tmp_path)}
    exported = Postgres(str(socket_directory(home(at_home))), 5432, "pikkit", "postgres", "", "disable")
    assert external(at_home | feast_environment(Connections(exported, Redis("redis://h"), embedded=True))) is None


def test_home_is_made_absolute_from_the_working_directory_and_the_tilde(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert [home({}), home({"PIKKIT_HOME": "~/x"})] == [tmp_path / ".pikkit", Path.home() / "x"]


def test_environment_wins_over_dotenv(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("POSTGRES_USER=file\nPOSTGRES_PASSWORD='pa$${HOME}'\nREDIS_URL\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POSTGRES_USER", "shell")
    read = environment_over_dotenv()
    assert (read["POSTGRES_USER"], read["POSTGRES_PASSWORD"]) == ("shell", "pa$${HOME}")
