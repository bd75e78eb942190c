"""Whatever goes wrong with a run ends in an exit code and a message of three parts, and leaves the store as it was."""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from feature_repo.servers.connections import Connections, Postgres, Redis
from ingestion.database.access import connect, hold_run_lock
from ingestion.runs.status import lock_holder
from tests.builders.bet_files import NOW, bet, jsonl, lost
from tests.rigs.commands import digests, environ_of, pikkit
from tests.rigs.databases import temporary_database
from tests.rigs.forked_commands import ForkedCommand, forked_command
from tests.rigs.processes import wait_until
from tests.rigs.trouble import a_role_with_a_password, closed_port, on_disk, small_disk

LATER = (NOW + timedelta(hours=1)).isoformat()
HEADER = b"id,bet_type,status,american_odds,amount,profit,sport,league,market,institution_name,updated_at,time_placed\n"
ROW = b"z,straight,SETTLED_WIN,150,10,15,Soccer,L,M,B,2026-05-01T13:00:00Z,2026-05-01T12:00:00Z\n"


@pytest.fixture(scope="module")
def refreshed_once(
    servers: Connections, applied_template: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Postgres]:
    """A database with a few bets, refreshed at NOW. Each test gets a copy of it."""
    with temporary_database(servers.postgres, applied_template) as postgres:
        directory = tmp_path_factory.mktemp("bets")
        environ = environ_of(dataclasses.replace(servers, postgres=postgres), directory / "home")
        file = jsonl(directory / "bets.jsonl", bet("a", 1), lost("b", 2), bet("c", status="?"))
        # In a process of its own: Feast keeps connections open, and a database in use cannot be copied.
        done = pikkit("run", "--source", file, "--now", NOW.isoformat(), environ=environ, cwd=directory)
        assert done.returncode == 0, done.stderr
        yield postgres


@pytest.fixture
def store(empty_redis: Redis, clone: Callable[[Postgres], Postgres], refreshed_once: Postgres) -> Connections:
    return Connections(clone(refreshed_once), empty_redis, embedded=False)


@pytest.fixture
def environ(store: Connections, tmp_path: Path) -> dict[str, str]:
    return environ_of(store, tmp_path / "home")


@pytest.fixture
def new_bet(tmp_path: Path) -> Path:
    """A file that a run would take a bet from."""
    return jsonl(tmp_path / "new.jsonl", bet("d", 3))


def check_refusal(done: subprocess.CompletedProcess[str], code: int, what: str, state: str, next_step: str) -> None:
    """The command ended with this code and told on stderr what happened, what state things are in, what to do next."""
    assert (done.returncode, done.stdout, "Traceback" in done.stderr) == (code, "", False), done.stderr
    message = done.stderr.replace("\n", " ")
    positions = [message.find(part) for part in (what, state, next_step)]
    assert -1 not in positions, message
    assert positions == sorted(positions), message


# ---- the file ------------------------------------------------------------------------------------------------------

MEND = "Write it anew, or mend it there."
FILES = {
    "empty": ("bets.csv", b"", "cannot be used: it is empty.", MEND),
    "without rows": ("bets.csv", HEADER, "cannot be used: it holds no rows.", MEND),
    "without columns": (
        "bets.csv", b"id,status\na,PENDING\n", "lacks the columns bet_type, american_odds,", "Give a table of bets"
    ),
    "broken quote": (
        "bets.csv", HEADER + ROW + ROW.replace(b"Soccer", b'"Soccer'), "cannot be used: the row that starts on", MEND
    ),
    "short row": ("bets.csv", HEADER + ROW + b"y,straight\n", "cannot be used: the row on line 3 has 2 fields", MEND),
    "not Parquet": ("bets.parquet", b"PAR1, or so it says", "is not readable as .parquet", MEND),
    "not JSON": ("bets.jsonl", b"\x00\xff\xfe", "cannot be used: no line of it holds a bet", MEND),
    "another kind": ("bets.xlsx", b"PK", "does not end in .parquet, .jsonl, .ndjson,", "Rename or convert it."),
}  # fmt: skip


@pytest.mark.parametrize("kind", FILES)
def test_run_on_a_file_without_bets_exits_2_and_changes_nothing(
    store: Connections, environ: dict[str, str], tmp_path: Path, kind: str
) -> None:
    name, content, what, next_step = FILES[kind]
    (tmp_path / name).write_bytes(content)
    before = digests(store)
    done = pikkit("run", "--source", name, "--now", LATER, environ=environ, cwd=tmp_path)
    check_refusal(done, 2, f"SourceRejected: {name} {what}", "Nothing was taken from it.", next_step)
    assert digests(store) == before


@pytest.mark.parametrize(
    ("path", "what", "next_step"),
    [("nowhere.csv", "does not exist.", "Check the path."), (".", "is not a file.", "Give one that ends in .parquet,")],
)
def test_run_on_a_path_that_is_no_file_exits_2_and_changes_nothing(
    store: Connections, environ: dict[str, str], tmp_path: Path, path: str, what: str, next_step: str
) -> None:
    before = digests(store)
    done = pikkit("run", "--source", path, "--now", LATER, environ=environ, cwd=tmp_path)
    check_refusal(done, 2, f"SourceRejected: {path} {what}", "Nothing was taken from it.", next_step)
    assert digests(store) == before


def test_run_on_an_unreadable_file_exits_2_and_changes_nothing(
    store: Connections, environ: dict[str, str], tmp_path: Path, new_bet: Path
) -> None:
    new_bet.chmod(0)
    before = digests(store)
    done = pikkit("run", "--source", new_bet, "--now", LATER, environ=environ, cwd=tmp_path, prefix=without_override())
    check_refusal(
        done, 2, f"SourceRejected: {new_bet} cannot be read: Permission denied.", "Nothing was taken", "mend it"
    )
    assert digests(store) == before


def without_override() -> list[str]:
    """A command before the command, that takes root's right to read everything away."""
    if os.geteuid() != 0:
        return []
    if not shutil.which("setpriv"):
        pytest.skip("root may read every file, and there is no setpriv to take that away")
    return ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]


# ---- settings and the clock ----------------------------------------------------------------------------------------


def test_run_with_an_unparsable_clock_exits_2_and_changes_nothing(
    store: Connections, environ: dict[str, str], tmp_path: Path, new_bet: Path
) -> None:
    before = digests(store)
    command = ("run", "--source", new_bet)
    option = pikkit(*command, "--now", "in May", environ=environ, cwd=tmp_path)
    setting = pikkit(*command, environ=environ | {"PIKKIT_NOW": "2026-13-01"}, cwd=tmp_path)
    check_refusal(option, 2, "'in May' is not an instant.", "Nothing was done.", "Write it in ISO 8601")
    check_refusal(setting, 2, "- PIKKIT_NOW: '2026-13-01' is not an instant.", "Nothing was done.", "Set them in")
    assert digests(store) == before


def test_run_with_a_clock_before_the_last_refresh_exits_2_and_changes_nothing(
    store: Connections, environ: dict[str, str], tmp_path: Path, new_bet: Path
) -> None:
    before = digests(store)
    done = pikkit("run", "--source", new_bet, "--now", "2026-05-23", environ=environ, cwd=tmp_path)
    check_refusal(
        done, 2, "refreshed at 2026-05-24T15:00:00Z", "Nothing was done; published history", "Leave out --now"
    )
    assert digests(store) == before


def test_settings_that_are_missing_are_named_all_at_once(
    store: Connections, environ: dict[str, str], tmp_path: Path, new_bet: Path
) -> None:
    for name in ("POSTGRES_USER", "REDIS_URL"):
        del environ[name]
    before = digests(store)
    done = pikkit("run", "--source", new_bet, environ=environ, cwd=tmp_path)
    check_refusal(done, 2, "- POSTGRES_USER: not set   - REDIS_URL: not set", "Nothing was done.", "Set them in")
    assert digests(store) == before


@pytest.mark.parametrize("arguments", [["run", "--sorce", "x.csv"], ["rum"]])
def test_misspelt_command_or_option_exits_2_with_usage_and_hint(
    environ: dict[str, str], tmp_path: Path, arguments: list[str]
) -> None:
    done = pikkit(*arguments, environ=environ, cwd=tmp_path)
    check_refusal(done, 2, "Usage: pikkit", "--help' for help", "Error: ")


def test_run_on_a_database_without_migrations_exits_2_and_names_pikkit_migrate(
    blank_postgres: Postgres, environ: dict[str, str], tmp_path: Path, new_bet: Path
) -> None:
    done = pikkit(
        "run", "--source", new_bet, environ=environ | {"POSTGRES_DATABASE": blank_postgres.database}, cwd=tmp_path
    )
    check_refusal(done, 2, "lacks migrations: 0001_bets", "Nothing was done.", "Run `pikkit migrate`")


# ---- the servers ---------------------------------------------------------------------------------------------------


def test_run_against_a_closed_postgres_port_exits_4_and_changes_nothing(
    store: Connections, environ: dict[str, str], tmp_path: Path, new_bet: Path
) -> None:
    port = closed_port()
    before = digests(store)
    nobody = environ | {"POSTGRES_HOST": "127.0.0.1", "POSTGRES_PORT": port}
    done = pikkit("run", "--source", new_bet, "--now", LATER, environ=nobody, cwd=tmp_path)
    check_refusal(
        done, 4, f"Unreachable: Postgres at 127.0.0.1:{port}/", "What was not committed is undone.", "`pikkit doctor`"
    )
    assert digests(store) == before


def test_run_with_a_wrong_postgres_password_exits_4_without_printing_the_password(
    store: Connections, environ: dict[str, str], tmp_path: Path, new_bet: Path
) -> None:
    before = digests(store)
    with a_role_with_a_password(store) as role:
        wrong = environ | {"POSTGRES_USER": role, "POSTGRES_PASSWORD": "hunter2"}
        done = pikkit("run", "--source", new_bet, "--now", LATER, environ=wrong, cwd=tmp_path)
    check_refusal(done, 4, "password authentication failed", "What was not committed is undone.", "`pikkit doctor`")
    assert "hunter2" not in done.stderr
    assert digests(store) == before


def test_run_as_a_role_without_rights_exits_2_and_changes_nothing(
    store: Connections, environ: dict[str, str], tmp_path: Path, new_bet: Path
) -> None:
    before = digests(store)
    with a_role_with_a_password(store) as role:
        ordinary = environ | {"POSTGRES_USER": role, "POSTGRES_PASSWORD": "correct"}
        done = pikkit("run", "--source", new_bet, "--now", LATER, environ=ordinary, cwd=tmp_path)
    check_refusal(done, 2, "permission denied for schema ops", "What was not committed is undone.", "`pikkit doctor`")
    assert digests(store) == before


def test_run_without_redis_exits_4_after_commit_and_materialize_completes_the_copy(
    store: Connections, environ: dict[str, str], tmp_path: Path, new_bet: Path
) -> None:
    """The run has committed by then, and says so; only the copy is missing, which `materialize` brings."""
    down = environ | {"REDIS_URL": "redis://127.0.0.1:1/0"}
    done = pikkit("run", "--source", new_bet, "--now", LATER, environ=down, cwd=tmp_path)
    check_refusal(
        done, 4, "Redis at 127.0.0.1:1/0", "The features are committed in Postgres", "run `pikkit materialize`"
    )
    assert digests(store)["redis"] == []
    assert pikkit("materialize", "--now", LATER, environ=environ, cwd=tmp_path).returncode == 0
    assert pikkit("verify", environ=environ, cwd=tmp_path).returncode == 0


def test_run_on_a_full_disk_changes_nothing_and_succeeds_once_there_is_room(
    servers: Connections, store: Connections, environ: dict[str, str], tmp_path: Path, refreshed_once: Postgres
) -> None:
    file = jsonl(tmp_path / "many.jsonl", *(bet(f"n{n}", n % 997, market=f"M{n % 50}") for n in range(5_000)))
    with small_disk(100) as disk, on_disk(servers, disk, refreshed_once) as postgres:
        filling = dataclasses.replace(store, postgres=postgres)
        there = environ_of(filling, tmp_path / "home")
        ballast = disk / "ballast"
        ballast.write_bytes(b"." * (shutil.disk_usage(disk).free - 1_000_000))
        before = digests(filling)
        load = ("run", "--late", "--source", file, "--now", LATER)
        done = pikkit(*load, environ=there, cwd=tmp_path)
        check_refusal(done, 4, "StoreFull: Postgres at", "What was not committed is undone.", "Free some space")
        assert digests(filling) == before
        ballast.unlink()
        assert pikkit(*load, environ=there, cwd=tmp_path).returncode == 0


# ---- the lock ------------------------------------------------------------------------------------------------------


def test_run_while_another_run_holds_the_lock_exits_5_and_names_the_holder(
    store: Connections, environ: dict[str, str], tmp_path: Path, new_bet: Path
) -> None:
    before = digests(store)
    with connect(store.postgres, purpose="test") as other, hold_run_lock(other, "backfill"):
        done = pikkit("run", "--source", new_bet, "--now", LATER, environ=environ, cwd=tmp_path)
        holder = f"pikkit backfill, process {other.info.backend_pid}"
    check_refusal(
        done, 5, f"LockHeld: Another run holds the lock: {holder}", "Nothing was done.", "Wait until it is done"
    )
    assert digests(store) == before


def test_lock_of_a_killed_owner_is_taken_over(
    store: Connections, environ: dict[str, str], tmp_path: Path, new_bet: Path
) -> None:
    before = digests(store)
    with run_that_waits(store, environ, tmp_path, new_bet) as owner:
        owner.kill()
        owner.wait()
    assert digests(store) == before
    assert pikkit("run", "--source", new_bet, "--now", LATER, environ=environ, cwd=tmp_path).returncode == 0
    assert run_states(store) == ["done", "died", "done"]


def test_interrupted_run_exits_130_and_undoes_uncommitted_work(
    store: Connections, environ: dict[str, str], tmp_path: Path, new_bet: Path
) -> None:
    before = digests(store)
    with run_that_waits(store, environ, tmp_path, new_bet) as process:
        process.send_signal(signal.SIGINT)
        ended = process.wait()
    assert (ended.returncode, ended.stderr.splitlines()[-1]) == (
        130,
        "Interrupted. What was committed or published stays, the rest is undone. Run the command again.",
    )
    assert (run_states(store), digests(store)) == (["done", "failed"], before)


@contextmanager
def run_that_waits(store: Connections, environ: dict[str, str], cwd: Path, file: Path) -> Iterator[ForkedCommand]:
    """A run that holds the lock and stands still in the middle of its work."""
    command = ["run", "--source", file, "--now", LATER]
    with connect(store.postgres, purpose="test") as obstacle, connect(store.postgres, purpose="test") as looker:
        obstacle.execute("lock table raw.bet_versions")
        with forked_command("pikkit", command, environ=environ, cwd=cwd) as process:
            wait_until(lambda: any_waits(looker), process)
            yield process


def any_waits(connection: psycopg.Connection) -> bool:
    query = "select 1 from pg_locks where not granted and relation = 'raw.bet_versions'::regclass"
    with connection.transaction():
        return connection.execute(query).fetchone() is not None and lock_holder(connection) is not None


def run_states(store: Connections) -> list[str]:
    with connect(store.postgres, purpose="test") as connection:
        return [state for (state,) in connection.execute("select state from ops.runs order by started_at")]
