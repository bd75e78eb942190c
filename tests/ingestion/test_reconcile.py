"""Bets that vanish and come back, and rows that no sync sees: on a real table, through COPY and through REST."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import polars as pl
import psycopg
import pytest

from ingestion.database import connect
from ingestion.errors import DeletesRefused
from ingestion.progress import silent
from ingestion.reconcile import differing_days, our_digests, reconcile
from ingestion.refresh import refresh
from ingestion.sources.files import open_file
from ingestion.sources.supabase import open_supabase
from ingestion.sources.table import DIGESTS_SCHEMA
from ingestion.sync import take_in
from ingestion.verify import verify_offline
from tests.ingestion.bets import NOW, T0, at, bet, jsonl, lost
from tests.ingestion.conftest import PATIENCE, conninfo, opened
from tests.processes import wait_until
from tests.source_table import create_bets, delete, put


@pytest.fixture
def table(source):
    return source.postgres


@pytest.fixture
def rows(database):
    return lambda query: database.execute(query).fetchall()


def of_weight(counts):
    return {name: count for name, count in counts.items() if count}


BETS = "select id, profit_cents from processed.bets order by id"


def test_what_is_the_same_on_both_sides_is_left_alone(table, sync, compare, rows):
    put(table, bet("a", 1), lost("b", 60 * 24), bet("c", updated_at=None), bet("d", status="?"))
    sync()
    before = rows("select * from raw.bet_versions order by seq")
    assert of_weight(compare()) == {"days": 2}
    assert rows("select * from raw.bet_versions order by seq") == before


def test_a_bet_that_vanished_is_deleted_now_and_was_there_before(table, sync, compare, rows, database):
    put(table, bet("a", 1), lost("b", 2))
    sync()
    refresh(database, run_id=uuid.uuid4(), now=NOW)
    delete(table, ["b"])
    later = NOW + timedelta(hours=1)
    assert compare(now=later)["deleted"] == 1
    refresh(database, run_id=uuid.uuid4(), now=later)
    assert rows(BETS) == [("a", 1500)]
    changes = "select event_timestamp, sport_count, sport_win_rate from features.sport_stats_changes order by 1"
    assert rows(changes) == [
        (T0 + timedelta(minutes=1), 1, 1.0), (T0 + timedelta(minutes=2), 2, 0.5), (later, 1, 1.0)
    ]  # fmt: skip
    assert not sum(found.differences for found in verify_offline(database))


def test_a_deleted_bet_that_comes_back_as_it_was_counts_again(table, sync, compare, rows, database):
    put(table, bet("a", 1), bet("b", 30))
    sync()
    delete(table, ["b"])
    compare()
    put(table, bet("b", 30))
    assert sync()["returned"] == 1
    assert rows(BETS) == [("a", 1500), ("b", 1500)]
    assert compare()["differing"] == 0
    refresh(database, run_id=uuid.uuid4(), now=NOW)
    assert not sum(found.differences for found in verify_offline(database))


def test_a_bet_that_comes_back_from_a_backup_is_found_by_the_next_reconciliation(table, sync, compare, rows):
    put(table, bet("a", 1), bet("b", 60 * 24))
    sync()
    delete(table, ["a"])
    compare()
    put(table, lost("a", 1))
    assert sync()["accepted"] == 0
    assert compare()["missed"] == 1
    assert rows(BETS) == [("a", -1000), ("b", 1500)]


def test_what_a_sync_missed_is_brought(table, sync, compare, rows):
    """A transaction that took its updated_at long before it committed."""
    put(table, bet("a", 60))
    sync()
    put(table, bet("late", 1))
    assert sync()["accepted"] == 0
    assert of_weight(compare()) == {"days": 1, "differing": 1, "missed": 1}
    assert rows(BETS) == [("a", 1500), ("late", 1500)]
    assert compare()["differing"] == 0


def test_a_refused_bet_that_vanished_asks_for_nothing_any_more(table, sync, compare, rows):
    put(table, bet("a", 1), bet("b", 2, status="?"))
    sync()
    delete(table, ["b"])
    assert compare()["deleted"] == 1
    assert rows("select state, settled_by from quarantine.bets") == [("superseded", 3)]
    assert rows("select count(*) from processed.bet_versions") == [(1,)]
    assert compare()["differing"] == 0


def test_more_deletes_than_are_believed_change_nothing(table, sync, compare, rows):
    """A key that lost its right to see the rows gets an empty table and no error."""
    put(table, *(bet(f"b{n:03}", n) for n in range(120)))
    sync()
    delete(table, [f"b{n:03}" for n in range(110)])
    before = rows("select * from raw.bet_versions order by seq")
    with pytest.raises(DeletesRefused, match="110 of 120") as refused:
        compare()
    assert (refused.value.vanished, refused.value.exit_code) == (110, 3)
    assert rows("select * from raw.bet_versions order by seq") == before
    assert compare(most_deletes=110)["deleted"] == 110


def test_a_bet_that_only_a_file_brought_is_left_unless_one_says_otherwise(
    table, sync, compare, rows, database, tmp_path
):
    """It may never have been in this table."""
    file = open_file(jsonl(tmp_path / "others.jsonl", bet("of another book", 1), bet("of both", 2)))
    take_in(database, file, run_id=uuid.uuid4(), now=NOW)
    put(table, bet("a", 3), lost("of both", 4))
    sync()
    delete(table, ["of both"])
    assert of_weight(compare()) == {"days": 1, "differing": 1, "deleted": 1, "only_in_files": 1}
    assert rows(BETS) == [("a", 1500), ("of another book", 1500)]
    assert of_weight(compare(include_files=True)) == {"days": 1, "differing": 1, "deleted": 1}
    assert rows(BETS) == [("a", 1500)]


def test_what_was_missed_and_is_broken_is_told_apart(table, sync, compare):
    put(table, bet("a", 60))
    sync()
    put(table, bet("late", 1, status="?"))
    counts = compare()
    assert (counts["missed"], counts["quarantined"], counts["reasons"]) == (0, 1, {"status: unknown value": 1})


def test_an_id_with_white_space_around_it_is_no_delete(table, sync, compare, rows):
    """So is a byte order mark, which the first id of an imported CSV may carry."""
    put(table, bet(" a ", 1), bet("\ufeffb", 2), bet("c", 3))
    sync()
    assert compare()["deleted"] == 0
    assert rows(BETS) == [("a", 1500), ("b", 1500), ("c", 1500)]


def test_such_a_bet_that_moves_to_another_day_meanwhile_is_no_delete_either(source, sync, database, rows):
    put(source.postgres, bet(" a", 1), bet("b", 2), bet("c", 3))
    sync()
    with opened(source) as (name, reading), opened(source) as (_, later):
        digests = reading.digests()
        put(source.postgres, bet(" a", 60 * 48))
        reading.digests, reading.keys, reading.pages_of = lambda: digests.head(0), later.keys, later.pages_of
        counts = reconcile(database, name, reading, run_id=uuid.uuid4(), clock=lambda: NOW)
    assert (counts["missed"], counts["deleted"]) == (1, 0)


def test_a_row_written_while_both_sides_are_compared_is_not_from_the_future(source, sync, database, rows):
    put(source.postgres, bet("a", 1), bet("b", 2))
    sync()
    put(source.postgres, lost("a", updated_at=(NOW + timedelta(minutes=6)).isoformat()))
    with opened(source) as (name, reading):
        reconcile(database, name, reading, run_id=uuid.uuid4(), clock=lambda: NOW + timedelta(minutes=6))
    assert rows(BETS) == [("a", -1000), ("b", 1500)]


@pytest.mark.parametrize("left", [0, 1, 4])
def test_more_than_half_of_a_small_table_is_not_believed_to_be_deleted(table, sync, compare, rows, left):
    put(table, *(bet(f"b{n}", n) for n in range(9)))
    sync()
    delete(table, [f"b{n}" for n in range(left, 9)])
    with pytest.raises(DeletesRefused):
        compare()


def test_an_id_that_the_table_cannot_hold_is_not_in_it(clone, database, tmp_path, supabase):
    create_bets(supabase.postgres, id="bigint primary key")
    table = open_supabase(supabase.project(), PATIENCE, silent)
    file = open_file(jsonl(tmp_path / "others.jsonl", bet("b-1", 1), bet("99999999999999999999", 2)))
    take_in(database, file, run_id=uuid.uuid4(), now=NOW)
    put(supabase.postgres, *(bet(str(n), n) for n in (7, 8, 9)))
    with table.reading() as reading:
        believed = {"include_files": True, "most_deletes": 2}
        counts = reconcile(database, table.name, reading, run_id=uuid.uuid4(), clock=lambda: NOW, **believed)
    assert (counts["missed"], counts["deleted"]) == (3, 2)


def test_a_bet_of_the_last_day_there_is_stops_nothing(table, sync, compare):
    put(table, bet("a", 1), bet("b", 2), bet("never", updated_at="9999-12-31T12:00:00Z"))
    sync()
    delete(table, ["never"])
    assert compare()["deleted"] == 1
    assert compare()["differing"] == 0


@pytest.mark.parametrize(
    "body",
    [
        "returns table (day date, rows bigint, digest int) language sql as 'select null::date, 1::bigint, 1'",
        "returns table (day date, n bigint) language sql as 'select null::date, 1::bigint'",
        "returns int language sql as 'select 1'",
        "returns table (day date, rows bigint, digest text) language plpgsql as 'begin raise exception ''no''; end'",
    ],
)
def test_a_digest_function_of_another_make_is_not_asked(supabase, database, body):
    create_bets(supabase.postgres)
    put(supabase.postgres, bet("a", 1), bet("b", updated_at=None, created_at=None))
    with connect(supabase.postgres, purpose="test", autocommit=True) as connection:
        connection.execute(f"create function public.pikkit_bet_digests() {body}")
    supabase.reload()
    table = open_supabase(supabase.project(), PATIENCE, silent)
    with table.reading() as reading:
        assert reading.digests()["rows"].sum() == 2


@pytest.mark.parametrize("source", ["postgres"], indirect=True)
def test_a_table_that_is_rewritten_as_reading_begins_is_not_empty(source, sync, compare, rows):
    """ALTER TABLE writes rows anew, invisible to a snapshot that was taken while it ran."""
    put(source.postgres, bet("a", 1), bet("b", 2), bet("c", 3))
    sync()
    with psycopg.connect(conninfo(source.postgres)) as app, ThreadPoolExecutor(1) as pool:
        app.execute("alter table bets alter column amount type numeric(14, 3)")
        compared = pool.submit(compare)
        wait_until(lambda: is_locked_out(source.postgres) or compared.done())
        app.commit()
        assert compared.result()["deleted"] == 0


def is_locked_out(postgres):
    """Whether somebody waits for the table."""
    query = "select 1 from pg_locks where not granted and relation = 'public.bets'::regclass"
    with connect(postgres, purpose="test") as connection:
        return connection.execute(query).fetchone() is not None


def test_rows_that_no_clock_would_write_are_compared_too(table, sync, compare):
    put(
        table,
        bet("infinite", updated_at="infinity"),
        bet("future", updated_at="2099-01-01T00:00:00Z"),
        bet("timeless", updated_at=None, created_at=None),
        bet("exact", updated_at="2026-05-01T12:00:00.000001Z"),
    )
    sync()
    assert compare()["differing"] == 0


def test_a_row_of_a_year_that_no_calendar_has_stops_nothing(table, sync, compare, rows):
    """Milliseconds that were read as seconds."""
    put(table, bet("a", 1), bet("odd", updated_at="12026-01-01T00:00:00Z"))
    sync()
    delete(table, ["a"])
    assert compare()["deleted"] == 1
    assert rows("select id from quarantine.bets where state = 'open'") == [("odd",)]


def test_digests_are_the_same_on_both_sides(table, source, sync, database):
    put(table, *(bet(f"b|{n} 'é", n * 317.123457) for n in range(50)), bet("c", updated_at=None, created_at=at(3)))
    sync()
    with opened(source) as (_, reading):
        theirs = reading.digests()
    ours = our_digests(database)
    assert theirs.schema == DIGESTS_SCHEMA
    assert theirs.sort("day").rows() == ours.sort("day").rows()
    assert theirs["rows"].sum() == 51


def test_a_day_differs_by_number_by_digest_or_by_being_on_one_side_only():
    def digests(*days):
        return pl.DataFrame(days, DIGESTS_SCHEMA, orient="row")

    one, two, three = (T0.date() + timedelta(days=n) for n in range(3))
    ours = digests((one, 1, "5"), (two, 1, "7"), (None, 1, "1"))
    assert differing_days(ours, ours) == []
    assert differing_days(ours, digests((one, 2, "5"), (two, 1, "8"), (three, 1, "1"))) == [one, two, three, None]
