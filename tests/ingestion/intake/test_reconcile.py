"""Bets that vanish and come back, and rows that no sync sees: on a real table, through COPY and through REST."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import hypothesis.strategies as st
import polars as pl
import psycopg
import pytest
from hypothesis import given, settings

from feature_repo.errors import ConfigurationError, DeletesRefused
from ingestion.database.access import connect
from ingestion.features.refresh import refresh
from ingestion.features.verify import verify_offline
from ingestion.intake.load import load_rows
from ingestion.intake.reconcile import differing_days, our_digests, reconcile_table
from ingestion.intake.request import SyncRequest, requested_rows
from ingestion.progress import silent
from ingestion.sources.files.file_source import open_file
from ingestion.sources.postgres.postgres_table import open_postgres
from ingestion.sources.settings import SourcePostgres
from ingestion.sources.supabase.supabase_table import open_supabase
from ingestion.sources.table import DIGESTS_SCHEMA
from quality.schema import BET_COLUMNS
from tests.builders.bet_files import NOW, T0, at, bet, jsonl, lost
from tests.builders.source_table import create_bets, delete, put
from tests.ingestion.conftest import PATIENCE, conninfo, opened
from tests.rigs.processes import wait_until
from tests.rigs.supabase import running_supabase


@pytest.fixture
def table(source):
    return source.postgres


def of_weight(counts):
    return {name: count for name, count in counts.document().items() if count}


BETS = "select id, profit_cents from processed.bets order by id"


def test_reconciliation_of_equal_sides_changes_nothing(table, sync, compare, rows):
    put(table, bet("a", 1), lost("b", 60 * 24), bet("c", updated_at=None), bet("d", status="?"))
    sync()
    before = rows("select * from raw.bet_versions order by seq")
    assert of_weight(compare()) == {"days": 2}
    assert rows("select * from raw.bet_versions order by seq") == before


def test_vanished_bet_is_deleted_from_the_reconciliation_on_and_not_before(table, sync, compare, rows, database):
    put(table, bet("a", 1), lost("b", 2))
    sync()
    refresh(database, run_id=uuid.uuid4(), now=NOW)
    delete(table, ["b"])
    later = NOW + timedelta(hours=1)
    assert compare(now=later).deleted == 1
    refresh(database, run_id=uuid.uuid4(), now=later)
    assert rows(BETS) == [("a", 1500)]
    changes = "select event_timestamp, sport_count, sport_win_rate from features.sport_stats_changes order by 1"
    assert rows(changes) == [
        (T0 + timedelta(minutes=1), 1, 1.0), (T0 + timedelta(minutes=2), 2, 0.5), (later, 1, 1.0)
    ]  # fmt: skip
    assert not sum(found.differences for found in verify_offline(database))


def test_deleted_bet_that_comes_back_unchanged_counts_again(table, sync, compare, rows, database):
    put(table, bet("a", 1), bet("b", 30))
    sync()
    delete(table, ["b"])
    compare()
    put(table, bet("b", 30))
    assert sync().returned == 1
    assert rows(BETS) == [("a", 1500), ("b", 1500)]
    assert compare().differing == 0
    refresh(database, run_id=uuid.uuid4(), now=NOW)
    assert not sum(found.differences for found in verify_offline(database))


def test_a_bet_that_comes_back_from_a_backup_is_found_by_the_next_reconciliation(table, sync, compare, rows):
    put(table, bet("a", 1), bet("b", 60 * 24))
    sync()
    delete(table, ["a"])
    compare()
    put(table, lost("a", 1))
    assert sync().accepted == 0
    assert compare().missed == 1
    assert rows(BETS) == [("a", -1000), ("b", 1500)]


def test_reconciliation_brings_a_row_that_the_sync_missed(table, sync, compare, rows):
    """A transaction that took its updated_at long before it committed."""
    put(table, bet("a", 60))
    sync()
    put(table, bet("late", 1))
    assert sync().accepted == 0
    assert of_weight(compare()) == {"days": 1, "differing": 1, "missed": 1}
    assert rows(BETS) == [("a", 1500), ("late", 1500)]
    assert compare().differing == 0


def test_vanished_bet_settles_the_open_rows_of_that_bet(table, sync, compare, rows):
    put(table, bet("a", 1), bet("b", 2, status="?"))
    sync()
    delete(table, ["b"])
    assert compare().deleted == 1
    assert rows("select state, settled_by from quarantine.bets") == [("superseded", 3)]
    assert rows("select count(*) from processed.bet_versions") == [(1,)]
    assert compare().differing == 0


def test_reconciliation_with_more_deletes_than_the_limit_is_refused_and_changes_nothing(table, sync, compare, rows):
    """A key that lost its right to see the rows gets an empty table and no error."""
    put(table, *(bet(f"b{n:03}", n) for n in range(120)))
    sync()
    delete(table, [f"b{n:03}" for n in range(110)])
    before = rows("select * from raw.bet_versions order by seq")
    with pytest.raises(DeletesRefused, match="110 of 120") as refused:
        compare()
    assert (refused.value.vanished, refused.value.exit_code) == (110, 3)
    assert rows("select * from raw.bet_versions order by seq") == before
    assert compare(most_deletes=110).deleted == 110


def test_bet_brought_by_a_file_alone_survives_reconciliation_unless_the_stream_is_included(
    table, sync, compare, rows, database, tmp_path
):
    """It may never have been in this table."""
    file = open_file(jsonl(tmp_path / "others.jsonl", bet("of another book", 1), bet("of both", 2), bet("shown", 5)))
    load_rows(database, file, run_id=uuid.uuid4(), now=NOW)
    put(table, bet("a", 3), lost("of both", 4), bet("shown", 5))
    sync()
    delete(table, ["of both"])
    left = {"of_other_streams": {"file:others.jsonl": 1}}
    assert of_weight(compare()) == {"days": 1, "differing": 1, "deleted": 1} | left
    assert rows(BETS) == [("a", 1500), ("of another book", 1500), ("shown", 1500)]
    assert of_weight(compare()) == {"days": 1} | left
    assert of_weight(compare(include_streams=["file:*"])) == {"days": 1, "differing": 1, "deleted": 1}
    assert rows(BETS) == [("a", 1500), ("shown", 1500)]
    delete(table, ["shown"])  # the table showed it last, though the file brought it
    assert of_weight(compare()) == {"days": 1, "differing": 1, "deleted": 1}


def test_a_stream_that_does_not_exist_is_not_included(table, sync, compare):
    put(table, bet("a", 1))
    sync()
    with pytest.raises(ConfigurationError, match="file:nowhere"):
        compare(include_streams=["file:nowhere"])


@pytest.fixture
def years(clone):
    """Two tables of one database, and what reads each."""
    postgres = clone(None)
    for name in ("y2025", "y2026"):
        create_bets(postgres, name)

    def read(name):
        return open_postgres(SourcePostgres(conninfo(postgres), "public", name), PATIENCE, silent)

    return postgres, read("y2025"), read("y2026")


@pytest.fixture
def sync_of(database):
    def sync(table, **request):
        with requested_rows(database, table, SyncRequest(**request)) as found:
            counts = load_rows(database, found, run_id=uuid.uuid4(), now=NOW)
        database.commit()
        return counts

    return sync


@pytest.fixture
def compare_with(database):
    def compare(table, **differs):
        with table.reading() as reading:
            counts = reconcile_table(database, table.name, reading, run_id=uuid.uuid4(), clock=lambda: NOW, **differs)
        database.commit()
        return counts

    return compare


def test_reconciliation_leaves_bets_of_another_table_and_counts_bets_per_stream(years, sync_of, compare_with, rows):
    postgres, old, new = years
    put(postgres, *(bet(f"old{n}", n) for n in range(2)), table="y2025")
    put(postgres, *(bet(f"new{n}", n) for n in range(5)), table="y2026")
    sync_of(old), sync_of(new)
    delete(postgres, ["new0"], table="y2026")
    assert of_weight(compare_with(new)) == {
        "days": 1, "differing": 1, "deleted": 1, "of_other_streams": {old.name: 2}
    }  # fmt: skip
    assert [name for name, _ in rows(BETS)] == ["new1", "new2", "new3", "new4", "old0", "old1"]
    assert of_weight(compare_with(new)) == {"days": 1, "of_other_streams": {old.name: 2}}


def test_unchanged_bet_that_moves_to_another_table_belongs_to_the_new_table(years, sync_of, compare_with, rows):
    postgres, old, new = years
    put(postgres, bet("moved", 5), bet("stays", 1), table="y2025")
    sync_of(old)
    put(postgres, bet("moved", 5), table="y2026")
    delete(postgres, ["moved"], table="y2025")
    assert sync_of(new).accepted == 0
    assert of_weight(compare_with(old)) == {"days": 1, "of_other_streams": {new.name: 1}}
    assert [name for name, _ in rows(BETS)] == ["moved", "stays"]
    delete(postgres, ["moved"], table="y2026")
    with pytest.raises(DeletesRefused, match="1 of 1 bets"):
        compare_with(new)


def test_renamed_table_takes_over_the_bets_of_the_old_name(years, sync_of, compare_with, rows):
    postgres, old, new = years
    put(postgres, *(bet(f"b{n}", n) for n in range(4)), table="y2025")
    sync_of(old)
    put(postgres, *(bet(f"b{n}", n) for n in range(3)), table="y2026")  # the one that was deleted meanwhile is b3
    sync_of(new)
    assert compare_with(new).of_other_streams == {old.name: 1}
    assert of_weight(compare_with(new, include_streams=[old.name])) == {"days": 1, "differing": 1, "deleted": 1}
    assert [name for name, _ in rows(BETS)] == ["b0", "b1", "b2"]


def test_deletes_that_are_refused_are_counted_of_this_streams_bets_only(years, sync_of, compare_with):
    postgres, old, new = years
    put(postgres, *(bet(f"old{n}", n) for n in range(50)), table="y2025")
    put(postgres, *(bet(f"new{n}", n) for n in range(4)), table="y2026")
    sync_of(old), sync_of(new)
    delete(postgres, [f"new{n}" for n in range(3)], table="y2026")
    with pytest.raises(DeletesRefused, match="3 of 4 bets") as refused:
        compare_with(new)
    assert "--source postgres --most-deletes 3" in str(refused.value)


def test_bet_of_a_table_stays_in_the_tables_stream_when_a_file_brings_a_version(
    table, sync, compare, rows, database, tmp_path
):
    put(table, bet("a", 1), bet("b", 2), bet("c", 3))
    sync()
    file = open_file(jsonl(tmp_path / "later.jsonl", lost("a", 60), lost("b", 60)))
    load_rows(database, file, run_id=uuid.uuid4(), now=NOW)
    delete(table, ["b"])
    assert of_weight(compare()) == {"days": 1, "differing": 1, "missed": 1, "deleted": 1}
    assert rows(BETS) == [("a", 1500), ("c", 1500)]
    assert compare().differing == 0


# ---- rows rewritten under their old stamp --------------------------------------------------------------------------

REWRITTEN = {
    "bet_type": "parlay", "status": "SETTLED_VOID", "odds": 2.5, "american_odds": 151, "amount": 11, "profit": 16,
    "roi": 149.5, "clv_percentage": 1.5, "clv_ev": 0.5, "clv_current_odds": 1.9, "sport": "Golf", "league": "PGA",
    "market": "Spread", "institution_name": "Other", "is_live": True, "is_settled": False, "is_win": True,
    "created_at": at(-1), "time_placed": at(-2), "settled_at": at(5),
    "deleted_at": at(5), "is_deleted": True,
}  # fmt: skip


def of_column(column, minute):
    """A bet that is another one when this column is rewritten: what a winning bet says of its win changes nothing."""
    return lost(column, minute) if column == "is_win" else bet(column, minute)


def test_rewrite_cases_cover_every_column_except_id_and_updated_at():
    assert set(REWRITTEN) == set(BET_COLUMNS) - {"id", "updated_at"}


def test_only_the_row_rewritten_under_an_unchanged_stamp_is_fetched(table, sync, compare, rows):
    put(table, *(of_column(column, n * 500) for n, column in enumerate(REWRITTEN)), bet("same", 30_000))
    sync()
    for column, value in REWRITTEN.items():
        put(table, {"id": column, column: value, "bet_type": "parlay" if column == "bet_type" else "straight"})
    assert sync().accepted == 0
    counts = compare()
    assert counts.missed + counts.quarantined == len(REWRITTEN)
    twice = rows("select id from raw.bet_versions group by id having count(*) = 2")
    assert {name for (name,) in twice} == set(REWRITTEN)
    assert of_weight(compare()) == {"days": counts.days}


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(sorted(REWRITTEN.keys() - {"is_win"}))), max_size=3))
@settings(max_examples=15)
def test_reconciliation_brings_exactly_the_rows_that_were_rewritten(new_database, clone, patches):
    postgres = clone(None)
    create_bets(postgres)
    put(postgres, *(bet(name, 3000 * n, roi=None) for n, name in enumerate("abc")))
    table = open_postgres(SourcePostgres(conninfo(postgres), "public", "bets"), PATIENCE, silent)
    with new_database() as database:
        with requested_rows(database, table, SyncRequest()) as shown:
            load_rows(database, shown, run_id=uuid.uuid4(), now=NOW)
        put(postgres, *({"id": name, "bet_type": "straight", column: REWRITTEN[column]} for name, column in patches))
        with table.reading() as reading:
            reconcile_table(database, table.name, reading, run_id=uuid.uuid4(), clock=lambda: NOW)
        brought = database.execute("select id from raw.bet_versions group by id having count(*) > 1").fetchall()
    assert {name for (name,) in brought} == {name for name, _ in patches}


def test_bet_settled_under_an_unchanged_stamp_counts_from_just_past_the_last_refresh(
    table, sync, compare, database, rows
):
    put(table, bet("a", 1, status="PENDING", profit=0), bet("b", 2))
    sync()
    refresh(database, run_id=uuid.uuid4(), now=NOW)
    put(table, {"id": "a", "status": "SETTLED_LOSS", "profit": -10, "bet_type": "straight"})
    later = NOW + timedelta(hours=1)
    assert compare(now=later).missed == 1
    refresh(database, run_id=uuid.uuid4(), now=later)
    changes = "select event_timestamp, sport_count, sport_win_rate from features.sport_stats_changes order by 1"
    assert rows(changes)[-1] == (NOW + timedelta(microseconds=1), 2, 0.5)
    assert not sum(found.differences for found in verify_offline(database))


def test_a_row_that_is_only_spelled_otherwise_becomes_no_version_and_is_fetched_once(
    table, sync, compare, rows, database, tmp_path
):
    """A file brought it first, where numbers and times are spelled in another way."""
    file = open_file(jsonl(tmp_path / "first.jsonl", bet("a", 1), bet("b", 2)))
    load_rows(database, file, run_id=uuid.uuid4(), now=NOW)
    put(table, bet("a", 1), bet("b", 2), bet("c", 60 * 24 * 3))
    sync(since=T0 + timedelta(days=1))
    assert compare().missed == 0
    assert rows("select count(*) from raw.bet_versions") == [(3,)]
    assert of_weight(compare()) == {"days": 2}


def test_a_column_that_came_later_and_is_null_everywhere_brings_no_version(table, sync, compare, rows):
    with psycopg.connect(conninfo(table)) as app:
        app.execute("alter table bets drop column clv_ev")
    put(table, bet("a", 1), bet("b", 2))
    sync()
    with psycopg.connect(conninfo(table)) as app:
        app.execute("alter table bets add column clv_ev double precision")
    counts = compare()
    assert (counts.missed, counts.deleted) == (0, 0)
    put(table, {"id": "b", "bet_type": "straight", "clv_ev": 2.5})
    assert compare().missed == 1
    assert rows("select id from processed.bets where clv_ev = 2.5") == [("b",)]


# ---- ids that repeat -----------------------------------------------------------------------------------------------


@pytest.fixture
def history(source):
    """A table with the key (id, updated_at): a row for each state of a bet."""
    with psycopg.connect(conninfo(source.postgres)) as app:
        app.execute("alter table bets drop constraint bets_pkey")
        app.execute("alter table bets add unique (id, updated_at)")

    def add(*states):
        with psycopg.connect(conninfo(source.postgres)) as app:
            for row in states:
                names = ", ".join(row)
                app.execute(f"insert into bets ({names}) values ({', '.join(f'%({name})s' for name in row)})", row)

    return add


def test_the_newest_row_of_an_id_counts_once_sync_after_sync(history, sync, compare, rows):
    history(bet("a", 200), bet("a", 100, status="PENDING", profit=0), lost("b", 50))
    counts = sync()
    assert (counts.accepted, counts.repeated_ids) == (2, 1)
    for request in ({"is_full": True}, {}, {"is_full": True}):
        counts = sync(**request)
        assert (counts.accepted, counts.repeated_ids) == (0, 1)
    assert rows(BETS) == [("a", 1500), ("b", -1000)]
    assert of_weight(compare()) == {"days": 1}


def test_window_that_shows_only_an_older_row_of_an_id_keeps_the_newer_row(history, sync, rows):
    history(
        bet("a", 200), bet("a", 100, status="PENDING", profit=0), bet("timeless", 90), bet("timeless", updated_at=None)
    )
    sync()
    sync(since=T0 + timedelta(minutes=90), until=T0 + timedelta(minutes=150))
    sync()
    assert rows(BETS) == [("a", 1500), ("timeless", 1500)]
    assert rows("select count(*) from raw.bet_versions") == [(2,)]


def test_repeated_id_with_surrounding_white_space_is_counted(history, sync, rows):
    """The table was asked for the id as the store spells it, and has none of that spelling."""
    history(bet(" a", 200), bet(" a", 100, status="PENDING", profit=0))
    assert sync().repeated_ids == 1
    sync(since=T0 + timedelta(minutes=90), until=T0 + timedelta(minutes=150))
    assert rows(BETS) == [("a", 1500)]


def test_full_sync_takes_the_older_row_when_the_newest_row_of_a_repeated_id_is_gone(source, history, sync, rows):
    history(bet("a", 200), lost("a", 100), bet("b", 1), bet("b", 2))
    sync()
    with psycopg.connect(conninfo(source.postgres)) as app:
        app.execute("delete from bets where id = 'a' and profit > 0")
    assert sync(is_full=True).repeated_ids == 1
    assert rows(BETS) == [("a", -1000), ("b", 1500)]


def test_reconciliation_sees_every_row_of_an_id(source, history, sync, compare, rows):
    history(bet("a", 200), lost("a", 100), bet("b", 1), bet("b", 60 * 24))
    sync()
    with psycopg.connect(conninfo(source.postgres)) as app:
        app.execute("delete from bets where id = 'a' and profit > 0")
    assert compare().missed == 1
    assert rows(BETS) == [("a", -1000), ("b", 1500)]
    assert of_weight(compare()) == {"days": 2}


def test_full_sync_clears_repeated_ids_of_a_table_without_repeats(source, history, sync):
    history(bet("a", 200), bet("a", 100))
    assert sync().repeated_ids == 1
    with psycopg.connect(conninfo(source.postgres)) as app:
        app.execute("delete from bets where updated_at < %s", [T0 + timedelta(minutes=150)])
    assert sync().repeated_ids == 1
    assert sync(is_full=True).repeated_ids == 0


def test_view_of_legs_larger_than_a_page_counts_each_bet_once(clone, database, rows):
    """Of a join each row has the same id and stamp, so a page ends in the middle of a bet."""
    with running_supabase(clone(None), max_rows=4) as project:
        create_bets(project.postgres, "placed")
        put(project.postgres, *(bet(f"b{n}", n, league=None) for n in range(7)), table="placed")
        with psycopg.connect(conninfo(project.postgres)) as app:
            app.execute("alter table placed drop column league")
            app.execute("create table legs as select id as bet_id, unnest(array['A', 'B', 'C']) as league from placed")
            app.execute("create view bets as select placed.*, legs.league from placed join legs on bet_id = id")
        table = open_supabase(project.project(), PATIENCE, silent)
        for accepted in (7, 0, 0):
            with requested_rows(database, table, SyncRequest(is_full=True)) as shown:
                counts = load_rows(database, shown, run_id=uuid.uuid4(), now=NOW)
            assert (counts.accepted, counts.repeated_ids) == (accepted, 7)
        with table.reading() as reading:
            counts = reconcile_table(database, table.name, reading, run_id=uuid.uuid4(), clock=lambda: NOW)
    assert of_weight(counts) == {"days": 1}


def test_reconciliation_counts_a_missed_row_that_is_refused_as_quarantined(table, sync, compare):
    put(table, bet("a", 60))
    sync()
    put(table, bet("late", 1, status="?"))
    counts = compare()
    assert (counts.missed, counts.quarantined, counts.reasons) == (0, 1, {"status: unknown value": 1})


def test_id_with_surrounding_white_space_is_no_delete(table, sync, compare, rows):
    """So is a byte order mark, which the first id of an imported CSV may carry."""
    put(table, bet(" a ", 1), bet("\ufeffb", 2), bet("c", 3))
    sync()
    assert compare().deleted == 0
    assert rows(BETS) == [("a", 1500), ("b", 1500), ("c", 1500)]


def test_bet_that_moves_to_another_day_during_reconciliation_is_no_delete(source, sync, database, rows):
    put(source.postgres, bet(" a", 1), bet("b", 2), bet("c", 3))
    sync()
    with opened(source) as (name, reading), opened(source) as (_, later):
        digests = reading.digests()
        put(source.postgres, bet(" a", 60 * 48))
        reading.digests, reading.keys, reading.pages_of = lambda: digests.head(0), later.keys, later.pages_of
        counts = reconcile_table(database, name, reading, run_id=uuid.uuid4(), clock=lambda: NOW)
    assert (counts.missed, counts.deleted) == (1, 0)


def test_row_written_during_reconciliation_is_accepted_at_the_clock_of_the_fetch(source, sync, database, rows):
    put(source.postgres, bet("a", 1), bet("b", 2))
    sync()
    put(source.postgres, lost("a", updated_at=(NOW + timedelta(minutes=6)).isoformat()))
    with opened(source) as (name, reading):
        reconcile_table(database, name, reading, run_id=uuid.uuid4(), clock=lambda: NOW + timedelta(minutes=6))
    assert rows(BETS) == [("a", -1000), ("b", 1500)]


@pytest.mark.parametrize("left", [0, 1, 4])
def test_deletion_of_more_than_half_of_a_small_table_is_refused(table, sync, compare, rows, left):
    put(table, *(bet(f"b{n}", n) for n in range(9)))
    sync()
    delete(table, [f"b{n}" for n in range(left, 9)])
    with pytest.raises(DeletesRefused):
        compare()


def test_id_that_the_id_type_of_the_table_cannot_hold_counts_as_vanished(clone, database, tmp_path, supabase):
    create_bets(supabase.postgres, id="bigint primary key")
    table = open_supabase(supabase.project(), PATIENCE, silent)
    file = open_file(jsonl(tmp_path / "others.jsonl", bet("b-1", 1), bet("99999999999999999999", 2)))
    load_rows(database, file, run_id=uuid.uuid4(), now=NOW)
    put(supabase.postgres, *(bet(str(n), n) for n in (7, 8, 9)))
    with table.reading() as reading:
        believed = {"include_streams": ["file:others.jsonl"], "most_deletes": 2}
        counts = reconcile_table(database, table.name, reading, run_id=uuid.uuid4(), clock=lambda: NOW, **believed)
    assert (counts.missed, counts.deleted) == (3, 2)


def test_bet_stamped_on_the_last_day_of_the_calendar_is_reconciled(table, sync, compare):
    put(table, bet("a", 1), bet("b", 2), bet("never", updated_at="9999-12-31T12:00:00Z"))
    sync()
    delete(table, ["never"])
    assert compare().deleted == 1
    assert compare().differing == 0


@pytest.mark.parametrize(
    "body",
    [
        "returns table (day date, rows bigint, digest int) language sql as 'select null::date, 1::bigint, 1'",
        "returns table (day date, n bigint) language sql as 'select null::date, 1::bigint'",
        "returns int language sql as 'select 1'",
        "returns table (day date, rows bigint, digest text) language plpgsql as 'begin raise exception ''no''; end'",
    ],
)
def test_digest_function_with_an_unexpected_result_or_error_is_ignored(supabase, database, body):
    create_bets(supabase.postgres)
    put(supabase.postgres, bet("a", 1), bet("b", updated_at=None, created_at=None))
    with connect(supabase.postgres, purpose="test", autocommit=True) as connection:
        connection.execute(f"create function public.pikkit_bet_digests(of_columns text[]) {body}")
    supabase.reload()
    table = open_supabase(supabase.project(), PATIENCE, silent)
    with table.reading() as reading:
        assert reading.digests()["rows"].sum() == 2


@pytest.mark.parametrize("source", ["postgres"], indirect=True)
def test_table_rewritten_by_alter_table_as_reading_begins_does_not_look_empty(source, sync, compare, rows):
    """ALTER TABLE writes rows anew, invisible to a snapshot that was taken while it ran."""
    put(source.postgres, bet("a", 1), bet("b", 2), bet("c", 3))
    sync()
    with psycopg.connect(conninfo(source.postgres)) as app, ThreadPoolExecutor(1) as pool:
        app.execute("alter table bets alter column amount type numeric(14, 3)")
        compared = pool.submit(compare)
        wait_until(lambda: is_locked_out(source.postgres) or compared.done())
        app.commit()
        assert compared.result().deleted == 0


def is_locked_out(postgres):
    """Whether somebody waits for the table."""
    query = "select 1 from pg_locks where not granted and relation = 'public.bets'::regclass"
    with connect(postgres, purpose="test") as connection:
        return connection.execute(query).fetchone() is not None


def test_rows_with_infinite_future_or_missing_stamps_are_reconciled(table, sync, compare):
    put(
        table,
        bet("infinite", updated_at="infinity"),
        bet("future", updated_at="2099-01-01T00:00:00Z"),
        bet("timeless", updated_at=None, created_at=None),
        bet("exact", updated_at="2026-05-01T12:00:00.000001Z"),
    )
    sync()
    assert compare().differing == 0


def test_row_stamped_in_the_year_12026_is_quarantined_and_reconciliation_continues(table, sync, compare, rows):
    """Milliseconds that were read as seconds."""
    put(table, bet("a", 1), bet("odd", updated_at="12026-01-01T00:00:00Z"))
    sync()
    delete(table, ["a"])
    assert compare().deleted == 1
    assert rows("select id from quarantine.bets where state = 'open'") == [("odd",)]


def test_digests_of_the_store_equal_digests_of_the_synced_table(table, source, sync, database):
    put(table, *(bet(f"b|{n} 'é", n * 317.123457) for n in range(50)), bet("c", updated_at=None, created_at=at(3)))
    sync()
    with opened(source) as (name, reading):
        theirs = reading.digests()
    ours = our_digests(database, [name])
    assert theirs.schema == DIGESTS_SCHEMA
    assert theirs.sort("day").rows() == ours.sort("day").rows()
    assert theirs["rows"].sum() == 51


def test_day_differs_by_row_count_by_digest_or_by_absence_on_either_side():
    def digests(*days):
        return pl.DataFrame(days, DIGESTS_SCHEMA, orient="row")

    one, two, three = (T0.date() + timedelta(days=n) for n in range(3))
    ours = digests((one, 1, "5"), (two, 1, "7"), (None, 1, "1"))
    assert differing_days(ours, ours) == []
    assert differing_days(ours, digests((one, 2, "5"), (two, 1, "8"), (three, 1, "1"))) == [one, two, three, None]
