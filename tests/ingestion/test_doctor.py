"""`pikkit doctor` finds what is wrong with settings, servers and rights, on real servers, and shows no secret."""

from __future__ import annotations

import dataclasses
import itertools
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
from psycopg import sql

from feature_repo.connections import Connections, Postgres, Redis
from ingestion.database import connect, run_lock
from ingestion.doctor import Check, examine, settings
from ingestion.doctor.postgres import check_clock, check_postgres
from ingestion.doctor.redis import check_redis
from ingestion.doctor.settings import check_feature_store_yaml, check_home, check_packages
from tests.ingestion.commands import environ_of, small_disk

_numbers = itertools.count(1)


@pytest.fixture
def environ(connections: Connections, tmp_path: Path) -> dict[str, str]:
    return environ_of(connections, tmp_path / "home")


def by_name(checks: Iterator[Check]) -> dict[str, Check]:
    return {check.name: check for check in checks}


def verdicts(checks: Iterator[Check]) -> dict[str, str]:
    return {check.name: check.verdict for check in checks if check.verdict != "ok"}


# ---- settings ------------------------------------------------------------------------------------------------------


def test_a_store_that_was_only_migrated_lacks_only_the_registry(environ: dict[str, str]) -> None:
    assert verdicts(examine(environ)) == {"registry": "warn"}


def test_everything_wrong_with_the_settings_is_told_and_no_server_is_asked(environ: dict[str, str]) -> None:
    del environ["POSTGRES_USER"]
    checks = by_name(examine(environ | {"POSTGRES_PORT": "x", "PIKKIT_NOW": "later", "KNOWN_AT_COLUMN": "placed_at"}))
    failed = {name for name, check in checks.items() if check.verdict == "FAIL"}
    assert failed == {"POSTGRES_USER", "POSTGRES_PORT", "PIKKIT_NOW", "KNOWN_AT_COLUMN"}
    assert {check.exit_code for check in checks.values() if check.verdict == "FAIL"} == {2}
    assert "Postgres" not in checks


def test_a_stopped_clock_is_a_warning(environ: dict[str, str]) -> None:
    check = by_name(examine(environ | {"PIKKIT_NOW": "2026-05-24"}))["PIKKIT_NOW"]
    assert (check.verdict, "stands at 2026-05-24" in check.found) == ("warn", True)


def test_secrets_are_masked(connections: Connections, environ: dict[str, str]) -> None:
    environ["POSTGRES_PASSWORD"] = "correct horse"
    told = " ".join(check.found for check in examine(environ))
    assert connections.redis.password
    assert [secret for secret in ("correct horse", connections.redis.password) if secret in told] == []
    assert "redis://***@127.0.0.1" in told


def test_the_value_of_a_wrong_setting_is_not_shown(environ: dict[str, str]) -> None:
    told = " ".join(check.found for check in examine(environ | {"REDIS_URL": "hunter2", "POSTGRES_PORT": "hunter3"}))
    assert "hunter" not in told


def test_the_exports_of_another_home_are_recognized(environ: dict[str, str]) -> None:
    """After `eval "$(pikkit env)"` and a change of PIKKIT_HOME, only "REDIS_URL: not set" was said."""
    del environ["REDIS_URL"]
    assert "unset POSTGRES_*" in by_name(examine(environ))["POSTGRES_HOST"].found


# ---- this machine --------------------------------------------------------------------------------------------------


def test_a_package_that_does_not_fit_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_packages().verdict == "ok"
    asked = ["polars>=999", "nobody-wrote-this", "not-needed; extra == 'dev'"]
    monkeypatch.setattr(settings, "requires", lambda _: asked)
    found = check_packages().found
    assert "polars>=999 is needed" in found
    assert "nobody-wrote-this is needed, found missing" in found
    assert "not-needed" not in found


def test_a_home_below_a_file_fails(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert verdicts(check_home({"PIKKIT_HOME": str(tmp_path / "file" / "home")})) == {"home": "FAIL"}


@pytest.mark.parametrize(("megabytes", "expected"), [(100, ("FAIL", 4)), (1000, ("warn", 0)), (9000, ("ok", 0))])
def test_a_disk_that_is_nearly_full_is_told(megabytes: int, expected: tuple[str, int]) -> None:
    with small_disk(megabytes) as disk:
        check = by_name(check_home({"PIKKIT_HOME": str(disk / "home")}))["disk"]
    assert (check.verdict, check.exit_code) == expected


def test_embedded_servers_that_are_down_are_a_warning_and_stay_down(tmp_path: Path) -> None:
    checks = by_name(examine({"PIKKIT_HOME": str(tmp_path / "home")}))
    assert (checks["servers"].verdict, "Postgres" in checks) == ("warn", False)
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("password", ["", 'it\'s "$HOME" ${PATH}, #1: {x} \\n %41 |', " ß🎲 ", "a\nb", "a\x01b", "1e5"])
def test_a_password_that_feast_would_read_otherwise_fails(connections: Connections, password: str) -> None:
    postgres = dataclasses.replace(connections.postgres, password=password)
    check = check_feature_store_yaml(dataclasses.replace(connections, postgres=postgres))
    assert check.verdict == ("FAIL" if password in ("a\nb", "a\x01b") else "ok")


# ---- Postgres ------------------------------------------------------------------------------------------------------


def test_a_postgres_that_does_not_answer_fails_and_redis_is_asked_all_the_same(environ: dict[str, str]) -> None:
    checks = by_name(examine(environ | {"POSTGRES_HOST": "127.0.0.1", "POSTGRES_PORT": closed_port()}))
    assert (checks["Postgres"].verdict, checks["Postgres"].exit_code) == ("FAIL", 4)
    assert checks["Redis writes"].verdict == "ok"


def test_a_database_whose_sessions_start_in_another_zone_is_a_warning(postgres: Postgres) -> None:
    execute(postgres, "alter database {database} set timezone to 'Europe/Berlin'")
    check = by_name(check_postgres(postgres))["time zone"]
    assert (check.verdict, "Europe/Berlin" in check.found) == ("warn", True)


def test_a_database_that_cannot_hold_every_name_fails(servers: Connections) -> None:
    name = f"latin_{next(_numbers)}"
    maintenance = dataclasses.replace(servers.postgres, database="postgres")
    execute(
        maintenance,
        f"create database {name} template template0 encoding 'LATIN1' locale_provider libc locale 'C'",
    )
    check = by_name(check_postgres(dataclasses.replace(servers.postgres, database=name)))["encoding"]
    execute(maintenance, f"drop database {name} with (force)")
    assert (check.verdict, "LATIN1" in check.found) == ("FAIL", True)


@pytest.mark.parametrize(
    ("seconds", "verdict", "word"), [(0.1, "ok", "ahead"), (-30, "warn", "behind"), (301, "FAIL", "ahead")]
)
def test_clocks_that_differ_are_told(seconds: float, verdict: str, word: str) -> None:
    asked = datetime(2026, 5, 24, tzinfo=UTC)
    answered = asked + timedelta(seconds=2)
    check = check_clock(asked + timedelta(seconds=1 + seconds), asked, answered)
    assert (check.verdict, word in check.found) == (verdict, True)


def test_pending_migrations_are_a_warning_and_edited_ones_a_failure(
    postgres: Postgres, blank_postgres: Postgres
) -> None:
    assert by_name(check_postgres(blank_postgres))["migrations"].verdict == "warn"
    execute(postgres, "update ops.migrations set digest = 'other' where name = '0002_features'")
    assert by_name(check_postgres(postgres))["migrations"].verdict == "FAIL"


def test_the_holder_of_the_lock_is_named(postgres: Postgres) -> None:
    assert by_name(check_postgres(postgres))["lock"].verdict == "ok"
    with connect(postgres, purpose="test") as connection, run_lock(connection, "backfill"):
        check = by_name(check_postgres(postgres))["lock"]
    assert (check.verdict, "pikkit backfill, process" in check.found) == ("warn", True)


def test_a_check_leaves_nothing_behind(connections: Connections) -> None:
    before = keys(connections.redis)
    list(check_redis(connections.redis))
    assert keys(connections.redis) == before == []


# ---- rights --------------------------------------------------------------------------------------------------------


@pytest.fixture
def as_role(servers: Connections) -> Iterator[Callable[[Postgres], Postgres]]:
    """The same database as an ordinary role, which owns nothing."""
    role = f"ordinary_{next(_numbers)}"
    maintenance = dataclasses.replace(servers.postgres, database="postgres")
    execute(maintenance, f"create role {role} login")
    used: list[Postgres] = []

    def as_role(postgres: Postgres) -> Postgres:
        used.append(postgres)
        return dataclasses.replace(postgres, user=role)

    yield as_role
    for postgres in used:
        execute(postgres, f"drop owned by {role}")
    execute(maintenance, f"drop role {role}")


def test_a_role_that_may_not_make_schemas_is_told_what_to_run(
    blank_postgres: Postgres, as_role: Callable[[Postgres], Postgres]
) -> None:
    ordinary = as_role(blank_postgres)
    check = by_name(check_postgres(ordinary))["schemas"]
    assert (check.verdict, check.exit_code) == ("FAIL", 2)
    execute(blank_postgres, check.found.partition("owner: ")[2].removesuffix("."))
    assert by_name(check_postgres(ordinary))["schemas"].verdict == "ok"


def test_a_role_that_may_not_make_temporary_tables_is_told_what_to_run(
    blank_postgres: Postgres, as_role: Callable[[Postgres], Postgres]
) -> None:
    ordinary = as_role(blank_postgres)
    execute(blank_postgres, "revoke temporary on database {database} from public")
    check = by_name(check_postgres(ordinary))["temporary tables"]
    assert check.verdict == "FAIL"
    execute(blank_postgres, check.found.partition("owner: ")[2].removesuffix("."))
    assert by_name(check_postgres(ordinary))["temporary tables"].verdict == "ok"


def test_a_role_that_may_write_everything_but_owns_nothing_is_a_warning(
    template_with_registry: Postgres,
    clone: Callable[[Postgres], Postgres],
    as_role: Callable[[Postgres], Postgres],
) -> None:
    ordinary = as_role(postgres := clone(template_with_registry))
    closed = by_name(check_postgres(ordinary))
    assert (closed["schemas"].verdict, "migrations" in closed) == ("FAIL", False)
    for schema in ("raw", "processed", "quarantine", "features", "ops", "feast"):
        execute(postgres, f"grant usage on schema {schema} to {ordinary.user}")
        execute(postgres, f"grant select, insert, update, delete on all tables in schema {schema} to {ordinary.user}")
    assert by_name(check_postgres(ordinary))["schemas"].verdict == "warn"
    execute(postgres, f"revoke delete on features.reach from {ordinary.user}")
    assert by_name(check_postgres(ordinary))["schemas"].verdict == "FAIL"


# ---- a pooler, Redis -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "verdict"), [("transaction", "FAIL"), ("session", "ok")])
def test_a_pooler_that_does_not_keep_sessions_fails(postgres: Postgres, mode: str, verdict: str) -> None:
    """Locks and temporary tables belong to a session, which a pooler in transaction mode changes under our feet."""
    with pooler(postgres, mode) as pooled:
        assert by_name(check_postgres(pooled))["sessions"].verdict == verdict


@contextmanager
def pooler(postgres: Postgres, mode: str) -> Iterator[Postgres]:
    """The same database through PgBouncer. Skips the test where that is not installed."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("PgBouncer is not installed")
    pooled = dataclasses.replace(postgres, host="127.0.0.1", port=int(closed_port()), sslmode="disable")
    with tempfile.TemporaryDirectory(prefix="pikkit-test-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        (directory / "users").write_text(f'"{postgres.user}" ""\n')
        (directory / "pgbouncer.ini").write_text(
            f"[databases]\n* = host={postgres.host} port={postgres.port}\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {pooled.port}\nunix_socket_dir =\n"
            f"auth_type = trust\nauth_file = {directory}/users\npool_mode = {mode}\n"
        )
        owner = Path(postgres.host).owner() if os.geteuid() == 0 else None  # as root, PgBouncer refuses to run
        command = [program, directory / "pgbouncer.ini"]
        with subprocess.Popen(
            command, user=owner, group=owner, extra_groups=owner and [], stderr=subprocess.PIPE
        ) as process:
            try:
                assert process.stderr
                while b"process up" not in process.stderr.readline():
                    assert process.poll() is None
                yield pooled
            finally:
                process.terminate()


def test_a_redis_that_does_not_answer_fails() -> None:
    check = by_name(check_redis(Redis(f"redis://:secret@127.0.0.1:{closed_port()}/0")))["Redis"]
    assert (check.verdict, check.exit_code, "secret" in check.found) == ("FAIL", 4, False)


def test_a_redis_that_knows_another_password_fails(connections: Connections) -> None:
    other = Redis(connections.redis.url.replace(connections.redis.password or "", "other"))
    assert verdicts(check_redis(other)) == {"Redis": "FAIL"}


def test_a_redis_that_is_full_fails(connections: Connections, redis_settings: Callable[..., None]) -> None:
    redis_settings(maxmemory="1", maxmemory_policy="noeviction")
    assert verdicts(check_redis(connections.redis)) == {"Redis writes": "FAIL"}


def test_a_redis_that_drops_values_when_full_is_a_warning(
    connections: Connections, redis_settings: Callable[..., None]
) -> None:
    redis_settings(maxmemory="1gb", maxmemory_policy="allkeys-lru")
    assert verdicts(check_redis(connections.redis)) == {"Redis memory": "warn"}


@pytest.fixture
def redis_settings(connections: Connections) -> Iterator[Callable[..., None]]:
    """Change settings of the test's Redis, until the test ends."""
    with redis.Redis.from_url(connections.redis.url) as client:
        before: dict[str, Any] = client.config_get("maxmemory*")

        def change(**values: str) -> None:
            for name, value in values.items():
                client.config_set(name.replace("_", "-"), value)

        yield change
        change(**{name: before[name] for name in ("maxmemory", "maxmemory-policy")})


def keys(store: Redis) -> list[bytes]:
    with redis.Redis.from_url(store.url) as client:
        return sorted(client.keys())


def execute(postgres: Postgres, command: str) -> None:
    with psycopg.connect(**postgres.conninfo, autocommit=True) as connection:
        connection.execute(sql.SQL(command).format(database=sql.Identifier(postgres.database)))


def closed_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return str(probe.getsockname()[1])
