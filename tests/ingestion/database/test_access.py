"""Frames go in and out of Postgres exactly; one run at a time; trouble with a server is told from a bug."""

from __future__ import annotations

import dataclasses
import socket
import sys
from datetime import UTC
from subprocess import PIPE, Popen
from typing import Any

import polars as pl
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.pq import TransactionStatus

from feature_repo.errors import ConfigurationError, LockHeld, StoreFull, Unreachable
from feature_repo.postgres.copy import copy_in, copy_out, copy_pages
from feature_repo.postgres.postgres_errors import postgres_errors
from feature_repo.servers.connections import Postgres
from ingestion.database.access import commit, connect, hold_run_lock, snapshot, taking_turns
from ingestion.doctor.postgres import check_postgres
from tests.conftest import REPOSITORY
from tests.rigs.commands import by_name
from tests.rigs.processes import wait_until

# Everything a text column of Postgres can hold: all of Unicode but NUL and half characters.
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
TRICKY = st.sampled_from(
    ["", r"\N", r"\.", "\\\n\\.\n", "\t", "\r", "\r\n", '"', "NULL", "\ufeff", "x\x01", "é😀", ",{}"]
)
STRINGS = TEXT | TRICKY
INSTANTS = st.datetimes(timezones=st.just(UTC))

COLUMNS: dict[str, tuple[str, pl.DataType, st.SearchStrategy[Any]]] = {
    "a text": ("text", pl.String(), STRINGS),
    'b"ytes': ("bytea", pl.Binary(), st.binary(max_size=20)),
    "list": ("text[]", pl.List(pl.String), st.lists(STRINGS | st.none(), max_size=4)),
    "instant": ("timestamptz", pl.Datetime("us", "UTC"), INSTANTS),
    "Day": ("date", pl.Date(), st.dates()),
    "float": ("float8", pl.Float64(), st.floats(allow_nan=True)),
    "big": ("bigint", pl.Int64(), st.integers(-(2**63), 2**63 - 1)),
    "small": ("int", pl.Int32(), st.integers(-(2**31), 2**31 - 1)),
    "truth": ("boolean", pl.Boolean(), st.booleans()),
}
SCHEMA_OF_TWO = {"n": pl.Int64(), "t": pl.Datetime("us", "UTC")}
SCHEMA = {name: dtype for name, (_, dtype, _) in COLUMNS.items()}
ROWS = st.lists(
    st.fixed_dictionaries({name: st.none() | values for name, (_, _, values) in COLUMNS.items()}), max_size=8
)


def create(database: psycopg.Connection, columns: dict[str, str]) -> None:
    """A temporary table `things` with these columns, empty."""
    typed = [sql.SQL("{} " + kind).format(sql.Identifier(name)) for name, kind in columns.items()]
    database.execute("drop table if exists things")
    database.execute(sql.SQL("create temporary table things ({})").format(sql.SQL(", ").join(typed)))


@given(rows=ROWS)
def test_every_value_comes_back_as_it_went_in(database: psycopg.Connection, rows: list[dict[str, Any]]) -> None:
    with database.transaction():
        create(database, {"n": "int"} | {name: kind for name, (kind, _, _) in COLUMNS.items()})
        frame = pl.DataFrame(rows, schema=SCHEMA).with_row_index("n").cast({"n": pl.Int32})
        assert copy_in(database, "things", frame) == len(rows)
        back = copy_out(database, "select * from things order by n", None, frame.schema)
        assert_frame_equal(back, frame, check_exact=True)


def test_rows_beyond_one_chunk_arrive_in_order(database: psycopg.Connection) -> None:
    create(database, {"n": "bigint", "text": "text"})
    frame = pl.select(n=pl.int_range(120_000)).with_columns(text='"' + pl.col("n").cast(pl.String) + '",\n')
    assert copy_in(database, "things", frame) == 120_000
    assert_frame_equal(copy_out(database, "select * from things order by n", None, frame.schema), frame)


def test_an_empty_frame_copies_nothing(database: psycopg.Connection) -> None:
    create(database, {"n": "bigint"})
    assert copy_in(database, "things", pl.DataFrame(schema={"n": pl.Int64})) == 0


def test_a_query_without_rows_gives_an_empty_frame_of_its_schema(database: psycopg.Connection) -> None:
    frame = copy_out(database, "select 1 as n, now() as t where false", None, SCHEMA_OF_TWO)
    assert frame.schema == SCHEMA_OF_TWO


def test_a_column_of_nulls_of_no_type_arrives_as_null(database: psycopg.Connection) -> None:
    create(database, {"n": "bigint", "text": "text"})
    copy_in(database, "things", pl.DataFrame({"n": [1], "text": [None]}))
    assert database.execute("select n, text from things").fetchall() == [(1, None)]


def test_categories_arrive_as_their_text(database: psycopg.Connection) -> None:
    create(database, {"sport": "text"})
    copy_in(database, "things", pl.DataFrame({"sport": pl.Series(["NBA\t", "NFL"], dtype=pl.Categorical)}))
    assert database.execute("select sport from things").fetchall() == [("NBA\t",), ("NFL",)]


def test_a_table_is_named_with_its_schema(database: psycopg.Connection) -> None:
    database.execute('create schema "Odd"; create table "Odd".things (n bigint)')
    assert copy_in(database, "Odd.things", pl.DataFrame({"n": [7]})) == 1


def test_a_query_takes_named_parameters(database: psycopg.Connection) -> None:
    query = "select %(text)s as text, '100%%' as share -- the newest\n;"
    frame = copy_out(database, query, {"text": "it's %s \\"}, {"text": pl.String(), "share": pl.String()})
    assert frame.row(0) == ("it's %s \\", "100%")


def test_only_the_columns_of_the_schema_are_fetched_in_its_order(database: psycopg.Connection) -> None:
    frame = copy_out(database, "select 1 as a, 2 as b, 3 as c", None, {"c": pl.Int64(), "a": pl.Int64()})
    assert (frame.columns, frame.row(0)) == (["c", "a"], (3, 1))


def test_a_session_speaks_utc_whatever_the_database_says(postgres: Postgres) -> None:
    with connect(postgres, purpose="test", autocommit=True) as connection:
        name = sql.Identifier(postgres.database)
        connection.execute(sql.SQL("alter database {} set timezone = 'Asia/Tokyo'").format(name))
    with connect(postgres, purpose="test") as connection:
        assert connection.execute("show timezone").fetchone() == ("UTC",)


def test_a_connection_opens_with_no_transaction_begun(database: psycopg.Connection) -> None:
    assert database.info.transaction_status is TransactionStatus.IDLE


def test_a_frame_of_a_copy_ends_with_its_bytes_too(
    database: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feature_repo.postgres.copy.FRAME_BYTES", 1_000)
    query = "select n, repeat('x', case when n > 10 then 600 else 1 end) as text from generate_series(1, 15) as n"
    schema = {"n": pl.Int64, "text": pl.String}
    heights = [frame.height for frame in copy_pages(database, query, None, schema, rows=8)]
    assert heights == [8, 4, 2, 1]
    assert copy_out(database, query, None, schema).height == 15


# ---- locks of others -----------------------------------------------------------------------------------------------


def test_a_lock_that_another_transaction_keeps_ends_the_wait_with_a_refusal_and_doctor_names_the_holder(
    database: psycopg.Connection, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.execute("create table things (n bigint)")
    database.commit()
    monkeypatch.setattr("feature_repo.postgres.sessions.LOCK_PATIENCE", 0.2)
    monkeypatch.setattr("ingestion.doctor.postgres.LOCK_PATIENCE", 0.0)
    with psycopg.connect(**postgres.conninfo, application_name="psql") as holder:
        holder.execute("lock table things in access exclusive mode")
        with (
            pytest.raises(LockHeld, match="another session holds") as refused,
            postgres_errors("Postgres"),
            connect(postgres, purpose="run") as run,
        ):
            run.execute("insert into things values (1)")
        assert "`pikkit doctor`" in refused.value.next_step
        with pytest.raises(psycopg.errors.LockNotAvailable):
            snapshot(make_conninfo(**postgres.conninfo), purpose="sync", locked=sql.Identifier("things"))
        check = by_name(check_postgres(postgres))["transactions"]
        assert (check.verdict, f"psql of postgres, process {holder.info.backend_pid}" in check.found) == ("warn", True)
    assert by_name(check_postgres(postgres))["transactions"].verdict == "ok"


def test_a_turn_that_does_not_come_is_refused_by_the_name_of_who_has_it(
    database: psycopg.Connection, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feature_repo.postgres.sessions.LOCK_PATIENCE", 0.2)
    for key in (7, -(2**62)):
        with taking_turns(database, key), connect(postgres, purpose="export") as other:
            with pytest.raises(LockHeld) as refused, taking_turns(other, key):
                pass
            assert refused.value.holder == f"pikkit test, process {database.info.backend_pid}"
            with taking_turns(other, key + 1):
                pass


# ---- the run lock --------------------------------------------------------------------------------------------------


def test_a_second_run_is_told_at_once_who_holds_the_lock(database: psycopg.Connection, postgres: Postgres) -> None:
    with hold_run_lock(database, "backfill"), connect(postgres, purpose="other") as other:
        with pytest.raises(LockHeld) as refused, hold_run_lock(other, "run"):
            pass
        assert refused.value.holder.startswith(
            f"pikkit backfill, process {database.info.backend_pid}, connected since "
        )


def test_commits_do_not_give_the_lock_up(database: psycopg.Connection, postgres: Postgres) -> None:
    with hold_run_lock(database, "run"), connect(postgres, purpose="other") as other:
        database.commit()
        with pytest.raises(LockHeld), hold_run_lock(other, "run"):
            pass


@pytest.mark.parametrize("autocommit", [True, False])
def test_the_lock_is_free_after_the_run_even_if_it_failed(
    database: psycopg.Connection, postgres: Postgres, autocommit: bool
) -> None:
    database.autocommit = autocommit
    with pytest.raises(psycopg.errors.DivisionByZero), hold_run_lock(database, "run"):
        database.execute("select 1 / 0")
    with connect(postgres, purpose="other") as other, hold_run_lock(other, "run"):
        assert database.info.transaction_status is TransactionStatus.IDLE


def test_what_a_run_left_uncommitted_is_undone_before_the_next_may_start(
    database: psycopg.Connection, postgres: Postgres
) -> None:
    database.execute("create table things (n bigint)")
    database.commit()
    with hold_run_lock(database, "run"):
        database.execute("insert into things values (1)")
    assert database.execute("select count(*) from things").fetchone() == (0,)


def test_the_lock_of_a_killed_process_is_free(postgres: Postgres) -> None:
    script = (
        "import sys; from feature_repo.servers.connections import Postgres; from ingestion.database.access import *\n"
        f"connection = connect(Postgres(**{dataclasses.asdict(postgres)!r}), purpose='run')\n"
        "with hold_run_lock(connection, 'run'): print('held', flush=True); sys.stdin.read()"
    )
    holder = Popen([sys.executable, "-c", script], cwd=REPOSITORY, stdin=PIPE, stdout=PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    holder.kill()
    holder.communicate()
    wait_until(lambda: _can_lock(postgres))


def test_a_lock_lost_with_its_session_does_not_hide_the_error(database: psycopg.Connection, postgres: Postgres) -> None:
    with pytest.raises(Unreachable), hold_run_lock(database, "run"), postgres_errors("Postgres"):
        _terminate(postgres, database)


def test_the_session_of_the_lock_keeps_no_vacuum_back(database: psycopg.Connection) -> None:
    """It is idle in a transaction for as long as a run takes, with neither a transaction id nor a snapshot."""
    with hold_run_lock(database, "run"):
        horizons = database.execute(
            "select state, backend_xid, backend_xmin from pg_stat_activity join pg_locks using (pid) "
            "where relation = 'ops.run_lock'::regclass"
        )
        assert horizons.fetchall() == [("idle in transaction", None, None)]


def test_nothing_is_committed_once_the_session_of_the_lock_has_ended(
    database: psycopg.Connection, postgres: Postgres
) -> None:
    database.execute("create table things (n bigint)")
    database.commit()
    with hold_run_lock(database, "run"):
        database.execute("insert into things values (1)")
        commit(database)
        database.execute("insert into things values (2)")
        with connect(postgres, purpose="test", autocommit=True) as executioner:
            executioner.execute(
                "select pg_terminate_backend(pid, 600000) from pg_locks where relation = 'ops.run_lock'::regclass"
            )
        with pytest.raises(Unreachable, match="run lock"):
            commit(database)
    assert database.execute("select n from things").fetchall() == [(1,)]


def test_a_store_that_lacks_the_lock_is_told_to_migrate(blank_postgres: Postgres) -> None:
    with (
        connect(blank_postgres, purpose="test") as connection,
        pytest.raises(ConfigurationError, match="pikkit migrate"),
        hold_run_lock(connection, "apply"),
    ):
        pass


# ---- errors --------------------------------------------------------------------------------------------------------


def test_a_refused_connection_names_the_database_and_not_the_password() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        with pytest.raises(Unreachable) as refused:
            connect(Postgres("127.0.0.1", port, "bets", "somebody", "s3cret"), purpose="test")
    assert f"127.0.0.1:{port}/bets" in str(refused.value)
    assert "s3cret" not in str(refused.value)


def test_a_missing_database_is_unreachable(postgres: Postgres) -> None:
    with pytest.raises(Unreachable, match="nowhere"):
        connect(dataclasses.replace(postgres, database="nowhere"), purpose="test")


def test_a_session_that_the_server_ends_is_unreachable(database: psycopg.Connection, postgres: Postgres) -> None:
    with pytest.raises(Unreachable, match="terminating connection"), postgres_errors("Postgres"):
        _terminate(postgres, database)


def test_a_full_disk_is_told_as_such(database: psycopg.Connection) -> None:
    """Postgres raises the very error that a full disk makes; filling a disk for a test needs root."""
    with pytest.raises(StoreFull, match="could not extend file"), postgres_errors("Postgres"):
        database.execute("do $$ begin raise 'could not extend file' using errcode = 'disk_full'; end $$")


@pytest.mark.parametrize(
    "mistake", ["select nonsense", "do $$ begin raise 'x' using errcode = 'deadlock_detected'; end $$"]
)
def test_trouble_with_a_statement_is_not_trouble_with_the_server(database: psycopg.Connection, mistake: str) -> None:
    with pytest.raises(psycopg.Error), postgres_errors("Postgres"):
        database.execute(mistake)  # type: ignore[call-overload]


def _terminate(postgres: Postgres, victim: psycopg.Connection) -> None:
    """End the victim's session at the server, and have the victim find out."""
    with connect(postgres, purpose="test", autocommit=True) as executioner:
        executioner.execute("select pg_terminate_backend(%s, 600000)", [victim.info.backend_pid])
    victim.execute("select 1")


def _can_lock(postgres: Postgres) -> bool:
    try:
        with connect(postgres, purpose="other") as other, hold_run_lock(other, "run"):
            return True
    except LockHeld:
        return False
