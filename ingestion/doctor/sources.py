"""Checks of the tables that bets come from: access, columns, rows, ids, updates, rights, clock."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from feature_repo.errors import ColumnsVanished, SourceDenied, Unreachable
from ingestion.doctor.check import REFUSED, UNREACHABLE, Check, fail, ok, warn
from ingestion.intake.streams import StreamState, check_columns, reconcile_command
from ingestion.progress import silent
from ingestion.sources.postgres.postgres_facts import Facts, look_at, obstacles
from ingestion.sources.postgres.postgres_table import PostgresReading, open_source_session
from ingestion.sources.settings import SourcePostgres, SourceSettings, SupabaseProject
from ingestion.sources.table import TableReader
from ingestion.wording import counted

if TYPE_CHECKING:
    from ingestion.sources.supabase.rest import Rest
    from ingestion.sources.supabase.supabase_reading import SupabaseReading

# For how long one asks again here: somebody sits and waits.
_PATIENCE: Final = timedelta(seconds=10)
# A cursor never passes our clock, so a clock that is ahead there delays rows, and one behind makes us read them twice.
_SKEW_NOTED: Final = timedelta(minutes=1)


def check_sources(
    sources: SourceSettings,
    patience: timedelta = _PATIENCE,
    *,
    states: Mapping[str, StreamState] = MappingProxyType({}),
) -> Iterator[Check]:
    """Yield every check of the configured tables. `states` are the recorded states of streams, by their names."""
    if sources.supabase is not None:
        yield from _refusing("Supabase", check_supabase(sources.supabase, patience, states))
    if sources.postgres is not None:
        yield from _refusing("source Postgres", check_source_postgres(sources.postgres, patience, states))
    if sources.supabase is None and sources.postgres is None:
        yield ok("sources", "no table is configured: bets come from files")


def _refusing(name: str, checks: Iterator[Check]) -> Iterator[Check]:
    """The checks; a failed one at the end where the source denies access or does not answer."""
    try:
        yield from checks
    except SourceDenied as error:
        yield fail(name, error.what, error.next_step)
    except Unreachable as error:
        yield fail(name, error.what, "Look whether it is up, and whether its address is right", UNREACHABLE)


# ---- Postgres ------------------------------------------------------------------------------------------------------


def check_source_postgres(
    source: SourcePostgres, patience: timedelta, states: Mapping[str, StreamState]
) -> Iterator[Check]:
    """Yield every check of a table in a Postgres. Raises SourceDenied and Unreachable."""
    with open_source_session(source, patience, silent) as session:
        asked_at = datetime.now(UTC)
        facts, columns = session.ask(lambda connection: look_at(connection, source))
        answered_at = datetime.now(UTC)
        yield ok("source Postgres", f"{session.name} answers")
        table = f"{source.schema}.{source.table}"
        if facts is None or (wrong := obstacles(facts, columns)):
            why = "; ".join(wrong) if facts else "there is no such table"
            yield fail("source table", f"{table}: {why}", "Correct SUPABASE_SCHEMA and SUPABASE_TABLE, or the table")
            return
        reading = PostgresReading(session, source, columns, has_unique_id=facts.has_unique_id)
        reading.check()
        rows, state = reading.total(), states.get(session.name, StreamState())
        yield _table("source table", table, rows, columns.unknown)
        yield _columns_lost("source columns", state, session.name, reading)
        yield _rows_lost("source rows", state, session.name, rows) or _rows(facts, table)
        yield _index(facts, table)
        yield _ids(facts, table, reading)
        yield _stamps_of_updates(facts, table)
        yield _rights(facts, table)
        yield check_clock_of("source clock", facts.clock, asked_at, answered_at)


def _rows(facts: Facts, table: str) -> Check:
    if facts.is_filtered and not facts.sees_every_row:
        finding = f"row level security may hide rows of {table} from {facts.role}: a sync would not see them"
        return warn("source rows", finding, f"Create a policy: for select to {facts.role} using (true)")
    return ok("source rows", f"{facts.role} sees every row")


def _index(facts: Facts, table: str) -> Check:
    if facts.is_view:
        return ok("source index", f"{table} is a view, whose indexes are those of the tables beneath")
    if facts.has_index:
        return ok("source index", "one begins with updated_at")
    finding = f"none of {table} begins with updated_at: each sync reads the whole table"
    return warn("source index", finding, f"Run there: create index concurrently on {table} (updated_at, id)")


def _ids(facts: Facts, table: str, reading: PostgresReading) -> Check:
    if facts.has_unique_id:
        return ok("source ids", f"an index of {table} lets no id repeat")
    if repeated := reading.count_repeated():
        return _repeated("source ids", table, f"{repeated:,} ids have more than one row")
    if not facts.is_table:
        return ok("source ids", f"no id of {table} repeats, which is no table")
    finding = f"no id of {table} repeats, and nothing keeps one from it: there is no unique index on id"
    return warn("source ids", finding, f"Run there: create unique index concurrently on {table} (id)")


def _stamps_of_updates(facts: Facts, table: str) -> Check:
    if not facts.is_table:
        finding = f"{table} is no table: whether updates get a new updated_at, the tables beneath would tell"
        return ok("source updates", finding)
    if facts.has_update_trigger:
        return ok("source updates", "a trigger runs before each row that is updated, and can set updated_at")
    return _unstamped("source updates", table)


def _rights(facts: Facts, table: str) -> Check:
    if facts.writes:
        finding = f"{facts.role} may {', '.join(facts.writes)} too in {table}"
        return warn("source rights", finding, "Reading is enough: docs/store-roles.sql makes such a role")
    return ok("source rights", f"{facts.role} may read {table}, and not write it")


# ---- Supabase ------------------------------------------------------------------------------------------------------


def check_supabase(project: SupabaseProject, patience: timedelta, states: Mapping[str, StreamState]) -> Iterator[Check]:
    """Yield every check of the table behind a project's REST API. Raises SourceDenied and Unreachable."""
    from ingestion.sources.supabase.supabase_table import open_supabase

    if not project.key:
        yield ok("Supabase", f"{project.host} is only published to: SUPABASE_KEY is not set")
        return
    table = open_supabase(project, patience, silent)
    yield ok("Supabase", f"{project.host} answers and takes the key")
    yield _key(project)
    with table.reading() as reading:
        name = f"{project.schema}.{project.table}"
        rows, state = reading.total(), states.get(table.name, StreamState())
        yield _table("Supabase table", name, rows, table.unknown_columns)
        yield _columns_lost("Supabase columns", state, table.name, reading)
        yield _rows_lost("Supabase rows", state, table.name, rows) or ok(
            "Supabase rows", f"the key is shown {_counted(rows)}"
        )
        asked_at = datetime.now(UTC)
        source_clock = reading.rest.send(lambda: _one_row(reading.rest), lambda answer: answer.headers.get("Date"))
        if source_clock:
            # To the second.
            yield check_clock_of("Supabase clock", parsedate_to_datetime(source_clock), asked_at, datetime.now(UTC))
        yield from _facts_over_rest(reading, name)


def _facts_over_rest(reading: SupabaseReading, table: str) -> Iterator[Check]:
    """Checks of ids and updates: by the function pikkit_bet_facts; without it by some of the rows."""
    facts = reading.facts()
    if facts is not None and facts.has_unique_id:
        yield ok("Supabase ids", f"an index of {table} lets no id repeat")
    else:
        yield _ids_over_rest(reading, table)
    if facts is None:
        finding = f"whether updates of {table} get a new updated_at is not to be seen over REST"
        fix = "Sections 3 and 5 of docs/supabase.sql make a function that tells, and the trigger"
        yield warn("Supabase updates", finding, fix)
    elif facts.has_update_trigger:
        yield ok("Supabase updates", "a trigger runs before each row that is updated, and can set updated_at")
    else:
        yield _unstamped("Supabase updates", table)


def _ids_over_rest(reading: SupabaseReading, table: str) -> Check:
    ids, repeated = reading.count_repeated_at_ends()
    if repeated:
        return _repeated(
            "Supabase ids", table, f"of {ids:,} ids that were looked at {repeated:,} have more than one row"
        )
    finding = (
        f"none of {ids:,} ids at either end of {table} repeats, and whether an index keeps them from it is not known"
    )
    return ok("Supabase ids", finding)


def _key(project: SupabaseProject) -> Check:
    """Whether the key is one that may change everything: by its role as a token, or by its prefix (sb_secret_)."""
    if _role(project.key) == "service_role" or project.key.startswith("sb_secret_"):
        finding = "the key may read and change everything in the project"
        return warn("Supabase rights", finding, "Reading is enough: docs/supabase.sql makes such a role")
    return ok("Supabase rights", "the key is not one that may change everything")


def _role(key: str) -> str | None:
    try:
        claims = key.split(".")[1]
        role = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4))).get("role")
    except (IndexError, ValueError, AttributeError):
        return None
    return role if isinstance(role, str) else None


def _one_row(rest: Rest) -> Any:
    return rest.client.table(rest.project.table).select("id").limit(1)


# ---- both ----------------------------------------------------------------------------------------------------------


def _counted(rows: int | None) -> str:
    return "rows that could not be counted in time" if rows is None else counted(rows, "row")


def _table(check: str, table: str, rows: int | None, unknown: tuple[str, ...]) -> Check:
    finding = f"{table} has {_counted(rows)} and every column that is needed"
    if unknown:
        finding += f"; not read, since no feature uses them: {', '.join(unknown)}"
    if rows is None:
        return warn(
            check, finding, "Give the role that reads a longer statement_timeout, so that syncs notice lost rows"
        )
    if not rows:
        return warn(check, finding, "If it should have some, row level security may hide them from this role")
    return ok(check, finding)


def _rows_lost(check: str, state: StreamState, stream: str, rows: int | None) -> Check | None:
    """A failed check where the table shows so many fewer rows than before that no sync reads it; else None."""
    if rows is None or state.row_count is None or not state.has_shrunk(rows):
        return None
    return fail(
        check,
        f"it showed {state.row_count:,} rows at the last sync, and shows {rows:,} now: no sync reads it so",
        "Look whether this role or key sees every row (row level security). If the others were deleted: "
        f"{reconcile_command(stream, state.row_count - rows)}",
        REFUSED,
    )


def _columns_lost(check: str, state: StreamState, stream: str, reading: TableReader) -> Check:
    """Whether the table still has every column that it had, except those that were accepted by --without."""
    try:
        check_columns(state, stream, reading.columns, reading.unknown_columns, ())
    except ColumnsVanished as error:
        return fail(check, error.what, error.next_step)
    if state.without_columns:
        return ok(check, f"it is read without {', '.join(state.without_columns)}, as somebody accepted (--without)")
    return ok(check, "every one is there that was, as far as the store remembers")


def _repeated(check: str, table: str, finding: str) -> Check:
    fix = "Read a table or view with one row per bet: of these rows the one with the newest updated_at counts, once"
    return warn(check, f"{table} is unfit as it is: {finding}", fix)


def _unstamped(check: str, table: str) -> Check:
    finding = f"no trigger of {table} sets updated_at: a sync does not see an update that leaves it as it was"
    return warn(
        check, finding, "Create the trigger of section 5 of docs/supabase.sql; `pikkit reconcile` finds such rows"
    )


def check_clock_of(check: str, source_clock: datetime, asked_at: datetime, answered_at: datetime) -> Check:
    """How far the source's clock is from ours. The latter was read before and after the source was asked."""
    skew = source_clock - (asked_at + (answered_at - asked_at) / 2)
    finding = f"it is {abs(skew).total_seconds():,.0f} s {'ahead of' if skew > timedelta(0) else 'behind'} this machine"
    if abs(skew) > _SKEW_NOTED:
        return warn(check, finding, "Set both by NTP: rows stamped past our clock are refused until it gets there")
    return ok(check, finding)
