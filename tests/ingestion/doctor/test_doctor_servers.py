"""`pikkit doctor` finds what is wrong with Postgres, our rights there, a pooler in between, and Redis."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis

from feature_repo.servers.connections import Connections, Postgres, Redis
from ingestion.database.access import connect, hold_run_lock
from ingestion.doctor.doctor import examine
from ingestion.doctor.postgres import check_postgres, check_server_clock
from ingestion.doctor.redis import check_redis
from tests.rigs.commands import by_name, verdicts
from tests.rigs.trouble import closed_port, execute, pooler

_numbers = itertools.count(1)


# ---- Postgres ------------------------------------------------------------------------------------------------------


def test_unreachable_postgres_fails_the_check_and_redis_is_checked_nevertheless(environ: dict[str, str]) -> None:
    checks = by_name(examine(environ | {"POSTGRES_HOST": "127.0.0.1", "POSTGRES_PORT": closed_port()}))
    assert (checks["Postgres"].verdict, checks["Postgres"].exit_code) == ("FAIL", 4)
    assert checks["Redis writes"].verdict == "ok"


def test_database_with_a_time_zone_that_is_not_utc_is_a_warning(postgres: Postgres) -> None:
    execute(postgres, "alter database {database} set timezone to 'Europe/Berlin'")
    check = by_name(check_postgres(postgres))["time zone"]
    assert (check.verdict, "Europe/Berlin" in check.found) == ("warn", True)


def test_database_with_a_latin1_encoding_fails_the_encoding_check(servers: Connections) -> None:
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
def test_server_clock_off_by_30_seconds_warns_and_by_5_minutes_fails(seconds: float, verdict: str, word: str) -> None:
    asked = datetime(2026, 5, 24, tzinfo=UTC)
    answered = asked + timedelta(seconds=2)
    check = check_server_clock(asked + timedelta(seconds=1 + seconds), asked, answered)
    assert (check.verdict, word in check.found) == (verdict, True)


def test_pending_migration_is_a_warning_and_edited_migration_a_failure(
    postgres: Postgres, blank_postgres: Postgres
) -> None:
    assert by_name(check_postgres(blank_postgres))["migrations"].verdict == "warn"
    execute(postgres, "update ops.migrations set digest = 'other' where name = '0002_features'")
    assert by_name(check_postgres(postgres))["migrations"].verdict == "FAIL"


def test_doctor_names_the_holder_of_the_run_lock(postgres: Postgres) -> None:
    assert by_name(check_postgres(postgres))["lock"].verdict == "ok"
    with connect(postgres, purpose="test") as connection, hold_run_lock(connection, "backfill"):
        check = by_name(check_postgres(postgres))["lock"]
    assert (check.verdict, "pikkit backfill, process" in check.found) == ("warn", True)


def test_redis_check_leaves_no_key_behind(connections: Connections) -> None:
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


def test_role_without_right_to_make_schemas_is_shown_the_grant(
    blank_postgres: Postgres, as_role: Callable[[Postgres], Postgres]
) -> None:
    ordinary = as_role(blank_postgres)
    check = by_name(check_postgres(ordinary))["schemas"]
    assert (check.verdict, check.exit_code) == ("FAIL", 2)
    execute(blank_postgres, check.found.partition("owner: ")[2].removesuffix("."))
    assert by_name(check_postgres(ordinary))["schemas"].verdict == "ok"


def test_role_without_right_to_make_temporary_tables_is_shown_the_grant(
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
    execute(postgres, f"revoke delete on features.watermark from {ordinary.user}")
    assert by_name(check_postgres(ordinary))["schemas"].verdict == "FAIL"


# ---- a pooler, Redis -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "verdict"), [("transaction", "FAIL"), ("session", "ok")])
def test_a_pooler_that_does_not_keep_sessions_fails(postgres: Postgres, mode: str, verdict: str) -> None:
    """Locks and temporary tables belong to a session, which a pooler in transaction mode changes under our feet."""
    with pooler(postgres, mode) as pooled:
        assert by_name(check_postgres(pooled))["sessions"].verdict == verdict


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
