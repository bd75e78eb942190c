"""Postgres: that it answers, what it is, what our role may do there, and whether the store is ready for us."""

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
from feature_repo.servers.connections import Postgres
from ingestion.database.access import LOCK_PATIENCE, connect, statement
from ingestion.database.migrate import pending
from ingestion.database.registry import misnamed
from ingestion.database.rollout import missing_columns, unapplied
from ingestion.doctor.check import UNREACHABLE, Check, fail, ok, warn
from ingestion.features.feature_versions import redefined_views
from ingestion.features.watermark import server_clock
from ingestion.intake.name_variants import name_variants
from ingestion.runs.status import STORE_SCHEMAS
from ingestion.wording import span

_OLDEST: Final = 150_000
# Bets from more than five minutes past now are refused, so that much between two clocks loses rows.
_SKEW_NOTED, _SKEW_HARMFUL = timedelta(seconds=5), timedelta(minutes=5)


def check_postgres(postgres: Postgres) -> Iterator[Check]:
    """Everything about the database. Ends early where the server does not answer."""
    try:
        with (
            postgres_errors(f"Postgres at {postgres.address}"),
            connect(postgres, purpose="doctor", autocommit=True) as connection,
        ):
            asked = datetime.now(UTC)
            server = _server(connection)
            answered = datetime.now(UTC)
            yield _version(postgres, server)
            yield _encoding(server)
            yield _time_zone(server)
            yield check_server_clock(server["clock"], asked, answered)
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
    found = f"PostgreSQL {server['version']} at {postgres.address}, as {server['role']}"
    if server["version_number"] < _OLDEST:
        return fail("Postgres", found, "Version 15 is the oldest that is supported")
    if server["is_replica"]:
        return fail("Postgres", f"{found}, is a read-only replica", "Set POSTGRES_HOST to the primary")
    return ok("Postgres", found)


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


def check_server_clock(theirs: datetime, asked: datetime, answered: datetime) -> Check:
    """How far the server's clock is from ours, which we read before and after asking."""
    skew = theirs - (asked + (answered - asked) / 2)
    found = (
        f"Postgres is {abs(skew).total_seconds():.3f} s {'ahead of' if skew > timedelta(0) else 'behind'} this machine"
    )
    if abs(skew) > _SKEW_HARMFUL:
        return fail("clock", found, "Set both by NTP: rows from the future are refused")
    if abs(skew) > _SKEW_NOTED:
        return warn("clock", found, "Set both by NTP")
    return ok("clock", found)


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
        found = f"{server['role']} may not write in {', '.join(closed)}"
        return fail("schemas", found, "Grant usage on them, and select, insert, update, delete on their tables")
    if others:
        found = f"{', '.join(others)} belong to another role: they can be written, not migrated"
        return warn("schemas", found, "Let their owner run `pikkit migrate`")
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
        found = f"Feast's registry does not have {', '.join(views)} as feature_repo/ declares it"
        yield warn("registry", found, "Run `pikkit apply`")
    else:
        yield ok("registry", "Feast knows every view as it is declared")


def _refreshed(connection: psycopg.Connection) -> Check:
    """Whether the store was refreshed by a clock that ran ahead, which locks it until that day."""
    mark: tuple[datetime] | None = connection.execute(feast_statement("features_watermark")).fetchone()
    if mark is None:
        return ok("store clock", "nothing was refreshed yet")
    (refreshed_at,) = mark
    ahead = refreshed_at - server_clock(connection)
    found = f"the last refresh is as of {refreshed_at:%Y-%m-%dT%H:%M:%SZ}"
    if ahead > CLOCK_TOLERANCE:
        return fail(
            "store clock",
            f"{found}, which is {span(ahead)} past Postgres's clock: it was made by a clock that ran ahead, and no run "
            "with the right one is taken before",
            "Run `pikkit backfill --rewind`",
        )
    return ok("store clock", found)


def _definitions(connection: psycopg.Connection) -> Check:
    if missing := missing_columns(connection):
        return fail(
            "definitions",
            f"the store has no column for {', '.join(missing)}",
            "Add them in a new file of ingestion/sql/migrations, then run `pikkit migrate`",
        )
    if views := redefined_views(connection):
        found = f"the definition of {', '.join(views)} changed since their rows were written"
        return warn("definitions", found, "Run `pikkit backfill`")
    return ok("definitions", "the rows of every view are of today's")


def _names(connection: psycopg.Connection) -> Check:
    variants = name_variants(connection)
    if not variants:
        return ok("names", "no two differ in letter case only")
    found = "groups of their own that differ in letter case only, with their graded bets: "
    return warn("names", found + "; ".join(map(str, variants)), "Spell them alike at the source")


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
