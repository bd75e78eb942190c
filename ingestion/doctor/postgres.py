"""Checks of Postgres: version, encoding, clock, sessions, rights, migrations, registry, definitions, locks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg
from psycopg.rows import dict_row

from feature_repo.clock import CLOCK_TOLERANCE
from feature_repo.errors import ConfigurationError, Unreachable
from feature_repo.postgres.postgres_errors import postgres_errors
from feature_repo.postgres.queries import feast_statement
from feature_repo.postgres.run_lock import lock_holder
from feature_repo.servers.connections import LOCK_PATIENCE, Postgres
from ingestion.database.access import connect, statement
from ingestion.database.migrate import pending
from ingestion.database.registered_views import misnamed
from ingestion.database.rollout import columns_gap, definitions_gap, missing_columns, registry_gap, unapplied
from ingestion.doctor.check import UNREACHABLE, Check, fail, ok, warn
from ingestion.features.feature_versions import redefined_features
from ingestion.features.watermark import server_clock
from ingestion.intake.name_variants import name_variants
from ingestion.runs.status import STORE_SCHEMAS
from ingestion.wording import span

_OLDEST: Final = 150_000
# Bets from more than five minutes past now are refused, so that much between two clocks loses rows.
_SKEW_NOTED, _SKEW_HARMFUL = timedelta(seconds=5), timedelta(minutes=5)


def check_postgres(postgres: Postgres) -> Iterator[Check]:
    """Yield every check of the database. Ends with a failed one where the server does not answer."""
    try:
        with (
            postgres_errors(f"Postgres at {postgres.address}"),
            connect(postgres, purpose="doctor", autocommit=True) as connection,
        ):
            asked_at = datetime.now(UTC)
            server = _server(connection)
            answered_at = datetime.now(UTC)
            yield _version(postgres, server)
            yield _encoding(server)
            yield _time_zone(server)
            yield check_server_clock(server["clock"], asked_at, answered_at)
            yield _sessions(postgres, connection)
            yield _temporary_tables(server)
            schemas = _schemas(connection, server)
            yield schemas
            if schemas.verdict != "FAIL":
                yield from _readiness(connection)
            yield _lock(connection)
            yield _transactions(connection)
    except Unreachable as error:
        yield fail("Postgres", error.what, "Start it, or correct POSTGRES_* and .env", UNREACHABLE)


def _server(connection: psycopg.Connection) -> dict[str, Any]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement("doctor_server")).fetchone() or {}


def _version(postgres: Postgres, server: dict[str, Any]) -> Check:
    finding = f"PostgreSQL {server['version']} at {postgres.address}, as {server['role']}"
    if server["version_number"] < _OLDEST:
        return fail("Postgres", finding, "Version 15 is the oldest that is supported")
    if server["is_replica"]:
        return fail("Postgres", f"{finding}, is a read-only replica", "Set POSTGRES_HOST to the primary")
    return ok("Postgres", finding)


def _encoding(server: dict[str, Any]) -> Check:
    if server["encoding"] != "UTF8":
        return fail("encoding", f"the database holds {server['encoding']}", "Create one with encoding 'UTF8'")
    return ok("encoding", "UTF8")


def _time_zone(server: dict[str, Any]) -> Check:
    if server["time_zone"] not in ("UTC", "Etc/UTC", "GMT"):
        return warn(
            "time zone",
            f"sessions start in {server['time_zone']}; ours are set to UTC, those of plain `feast` are not",
            f"""Run: alter database "{server["database"]}" set timezone to 'UTC'""",
        )
    return ok("time zone", "sessions start in UTC")


def check_server_clock(server_clock: datetime, asked_at: datetime, answered_at: datetime) -> Check:
    """How far the server's clock is from ours. The latter was read before and after the server was asked."""
    skew = server_clock - (asked_at + (answered_at - asked_at) / 2)
    finding = (
        f"Postgres is {abs(skew).total_seconds():.3f} s {'ahead of' if skew > timedelta(0) else 'behind'} this machine"
    )
    if abs(skew) > _SKEW_HARMFUL:
        return fail("clock", finding, "Set both by NTP: rows from the future are refused")
    if abs(skew) > _SKEW_NOTED:
        return warn("clock", finding, "Set both by NTP")
    return ok("clock", finding)


def _sessions(postgres: Postgres, ours: psycopg.Connection) -> Check:
    """Whether a connection keeps its session. Behind a pooler in transaction mode it does not, and a lock is no lock.

    Such a pooler hands the session that we just used to the next transaction of anybody, so that we get another one.
    """
    before = _process(ours)
    with connect(postgres, purpose="doctor") as other:
        _process(other)  # stays in its transaction, and keeps whatever session it was given
        same = _process(ours) == before
    if same:
        return ok("sessions", "each connection has its own")
    return fail(
        "sessions",
        "a pooler in transaction mode stands in between: locks and temporary tables do not hold",
        "Set POSTGRES_PORT to the pooler's session mode, or to Postgres itself",
    )


def _process(connection: psycopg.Connection) -> int:
    row: tuple[int] = connection.execute("select pg_backend_pid()").fetchone() or (0,)
    return row[0]


def _temporary_tables(server: dict[str, Any]) -> Check:
    if server["may_make_temporary_tables"]:
        return ok("temporary tables", "allowed")
    grant = f'grant temporary on database "{server["database"]}" to "{server["role"]}"'
    return fail("temporary tables", "not allowed", f"Run as the database's owner: {grant}")


def _schemas(connection: psycopg.Connection, server: dict[str, Any]) -> Check:
    with connection.cursor(row_factory=dict_row) as cursor:
        schemas = cursor.execute(statement("doctor_schemas"), {"schemas": list(STORE_SCHEMAS)}).fetchall()
    missing = [s["schema"] for s in schemas if not s["exists"]]
    closed = [s["schema"] for s in schemas if s["exists"] and not s["is_writable"]]
    others = [s["schema"] for s in schemas if s["exists"] and not s["is_owned"]]
    if missing and not server["may_create_schemas"]:
        grant = f'grant create on database "{server["database"]}" to "{server["role"]}"'
        return fail(
            "schemas",
            f"{', '.join(missing)} are missing and may not be created",
            f"Run as the database's owner: {grant}",
        )
    if closed:
        finding = f"{server['role']} may not write in {', '.join(closed)}"
        return fail("schemas", finding, "Grant usage on them, and select, insert, update, delete on their tables")
    if others:
        finding = f"{', '.join(others)} belong to another role: they can be written, not migrated"
        return warn("schemas", finding, "Let their owner run `pikkit migrate`")
    if missing:
        return ok("schemas", f"{', '.join(missing)} can be created")
    return ok("schemas", f"{', '.join(STORE_SCHEMAS)} can be written and migrated")


def _readiness(connection: psycopg.Connection) -> Iterator[Check]:
    try:
        missing = pending(connection)
    except ConfigurationError as error:
        yield fail("migrations", error.what, error.next_step)
        return
    if missing:
        yield warn("migrations", f"pending: {', '.join(missing)}", "Run `pikkit migrate`")
    else:
        yield ok("migrations", "all are applied")
        yield _names(connection)
        yield _refreshed(connection)
        yield _definitions(connection)
    if rows := misnamed(connection):
        yield fail(
            "registry",
            f"Feast's registry holds views of other names in the rows of {', '.join(rows)}, which Feast never writes",
            "Find out who can write the schema `feast` (docs/serving.md), then run `pikkit apply`, which mends them",
        )
    elif views := unapplied(connection):
        gap = registry_gap(views)
        yield warn("registry", gap.clause, gap.next_step)
    else:
        yield ok("registry", "Feast knows every view as it is declared")


def _refreshed(connection: psycopg.Connection) -> Check:
    """Whether the store was refreshed by a clock that ran ahead, which locks it until that day."""
    row: tuple[datetime] | None = connection.execute(feast_statement("features_watermark")).fetchone()
    if row is None:
        return ok("store clock", "nothing was refreshed yet")
    (watermark,) = row
    ahead = watermark - server_clock(connection)
    finding = f"the last refresh is as of {watermark:%Y-%m-%dT%H:%M:%SZ}"
    if ahead > CLOCK_TOLERANCE:
        return fail(
            "store clock",
            f"{finding}, which is {span(ahead)} past Postgres's clock: it was made by a clock that ran ahead, and no "
            "run with the right one is taken before",
            "Run `pikkit backfill --rewind`",
        )
    return ok("store clock", finding)


def _definitions(connection: psycopg.Connection) -> Check:
    if features := missing_columns(connection):
        gap = columns_gap(features)
        return fail("definitions", gap.clause, gap.next_step)
    if features := redefined_features(connection):
        gap = definitions_gap(features)
        return warn("definitions", gap.clause, gap.next_step)
    return ok("definitions", "the rows of every view are of today's")


def _names(connection: psycopg.Connection) -> Check:
    variants = name_variants(connection)
    if not variants:
        return ok("names", "no two differ in letter case only")
    finding = "groups of their own that differ in letter case only, with their graded bets: "
    return warn("names", finding + "; ".join(map(str, variants)), "Spell them alike at the source")


def _transactions(connection: psycopg.Connection) -> Check:
    """Whether somebody else's open transaction holds locks, for which a run would wait, and then give up."""
    after = timedelta(seconds=LOCK_PATIENCE)
    rows = connection.execute(statement("doctor_transactions"), {"after": after}).fetchall()
    if not rows:
        return ok("transactions", "nobody else's holds locks")
    named = "; ".join(f"{session}, {_for(age)}" for session, age in rows)
    return warn("transactions", f"open, and holding locks that a run may need: {named}", "Commit or end them")


def _for(age: timedelta | None) -> str:
    return f"for {age.total_seconds():.0f} s" if age is not None else "since when, only pg_read_all_stats may see"


def _lock(connection: psycopg.Connection) -> Check:
    if holder := lock_holder(connection):
        return warn("lock", f"held by {holder}", "Another run exits 5 until it is free")
    return ok("lock", "free")
