"""docs/supabase.sql as a customer runs it: by a role that is no superuser, in a database that opens every new table to
the API's roles, as Supabase's do.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta

import httpx
import psycopg
import pytest
from psycopg import errors, sql

from feature_repo.servers.connections import Postgres
from ingestion.database.access import connect
from ingestion.progress import silent
from ingestion.sources.supabase.supabase_table import open_supabase
from ingestion.sources.table import StampWindow
from tests.builders.source_table import create_bets, put
from tests.conftest import REPOSITORY
from tests.rigs.processes import wait_until
from tests.rigs.supabase import ROLES, Supabase, make_roles, running_supabase, token

SCRIPT = (REPOSITORY / "docs" / "supabase.sql").read_text()
VIEWS = ("feature_sport_stats", "feature_sport_market_stats", "feature_institution_stats")
TABLES = tuple(f"public.{view}" for view in VIEWS)
OURS = ("pikkit_reader", "pikkit_publisher")
CALL = "select * from public.pikkit_bet_digests(array['id', 'created_at'])"
WRITES = (
    "insert into {} select * from {}",
    "update {} set updated_at = null",
    "delete from {}",
    "truncate {}",
    "drop table {}",
)


@pytest.fixture
def project(blank_postgres: Postgres) -> Postgres:
    """A project with a table of bets and another one; both, and the schema, belong to `dashboard`."""
    make_roles(blank_postgres)
    with connect(blank_postgres, purpose="test", autocommit=True) as database:
        known = {name for (name,) in database.execute("select rolname from pg_roles")}
        if "dashboard" not in known:
            database.execute("create role dashboard login createrole")
        # Roles are the server's: those of an earlier test are as good as new without their settings.
        ours = [role for role in OURS if role in known]
        for role in ours:
            database.execute(f"alter role {role} reset all")
        for role in (*ROLES, *ours):
            database.execute(f"grant {role} to dashboard with admin option")
        database.execute("alter schema public owner to dashboard")
        for kind in ("tables", "functions", "sequences"):
            opening = f"grant all on {kind} to {', '.join(ROLES)}"
            database.execute(f"alter default privileges for role dashboard in schema public {opening}")
    create_bets(blank_postgres)
    with connect(blank_postgres, purpose="test", autocommit=True) as database:
        database.execute("alter table public.bets owner to dashboard; set role dashboard")
        database.execute("create table public.profiles (id text primary key, updated_at timestamptz)")
    return blank_postgres


@pytest.fixture
def set_up(project: Postgres) -> Postgres:
    """The project after the script, which `dashboard` ran: he stands for the role of Supabase's SQL editor."""
    run_script(project)
    return project


def run_script(project: Postgres) -> None:
    with connect(dataclasses.replace(project, user="dashboard"), purpose="test") as editor:
        assert editor.execute("select rolsuper from pg_roles where rolname = current_user").fetchone() == (False,)
        editor.execute(SCRIPT)


@pytest.fixture
def database(set_up: Postgres) -> Iterator[psycopg.Connection]:
    with connect(set_up, purpose="test", autocommit=True) as connection:
        yield connection


def allowed(database: psycopg.Connection, role: str, command: str) -> bool:
    """Whether the role may do it. Nothing is left done."""
    try:
        with database.transaction(force_rollback=True):
            database.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))
            database.execute(command)
    except errors.InsufficientPrivilege:
        return False
    return True


def catalogue(database: psycopg.Connection) -> list[tuple[object, ...]]:
    """What the script makes: relations with their rights and columns, policies, functions, settings of roles."""
    return [
        row
        for query in (
            "select relname, relacl::text, relrowsecurity from pg_class"
            " where relnamespace = 'public'::regnamespace order by 1",
            "select attrelid::regclass::text, attname, atttypid::regtype::text, attnotnull, atthasdef from pg_attribute"
            " join pg_class on pg_class.oid = attrelid where relnamespace = 'public'::regnamespace order by 1, 2",
            "select tablename, policyname, roles::text, cmd, qual, with_check from pg_policies order by 1, 2",
            "select proname, proacl::text, proconfig::text, prosecdef from pg_proc"
            " where pronamespace = 'public'::regnamespace",
            "select rolname, rolcanlogin, rolconfig::text from pg_roles where rolname like 'pikkit%' order by 1",
        )
        for row in database.execute(query)
    ]


def test_second_run_of_the_supabase_script_changes_nothing(database: psycopg.Connection, set_up: Postgres) -> None:
    before = catalogue(database)
    run_script(set_up)
    assert catalogue(database) == before


def test_indexes_of_the_script_serve_the_page_queries_of_a_sync(database: psycopg.Connection) -> None:
    """Pages in order of (updated_at, id), and those of the rows without updated_at in order of (created_at, id)."""
    database.execute("set enable_seqscan = off; set enable_sort = off; set enable_bitmapscan = off")
    for where, order in (("updated_at >= now()", "updated_at, id"), ("updated_at is null", "created_at, id")):
        plan = database.execute(f"explain select * from bets where {where} order by {order} limit 1000").fetchall()
        assert any("Index Scan" in line for (line,) in plan)
        assert not any("Sort" in line for (line,) in plan)


# ---- who may do what -----------------------------------------------------------------------------------------------


def test_new_table_without_the_script_is_open_to_anon_and_authenticated(database: psycopg.Connection) -> None:
    """What the script has to take back: without it, the tests below would prove nothing."""
    assert allowed(database, "anon", "select * from public.profiles")
    assert allowed(database, "authenticated", "delete from public.profiles")


@pytest.mark.parametrize("role", ["anon", "authenticated", "pikkit_reader"])
@pytest.mark.parametrize("table", TABLES)
def test_anon_authenticated_and_reader_neither_read_nor_write_the_published_tables(
    database: psycopg.Connection, role: str, table: str
) -> None:
    commands = ("select * from {}", *WRITES)
    assert [command for command in commands if allowed(database, role, command.format(table, table))] == []


@pytest.mark.parametrize("table", TABLES)
def test_a_grant_alone_opens_no_published_table(database: psycopg.Connection, table: str) -> None:
    """Row level security stands behind the rights: whoever grants one by mistake shows nothing yet."""
    with database.transaction():
        database.execute(f"grant select on {table} to anon")
        database.execute("set local role pikkit_publisher")
        columns = "sport, market" if "market" in table else "institution_name" if "institution" in table else "sport"
        database.execute(f"insert into {table} ({columns}) values ({', '.join(repr('a') for _ in columns.split(','))})")
        assert database.execute(f"select count(*) from {table}").fetchone() == (1,)
        database.execute("set local role anon")
        assert database.execute(f"select count(*) from {table}").fetchone() == (0,)


def test_the_reader_may_read_bets_and_nothing_else(database: psycopg.Connection) -> None:
    assert allowed(database, "pikkit_reader", "select * from public.bets")
    assert [c for c in WRITES if allowed(database, "pikkit_reader", c.format("public.bets", "public.bets"))] == []
    assert [
        c for c in WRITES if allowed(database, "pikkit_reader", c.format("public.profiles", "public.profiles"))
    ] == []
    assert not allowed(database, "pikkit_reader", "select * from public.profiles")
    assert not allowed(database, "pikkit_reader", "create table public.mine ()")


def test_the_reader_reads_bets_when_row_level_security_is_switched_on(
    database: psycopg.Connection, set_up: Postgres
) -> None:
    put(set_up, {"id": "a"})
    database.execute("alter table public.bets enable row level security")
    database.execute("set role pikkit_reader")
    assert database.execute("select id from public.bets").fetchall() == [("a",)]


def test_publisher_role_may_change_rows_of_the_published_tables_and_nothing_else(database: psycopg.Connection) -> None:
    for table in TABLES:
        done = {
            c for c in ("select * from {}", *WRITES) if allowed(database, "pikkit_publisher", c.format(table, table))
        }
        assert done == {"select * from {}", *WRITES[:3]}
    for table in ("public.bets", "public.profiles"):
        commands = ("select * from {}", *WRITES)
        assert [c for c in commands if allowed(database, "pikkit_publisher", c.format(table, table))] == []
    assert not allowed(database, "pikkit_publisher", "create table public.mine ()")


def test_the_publisher_sees_and_changes_every_row(database: psycopg.Connection) -> None:
    database.execute("set role pikkit_publisher")
    database.execute("insert into public.feature_sport_stats (sport) values ('a'), ('b')")
    database.execute("update public.feature_sport_stats set roi = 1 where sport = 'a'")
    database.execute("delete from public.feature_sport_stats where sport = 'b'")
    assert database.execute("select sport, roi from public.feature_sport_stats").fetchall() == [("a", 1.0)]


@pytest.mark.parametrize(
    ("role", "may"), [("pikkit_reader", True), *((role, False) for role in ("anon", "authenticated"))]
)
def test_only_the_reader_calls_the_digests(database: psycopg.Connection, role: str, may: bool) -> None:
    assert allowed(database, role, CALL) is may
    assert allowed(database, role, "select * from public.pikkit_bet_facts()") is may


def test_digest_function_is_refused_to_a_role_that_may_not_read_bets(database: psycopg.Connection) -> None:
    database.execute("grant execute on all functions in schema public to pikkit_publisher")
    assert not allowed(database, "pikkit_publisher", CALL)


def test_pikkit_roles_cannot_log_in_and_the_authenticator_may_assume_the_roles(database: psycopg.Connection) -> None:
    for role in OURS:
        assert database.execute("select rolcanlogin from pg_roles where rolname = %s", [role]).fetchone() == (False,)
        assert database.execute("select pg_has_role('authenticator', %s, 'set')", [role]).fetchone() == (True,)


def test_optional_lines_of_the_script_let_authenticated_users_read_and_not_write(database: psycopg.Connection) -> None:
    optional = SCRIPT.partition("-- Optional:")[2].partition("\n")[2].partition("\n\n")[0]
    database.execute("\n".join(line.removeprefix("-- ") for line in optional.splitlines()))
    database.execute("insert into public.feature_sport_stats (sport) values ('a')")
    for role, may in (("authenticated", True), ("anon", False)):
        assert allowed(database, role, "select * from public.feature_sport_stats") is may
        assert not allowed(database, role, "delete from public.feature_sport_stats")
    database.execute("set role authenticated")
    assert database.execute("select sport from public.feature_sport_stats").fetchall() == [("a",)]


# ---- the same through PostgREST ------------------------------------------------------------------------------------


@pytest.fixture
def rest(project: Postgres) -> Iterator[Supabase]:
    """PostgREST ran already when the script was run, and learnt of it by itself."""
    with running_supabase(project) as rest:
        run_script(project)
        asked = {"of_columns": ["id"]}
        wait_until(lambda: send(rest, "pikkit_reader", "POST", "/rpc/pikkit_bet_digests", asked).status_code != 404)
        yield rest


@pytest.fixture
def ask(rest: Supabase) -> Callable[..., int]:
    """The status that a role is answered with."""
    return lambda *asked: send(rest, *asked).status_code


def send(rest: Supabase, role: str, method: str, path: str, body: object = None) -> httpx.Response:
    headers = {"apikey": token("anon"), "Authorization": f"Bearer {token(role)}"}
    return httpx.request(method, f"{rest.proxy.url}/rest/v1{path}", headers=headers, json=body)


def test_reader_over_the_api_reads_bets_and_digests_and_nothing_else(ask: Callable[..., int]) -> None:
    assert ask("pikkit_reader", "GET", "/bets?select=id,updated_at") == 200
    assert ask("pikkit_reader", "POST", "/rpc/pikkit_bet_digests", {"of_columns": ["id"]}) == 200
    assert ask("pikkit_reader", "POST", "/bets", {"id": "a"}) == 403
    assert ask("pikkit_reader", "PATCH", "/bets?id=eq.a", {"sport": "x"}) == 403
    assert ask("pikkit_reader", "DELETE", "/bets?id=eq.a") == 403
    assert {ask("pikkit_reader", "GET", f"/{table}") for table in ("profiles", *VIEWS)} == {403}


def test_publisher_over_the_api_changes_the_published_tables_and_nothing_else(ask: Callable[..., int]) -> None:
    for view, key in zip(VIEWS, ("sport", "sport", "institution_name"), strict=True):
        row = {key: "a"} | ({"market": "b"} if view == "feature_sport_market_stats" else {})
        assert ask("pikkit_publisher", "POST", f"/{view}", row) == 201
        assert ask("pikkit_publisher", "GET", f"/{view}") == 200
        assert ask("pikkit_publisher", "PATCH", f"/{view}?{key}=eq.a", {"roi": 1.5}) == 204
        assert ask("pikkit_publisher", "DELETE", f"/{view}?{key}=eq.a") == 204
    for table in ("bets", "profiles"):
        assert ask("pikkit_publisher", "GET", f"/{table}") == 403
        assert ask("pikkit_publisher", "POST", f"/{table}", {"id": "a"}) == 403
        assert ask("pikkit_publisher", "DELETE", f"/{table}?id=eq.a") == 403
    assert ask("pikkit_publisher", "POST", "/rpc/pikkit_bet_digests", {"of_columns": ["id"]}) == 403


@pytest.mark.parametrize(("role", "refused"), [("anon", 401), ("authenticated", 403)])
def test_roles_without_rights_are_refused_every_published_table_and_the_digests_over_the_api(
    ask: Callable[..., int], role: str, refused: int
) -> None:
    for view in VIEWS:
        assert ask(role, "GET", f"/{view}") == refused
        assert ask(role, "POST", f"/{view}", {"total_bets": 1}) == refused
        assert ask(role, "DELETE", f"/{view}?total_bets=eq.1") == refused
    assert ask(role, "POST", "/rpc/pikkit_bet_digests", {"of_columns": ["id"]}) == refused


def test_reader_role_has_a_statement_timeout_of_a_minute(rest: Supabase) -> None:
    with connect(rest.postgres, purpose="test", autocommit=True) as database:
        database.execute(
            "create function public.allowed_time() returns text language sql "
            "as $$ select current_setting('statement_timeout') $$"
        )
    rest.reload()
    assert send(rest, "pikkit_reader", "POST", "/rpc/allowed_time", {}).json() == "1min"


# ---- digests -------------------------------------------------------------------------------------------------------

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
# Columns in an order of their own.
READ = ("updated_at", "id", "sport", "amount", "created_at")
LAST_OF_DAY = datetime(2026, 5, 1, 23, 59, 59, 999999, tzinfo=UTC)


def expected_digests(database: psycopg.Connection, stamps: dict[str, datetime | None]) -> set[tuple[object, ...]]:
    """The contract in plain Python, over id -> stamp and the JSON of the rows, as Postgres writes it."""
    query = f"select id::text, row_to_json(known)::text from (select {', '.join(READ)} from public.bets) as known"
    days: dict[date | None, list[int]] = {}
    for bet, text in database.execute(query):
        stamp = stamps[bet]
        days.setdefault(stamp and stamp.date(), []).append(
            int.from_bytes(hashlib.md5(text.encode()).digest()[:8], signed=True)
        )
    return {(day, len(digests), str(sum(digests))) for day, digests in days.items()}


def digests(
    database: psycopg.Connection, role: str = "pikkit_reader", after: date | None = None, last: date | None = None
) -> set[tuple[object, ...]]:
    with database.transaction():
        database.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))
        query = "select day, rows, digest from public.pikkit_bet_digests(%s, %s, %s)"
        return set(database.execute(query, [list(READ), after, last]).fetchall())


def test_digests_of_an_empty_table_are_no_rows(database: psycopg.Connection) -> None:
    assert digests(database) == set()


EARLY = datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
STAMPED = {
    "a": ({"updated_at": NOON, "created_at": EARLY}, NOON),
    "Ünïcode|\\ ": ({"updated_at": LAST_OF_DAY, "sport": 'x"y'}, LAST_OF_DAY),
    "created": ({"created_at": NOON + timedelta(days=1), "amount": 12.5}, NOON + timedelta(days=1)),
    "infinite": ({"updated_at": "infinity", "created_at": EARLY}, EARLY),
    "-infinite": ({"updated_at": "-infinity", "created_at": "infinity"}, None),
    "none": ({}, None),
}
STAMPS = {bet: stamp for bet, (_, stamp) in STAMPED.items()}


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Auckland"])
def test_digests_are_those_of_the_contract_in_any_time_zone(
    database: psycopg.Connection, set_up: Postgres, zone: str
) -> None:
    put(set_up, *({"id": bet, **row} for bet, (row, _) in STAMPED.items()))
    database.execute(sql.SQL("set timezone = {}").format(sql.Literal(zone)))
    assert digests(database) == expected_digests(database, STAMPS)


def test_digests_of_ranges_of_days_are_those_of_all_days_in_parts(
    database: psycopg.Connection, set_up: Postgres
) -> None:
    put(set_up, *({"id": bet, **row} for bet, (row, _) in STAMPED.items()))
    days = [EARLY.date(), NOON.date(), NOON.date() + timedelta(days=1)]
    parts = [
        digests(database, after=after, last=last) for after, last in zip([None, *days], [*days, None], strict=True)
    ]
    assert [{day for day, _, _ in part} for part in parts] == [{None, days[0]}, {days[1]}, {days[2]}, set()]
    assert set().union(*parts) == digests(database)


def test_of_rows_that_share_an_id_the_newest_alone_is_digested(project: Postgres) -> None:
    """Of two with one stamp that of the greatest digest, in whatever order they were written."""
    with connect(project, purpose="test", autocommit=True) as database:
        database.execute("alter table public.bets drop constraint bets_pkey")
        run_script(project)
        insert = "insert into public.bets (id, updated_at, sport) values ('a', %s, %s)"
        for stamp, sport in ((NOON, "Golf"), (NOON - timedelta(days=1), "Darts"), (None, "Chess"), (NOON, "Snooker")):
            database.execute(insert, [stamp, sport])
        ((day, rows, digest),) = digests(database)
        database.execute("delete from public.bets where updated_at is distinct from %s", [NOON])
        ((_, _, of_both),) = digests(database)
        each = []
        for sport in ("Golf", "Snooker"):
            with database.transaction(force_rollback=True):
                database.execute("delete from public.bets where sport = %s", [sport])
                each.append(int(next(iter(expected_digests(database, {"a": NOON})))[2]))
    assert (day, rows, digest) == (NOON.date(), 1, of_both)
    assert int(digest) == max(each)


def test_a_timestamp_without_a_zone_is_utc_and_an_id_may_be_a_number(project: Postgres) -> None:
    with connect(project, purpose="test", autocommit=True) as database:
        database.execute("drop table public.bets")
        create_bets(project, id="bigint primary key", updated_at="timestamp", created_at="timestamp")
        database.execute("alter table public.bets owner to dashboard")
        database.execute("insert into public.bets (id, updated_at) values (7, '2026-05-01 23:59:59.999999')")
        run_script(project)
        database.execute("set timezone = 'Pacific/Auckland'")
        assert digests(database) == expected_digests(database, {"7": LAST_OF_DAY})


# ---- the trigger, and what the database says of the table ----------------------------------------------------------


def facts(database: psycopg.Connection) -> tuple[bool, bool] | None:
    return database.execute("select * from public.pikkit_bet_facts()").fetchone()


def test_update_that_changes_a_row_stamps_the_row_now_even_when_the_update_sets_a_stamp(
    database: psycopg.Connection, set_up: Postgres
) -> None:
    put(set_up, *({"id": name, "status": "PENDING", "updated_at": NOON} for name in ("same", "patched", "backdated")))
    database.execute("update public.bets set status = 'PENDING' where id = 'same'")
    database.execute("update public.bets set status = 'SETTLED_WIN' where id = 'patched'")
    database.execute("update public.bets set profit = 1, updated_at = '2020-01-01' where id = 'backdated'")
    stamped = dict(database.execute("select id, updated_at = %s from public.bets", [NOON]).fetchall())
    assert stamped == {"same": True, "patched": False, "backdated": False}
    assert database.execute(
        "select min(now() - updated_at) < '1 h' from public.bets where id <> 'same'"
    ).fetchone() == (True,)


def test_a_stamp_in_a_timestamp_without_a_zone_is_utc(project: Postgres) -> None:
    with connect(project, purpose="test", autocommit=True) as database:
        database.execute("alter table public.bets alter updated_at type timestamp")
        run_script(project)
        put(project, {"id": "a", "sport": "Golf"})
        database.execute("set timezone = 'Pacific/Auckland'")
        database.execute("update public.bets set sport = 'Darts'")
        query = "select abs(extract(epoch from updated_at) - extract(epoch from now())) < 60 from public.bets"
        assert database.execute(query).fetchone() == (True,)


def test_table_facts_follow_the_unique_index_and_the_stamp_trigger(database: psycopg.Connection) -> None:
    assert facts(database) == (True, True)
    database.execute("alter table public.bets disable trigger pikkit_stamp_update")
    assert facts(database) == (True, False)
    database.execute("alter table public.bets drop constraint bets_pkey")
    database.execute("create unique index on public.bets (id, updated_at); create index on public.bets (id)")
    database.execute("create unique index on public.bets (id) where sport = 'Golf'")
    database.execute(
        "create trigger later after update on public.bets for each row execute function pikkit_stamp_update()"
    )
    assert facts(database) == (False, False)


def test_the_reader_syncs_and_reconciles_with_the_function_or_without(rest: Supabase) -> None:
    """What the database digests is what pikkit would digest from every row, with row level security on."""
    stamps = [NOON, LAST_OF_DAY, NOON + timedelta(days=3, microseconds=1)]
    put(rest.postgres, *({"id": f"b{n}", "updated_at": stamp, "created_at": NOON} for n, stamp in enumerate(stamps)))
    put(rest.postgres, {"id": "created", "created_at": NOON}, {"id": "none"}, {"id": "never", "updated_at": "infinity"})
    with connect(rest.postgres, purpose="test", autocommit=True) as database:
        database.execute("alter table public.bets enable row level security")
    table = open_supabase(rest.project("pikkit_reader"), timedelta(seconds=60), silent)
    with table.reading() as reading:
        assert sum(len(page.payload) for page in reading.pages(StampWindow())) == 6
        by_the_database = reading.digests()
        with connect(rest.postgres, purpose="test", autocommit=True) as database:
            database.execute("drop function public.pikkit_bet_digests(text[], date, date)")
        rest.reload()
        by_us = reading.digests()
    assert by_us.sort("day").equals(by_the_database.sort("day"))


# ---- the tables ----------------------------------------------------------------------------------------------------


def columns(database: psycopg.Connection, relation: str) -> list[tuple[str, str]]:
    return database.execute(
        "select attname, format_type(atttypid, atttypmod) from pg_attribute"
        " where attrelid = %s::regclass and attnum > 0 and not attisdropped order by attnum",
        [relation],
    ).fetchall()


@pytest.mark.parametrize("view", VIEWS)
def test_published_tables_have_the_columns_of_the_feature_views(
    database: psycopg.Connection, template: Postgres, view: str
) -> None:
    with connect(template, purpose="test") as store:
        assert columns(database, f"public.{view}") == columns(store, f"features.{view}")


def test_tables_of_the_original_design_are_mended(project: Postgres) -> None:
    design = REPOSITORY.parent / "shared" / "brief" / "original-design.md"
    if not design.exists():
        pytest.skip(f"the original design is not at {design}")
    ddl = design.read_text().partition("-- Aggregated features by sport\n")[2].partition("-- Feature metadata")[0]
    with connect(project, purpose="test", autocommit=True) as database:
        database.execute("set role dashboard")
        database.execute(ddl)  # type: ignore[arg-type]
        database.execute("insert into feature_sport_stats (sport) values ('NBA')")
        run_script(project)
        mended = {view: columns(database, f"public.{view}") for view in VIEWS}
        database.execute("drop table feature_sport_stats, feature_sport_market_stats, feature_institution_stats")
        run_script(project)
        assert mended == {view: columns(database, f"public.{view}") for view in VIEWS}
        database.execute("insert into feature_sport_stats (sport, win_rate) values ('a', null)")
