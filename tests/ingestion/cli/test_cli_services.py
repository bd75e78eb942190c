"""The verbs about the servers, as a user types them: up, down, status, doctor, env."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from feature_repo.servers.connections import Connections, Postgres
from feature_repo.servers.embedded_servers import recorded
from feature_repo.servers.environment import feast_environment
from ingestion.database.access import connect, hold_run_lock
from ingestion.embedded import servers as embedded
from tests.rigs.commands import pikkit
from tests.rigs.keeper import temporary_homes


def last_line(text: str) -> str:
    return text.splitlines()[-1]


# ---- embedded servers ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    with temporary_homes() as homes:
        yield homes / "a home"


@pytest.fixture
def at_home(environ: dict[str, str], home: Path) -> dict[str, str]:
    """The environment of somebody who has no servers."""
    servers = ("POSTGRES_", "REDIS_URL", "FEAST_")
    return {name: value for name, value in environ.items() if not name.startswith(servers)} | {"PIKKIT_HOME": str(home)}


BET = '{"sport":1,"league":1,"market":1,"institution_name":1,"bet_type":"straight","american_odds":100,"is_live":null}'


@pytest.mark.parametrize("command", [["verify"], ["backfill"], ["materialize"], ["score", "--bet", BET]])
def test_verb_that_needs_a_store_makes_no_store(at_home: dict[str, str], tmp_path: Path, command: list[str]) -> None:
    done = pikkit(*command, environ=at_home | {"PIKKIT_HOME": str(tmp_path / "none")}, cwd=tmp_path)
    assert (done.returncode, (tmp_path / "none").exists()) == (2, False)
    assert "There is no store under" in done.stderr


def test_servers_are_started_once_and_stopped_once(at_home: dict[str, str], home: Path, tmp_path: Path) -> None:
    said = [last_line(pikkit(verb, environ=at_home, cwd=tmp_path).stdout) for verb in ("up", "up", "down", "down")]
    assert said == [
        f"Started postgres and redis under {home}. `pikkit down` stops them.",
        f"Nothing to do: both run under {home}.",
        f"Stopped redis and postgres under {home}. The data is kept.",
        f"Nothing to do: no server runs under {home}.",
    ]


def test_status_and_doctor_start_nothing(at_home: dict[str, str], home: Path, tmp_path: Path) -> None:
    looked, checked = (pikkit(verb, environ=at_home, cwd=tmp_path) for verb in ("status", "doctor"))
    assert (looked.returncode, looked.stdout, checked.returncode) == (4, "", 0)
    # Where the tests before this one made a store, they stopped it.
    assert ("Start them with `pikkit up`" if recorded(home) else "There is no store under") in looked.stderr
    assert "postgres and redis of the embedded servers are down" in checked.stdout
    assert embedded.running(home) == []


def test_env_starts_servers_and_exports_the_addresses_of_the_same_servers(
    at_home: dict[str, str], home: Path, tmp_path: Path
) -> None:
    """Also for `pikkit` itself, in a shell that has those exports."""
    script = 'eval "$(pikkit env)" && env -0 && pikkit up --json >&2'
    path = f"{Path(sys.executable).parent}:{at_home['PATH']}"
    done = subprocess.run(
        ["/bin/sh", "-c", script],
        env=at_home | {"PATH": path},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    exported = dict(line.split("=", 1) for line in done.stdout.split("\0") if line)
    connections = recorded(home)
    assert connections is not None
    assert feast_environment(connections).items() <= exported.items()
    assert "They stay up; `pikkit down` stops them." in done.stderr
    assert json.loads(done.stderr[done.stderr.index("{") :])["started"] == []


def test_down_works_whatever_the_settings_have_become(at_home: dict[str, str], home: Path, tmp_path: Path) -> None:
    embedded.start_servers(home)
    pikkit("down", environ=at_home | {"REDIS_URL": "nonsense"}, cwd=tmp_path)
    assert embedded.running(home) == []


# ---- servers of one's own ------------------------------------------------------------------------------------------


def test_up_has_nothing_to_start_where_servers_are_named(environ: dict[str, str], tmp_path: Path) -> None:
    done = pikkit("up", environ=environ, cwd=tmp_path)
    assert last_line(done.stdout) == "Nothing to start: the settings name servers of your own."
    assert not (tmp_path / "home").exists()


def test_env_quotes_every_character_for_the_shell(environ: dict[str, str], tmp_path: Path) -> None:
    password = 'it\'s "$HOME" `id` \\ \n!; é'
    done = pikkit("env", environ=environ | {"POSTGRES_PASSWORD": password}, cwd=tmp_path)
    script = f'{done.stdout}\nprintf %s "$POSTGRES_PASSWORD"'
    assert subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True).stdout == password


def test_env_prints_exports_and_nothing_else(connections: Connections, environ: dict[str, str], tmp_path: Path) -> None:
    lines = pikkit("env", environ=environ, cwd=tmp_path).stdout.splitlines()
    assert [line.split("=")[0] for line in lines] == [f"export {name}" for name in feast_environment(connections)]


def test_first_lines_of_status_name_the_next_command(
    environ: dict[str, str], blank_postgres: Postgres, tmp_path: Path
) -> None:
    refreshed = pikkit("status", environ=environ, cwd=tmp_path)
    migrated = pikkit("status", environ=environ | {"POSTGRES_DATABASE": blank_postgres.database}, cwd=tmp_path)
    assert (refreshed.returncode, migrated.returncode) == (0, 0)
    assert "`pikkit run`" in refreshed.stdout.partition("\n\n")[0]
    assert "`pikkit migrate`" in migrated.stdout.partition("\n\n")[0]


def test_status_prints_postgres_contents_before_failing_for_redis(environ: dict[str, str], tmp_path: Path) -> None:
    done = pikkit("status", "--json", environ=environ | {"REDIS_URL": "redis://127.0.0.1:1/0"}, cwd=tmp_path)
    document = json.loads(done.stdout)
    assert (done.returncode, document["views"][0]["online"]["state"]) == (4, "down")
    assert "127.0.0.1:1/0 does not answer" in document["redis"]["error"]
    assert "127.0.0.1:1/0 does not answer" in done.stderr


def test_status_names_the_holder_of_the_lock(connections: Connections, environ: dict[str, str], tmp_path: Path) -> None:
    with connect(connections.postgres, purpose="test") as database, hold_run_lock(database, "backfill"):
        done = pikkit("status", "--all", environ=environ, cwd=tmp_path)
    assert "Lock      pikkit backfill, process" in done.stdout
    assert done.stdout.startswith("A run is going on: pikkit backfill")


@pytest.mark.parametrize(
    ("differs", "code"),
    [
        ({}, 0),
        ({"KNOWN_AT_COLUMN": "placed_at"}, 2),
        ({"REDIS_URL": "redis://127.0.0.1:1/0"}, 4),
        ({"POSTGRES_DATABASE": "nowhere"}, 4),
    ],
)
def test_doctor_exits_with_the_code_of_the_first_failure(
    environ: dict[str, str], tmp_path: Path, differs: dict[str, str], code: int
) -> None:
    done = pikkit("doctor", "--json", environ=environ | differs, cwd=tmp_path)
    document = json.loads(done.stdout)
    assert (done.returncode, document["failed"]) == (code, len(differs))


def test_doctor_ends_with_a_count_and_has_a_line_for_each_check(environ: dict[str, str], tmp_path: Path) -> None:
    *lines, last = pikkit("doctor", environ=environ, cwd=tmp_path).stdout.splitlines()
    assert last == f"{len(lines)} checks: 0 failed, 1 warned. Nothing was changed."
    assert {line.split()[0] for line in lines} == {"ok", "warn"}


def test_doctor_leaves_redis_unchanged(connections: Connections, environ: dict[str, str], tmp_path: Path) -> None:
    pikkit("doctor", environ=environ, cwd=tmp_path)
    with redis.Redis.from_url(connections.redis.url) as client:
        assert client.dbsize() == 0
