"""Feast's own commands, from the repository's root, with nothing but the variables that `pikkit env` prints."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import redis

from feature_repo import REPOSITORY
from feature_repo.servers.connections import Connections
from feature_repo.servers.environment import feast_environment
from tests.feature_repo.conftest import REFRESHED_AT
from tests.rigs.forked_commands import forked_server, run_forked

FEAST = Path(sys.executable).with_name("feast")


@pytest.fixture
def environ(stocked: Connections) -> dict[str, str]:
    return dict(os.environ) | feast_environment(stocked)


def feast(*arguments: str, environ: dict[str, str]) -> None:
    done = run_forked("feast", arguments, environ=environ, cwd=REPOSITORY)
    assert done.returncode == 0, done.stderr


@pytest.mark.long
def test_feast_apply_and_list_work(environ: dict[str, str]) -> None:
    feast("apply", environ=environ)
    # A process started from nothing, as a user's is: the others of Feast's commands are forked.
    command = [FEAST, "feature-views", "list"]
    listed = subprocess.run(command, cwd=REPOSITORY, env=environ, capture_output=True, text=True, check=True).stdout
    assert "sport_league_market_stats" in listed
    assert "bet_clv_features" in listed


def test_materialize_fills_the_online_store(environ: dict[str, str], store: Any, stocked: Connections) -> None:
    with redis.Redis.from_url(stocked.redis.url) as client:
        client.flushdb()
    feast("materialize", "2020-01-01T00:00:00", REFRESHED_AT.strftime("%Y-%m-%dT%H:%M:%S"), environ=environ)
    assert store.get_online_features(["sport_stats:sport_count"], [{"sport": "NBA"}]).to_dict()["sport_count"] == [1]


def test_project_cannot_be_torn_down_by_accident(environ: dict[str, str]) -> None:
    done = run_forked("feast", ["teardown"], environ=environ, cwd=REPOSITORY)
    assert done.returncode != 0
    assert "protected project" in done.stderr


def test_feast_ui_serves_an_html_page(environ: dict[str, str], tmp_path: Path) -> None:
    command = ["-c", REPOSITORY, "ui", "--host", "127.0.0.1", "--port", "{port}"]
    with (
        forked_server("feast", command, environ=environ, cwd=tmp_path) as server,
        urllib.request.urlopen(f"http://127.0.0.1:{server.port}/") as answer,
    ):
        assert b"<html" in answer.read()
