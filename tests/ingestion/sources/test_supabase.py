"""The table of bets over the REST API, on the real PostgREST: every row comes, whatever its stamp, its id and the cap
on pages; and what can never work is said at once.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from feature_repo.errors import ConfigurationError, SourceDenied
from ingestion.database.access import connect
from ingestion.sources.supabase.supabase_table import open_supabase
from ingestion.sources.table import StampWindow
from quality.schema import BET_COLUMNS, REQUIRED_COLUMNS
from tests.builders.source_table import COLUMNS as SOURCE_COLUMNS
from tests.builders.source_table import create_bets, fill, put
from tests.rigs.supabase import install_functions, running_supabase, token

START = datetime(2026, 5, 1, tzinfo=UTC)
PATIENCE = timedelta(minutes=10)
BET = {
    "bet_type": "straight", "status": "PENDING", "american_odds": -110, "amount": "10.50", "sport": "Soccer",
    "market": "Moneyline", "time_placed": START, "updated_at": START,
}  # fmt: skip


def bets(number, step=timedelta(seconds=1), start=START, prefix="b"):
    """That many bets, `step` apart."""
    row = pl.int_range(number, eager=True)
    stamps = pl.select(pl.lit(start) + row * step).to_series()
    return pl.DataFrame({"id": prefix + row.cast(pl.String), "status": "PENDING", "updated_at": stamps})


def silent(step, done, total, *, waiting=""):
    pass


@pytest.fixture
def project(supabase):
    create_bets(supabase.postgres)
    return supabase


@pytest.fixture
def put_bets(project):
    return lambda *rows: put(project.postgres, *({**BET, **row} for row in rows))


@pytest.fixture
def sql(project):
    def _sql(command):
        with connect(project.postgres, purpose="test", autocommit=True) as connection:
            connection.execute(command)

    return _sql


def opened(project, **differs):
    return open_supabase(project.project(**differs), PATIENCE, silent)


def read(project, window=StampWindow(), **differs):  # noqa: B008
    with opened(project, **differs).reading() as reading:
        return list(reading.pages(window))


def ids(pages):
    return [identifier for page in pages for identifier in page.rows["id"].to_list()]


# ---- every row -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cap", [1000, 317])
def test_every_supabase_row_is_read_once_under_any_page_cap(clone, cap):
    with running_supabase(clone(None), max_rows=cap) as project:
        create_bets(project.postgres)
        fill(project.postgres, bets(27_222, timedelta(milliseconds=1500)))
        pages = read(project)
    assert ids(pages) == [f"b{number}" for number in range(27_222)]
    assert {len(page.payload) for page in pages[:-1]} == {cap}


def test_every_bet_of_the_real_sample_is_read_from_supabase(project, real_sample):
    rows = pl.read_parquet(real_sample)
    known = rows.select(name for name in SOURCE_COLUMNS if name in rows.columns)
    fill(project.postgres, known)
    assert sorted(ids(read(project))) == known["id"].sort().to_list()


def test_five_thousand_rows_with_the_same_stamp_are_each_read_once(project):
    fill(project.postgres, bets(5_000, timedelta(0)))
    found = ids(read(project))
    assert (len(found), len(set(found))) == (5_000, 5_000)


def test_rows_without_updated_at_are_read_by_created_at_and_unstamped_rows_last(project, put_bets):
    later = START + timedelta(days=1)
    put_bets(
        {"id": "both", "created_at": later},
        {"id": "neither", "updated_at": None},
        {"id": "created late", "updated_at": None, "created_at": later},
        {"id": "created", "updated_at": None, "created_at": START},
        {"id": "from the future", "updated_at": "2099-01-01T00:00:00Z"},
    )
    assert ids(read(project)) == ["both", "from the future", "created", "created late", "neither"]


def test_supabase_rows_with_infinite_stamps_are_read(project, put_bets):
    put_bets(
        {"id": "ends", "updated_at": "infinity", "created_at": START},
        {"id": "began", "updated_at": "-infinity", "created_at": "infinity"},
        {"id": "null", "updated_at": None, "created_at": "-infinity"},
        {"id": "finite"},
    )
    assert ids(read(project)) == ["finite", "ends", "began", "null"]
    assert ids(read(project, StampWindow(since=START))) == ["finite", "ends", "began", "null"]
    assert ids(read(project, StampWindow(until=START + timedelta(days=1)))) == ["finite", "ends"]


ODD = [
    '"',
    "\\",
    '\\"',
    "a,b",
    "(a)",
    "100%",
    "a+b",
    "a b",
    "Ünïcödé 🏈",
    "a&b=c",
    "null",
    "",
    "a\nb",
    "'",
    "{a}",
    "*",
    "a.eq.b",
]


@pytest.mark.parametrize("stamp", [START, None], ids=["a stamp", "no stamp"])
def test_page_can_begin_after_an_id_with_any_characters(clone, stamp):
    with running_supabase(clone(None), max_rows=1) as project:
        create_bets(project.postgres)
        put(project.postgres, *({**BET, "id": identifier, "updated_at": stamp} for identifier in ODD))
        assert sorted(ids(read(project))) == sorted(ODD)


def test_supabase_rows_are_found_by_ids_with_any_characters(project, put_bets):
    put_bets(*({"id": identifier} for identifier in ODD))
    with opened(project).reading() as reading:
        assert sorted(ids(reading.pages_of([*ODD, "none such"]))) == sorted(ODD)


def test_rows_are_found_by_many_long_ids_in_addresses_below_4_kb(project, put_bets):
    long = [f"{number:02}" + "ü€ " * 25 for number in range(30)]
    put_bets(*({"id": identifier} for identifier in long))
    sent = []
    project.proxy.before = lambda request: sent.append(request.raw_length)
    with opened(project).reading() as reading:
        assert sorted(ids(reading.pages_of(long))) == long
    assert max(sent) < 4000


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("bigint", [9_007_199_254_740_993, -1, 0, 10, 9]),
        ("uuid", [f"0000000{n}-0000-4000-8000-00000000000a" for n in range(5)]),
    ],
)
def test_keyset_order_of_ids_follows_the_id_type(clone, kind, values):
    with running_supabase(clone(None), max_rows=2) as project:
        create_bets(project.postgres, id=f"{kind} primary key")
        put(project.postgres, *({**BET, "id": value} for value in values))
        assert ids(read(project)) == sorted(values)
        with opened(project).reading() as reading:
            assert ids(reading.pages_of([str(value) for value in values])) == sorted(values)


def test_stamps_with_fractions_of_any_length_are_read_in_order(clone):
    fractions = ["", ".1", ".12", ".123", ".1234", ".12345", ".123456", ".2", ".999999"]
    with running_supabase(clone(None), max_rows=1) as project:
        create_bets(project.postgres)
        stamps = {f"b{place}": f"2026-05-01T12:00:00{text}+00:00" for place, text in enumerate(fractions)}
        put(project.postgres, *({**BET, "id": name, "updated_at": stamp} for name, stamp in stamps.items()))
        assert ids(read(project)) == list(stamps)


@pytest.mark.parametrize("zone", ["America/St_Johns", "UTC"])
@pytest.mark.parametrize("kind", ["timestamptz", "timestamp"])
def test_a_window_is_in_utc_whatever_the_type_and_the_zone_of_the_server(clone, kind, zone):
    postgres = clone(None)
    with connect(postgres, purpose="test", autocommit=True) as connection:
        connection.execute(f"alter database {postgres.database} set timezone = '{zone}'")
    with running_supabase(postgres, max_rows=2) as project:
        create_bets(postgres, updated_at=kind)
        hours = [START + timedelta(hours=number) for number in range(6)]
        put(postgres, *({**BET, "id": f"b{at.hour}", "updated_at": f"{at:%Y-%m-%d %H:%M}+00"} for at in hours))
        assert ids(read(project, StampWindow(since=hours[1], until=hours[4]))) == ["b1", "b2", "b3"]
        assert ids(read(project, StampWindow(since=hours[4]))) == ["b4", "b5"]


def test_only_a_window_without_until_selects_rows_without_a_stamp(project, put_bets):
    put_bets({"id": "old"}, {"id": "none", "updated_at": None}, {"id": "new", "updated_at": START + timedelta(days=2)})
    since = START + timedelta(days=1)
    assert ids(read(project, StampWindow(since=since))) == ["new", "none"]
    assert ids(read(project, StampWindow(since=since, until=since + timedelta(days=7)))) == ["new"]


def test_window_selects_a_single_sport_or_the_rows_without_a_sport(project, put_bets):
    names = ["Soccer", 'a,"b"', None]
    put_bets(*({"id": str(name), "sport": name} for name in names))
    found = [ids(read(project, StampWindow(sport=sport))) for sport in ("Soccer", 'a,"b"', r"\N", "Golf")]
    assert found == [["Soccer"], ['a,"b"'], ["None"], []]


def test_the_count_of_a_window_is_exact(project, put_bets):
    fill(project.postgres, bets(1_200))
    put_bets({"id": "none", "updated_at": None})
    with opened(project).reading() as reading:
        assert reading.count(StampWindow()) == 1_201
        assert reading.count(StampWindow(START, START + timedelta(seconds=60))) == 60


# ---- what a row is -------------------------------------------------------------------------------------------------


def test_supabase_payload_is_the_json_text_of_the_server(project, sql):
    sql(
        "insert into bets (id, amount, profit, roi, american_odds, market) "
        "values ('b1', 10.50, 100.00, 1e-7, 100, E'tab\\t \"quoted\" \\\\ é')"
    )
    (page,) = read(project)
    (text,) = page.payload.to_list()
    assert '"amount":10.50,' in text
    assert '"profit":100.00,' in text
    assert r'"market":"tab\t \"quoted\" \\ é"' in text
    assert page.rows.row(0, named=True)["market"] == 'tab\t "quoted" \\ é'


def test_only_known_columns_are_read_and_unknown_columns_are_reported_once(project, sql):
    sql("alter table bets add column \"odd, name\" text default 'x'")
    fill(project.postgres, bets(1_001))
    first, second = read(project)
    assert set(first.unknown_columns) == {*SOURCE_COLUMNS, "odd, name"} - set(BET_COLUMNS)
    assert second.unknown_columns == ()
    assert "raw_json" not in first.payload[0]
    selected = [request.path for request in project.proxy.requests if "order=" in request.path]
    assert not [path for path in selected if "raw_json" in path or "*" in path]


@pytest.mark.parametrize("filled", [True, False], ids=["with rows", "empty"])
def test_optional_column_may_be_missing_from_a_file(project, sql, put_bets, filled):
    sql("alter table bets drop column created_at, drop column roi")
    if filled:
        put_bets({"id": "b1"}, {"id": "b2", "updated_at": None})
    assert ids(read(project)) == (["b1", "b2"] if filled else [])
    assert not {"roi", "created_at"} & set(opened(project).columns)


def test_a_key_that_may_read_some_columns_only_reads_those(project, sql, put_bets):
    sql(f"revoke all on bets from anon; grant select ({', '.join(REQUIRED_COLUMNS)}) on bets to anon")
    put_bets({"id": "b1"})
    assert opened(project, role="anon").columns == REQUIRED_COLUMNS
    assert ids(read(project, role="anon")) == ["b1"]


def test_supabase_stream_name_consists_of_host_schema_and_table(project):
    assert opened(project).name == f"supabase:{project.project().host}/public.bets"


# ---- what can never work -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("differs", "said"),
    [
        ({"key": "wrong"}, "refuses the key: 401 (Invalid API key)"),
        ({"key": token("service_role", "another secret of more than 32 characters")}, "refuses the key: 401 (PGRST301"),
        ({"role": "anon"}, "The key's role may not use public.bets: 401 (42501"),
        ({"table": "wetten"}, "has no public.wetten: 404 (42P01"),
        ({"schema": "private"}, "has no schema private for us: 406 (PGRST106"),
        ({"url": "{url}/other"}, "has no REST API there: 404"),
    ],
)
def test_unusable_supabase_setting_is_refused_at_once_without_printing_the_key(project, sql, differs, said):
    sql("revoke all on bets from anon")
    differs = {name: value.format(url=project.proxy.url) for name, value in differs.items()}
    if "wrong" not in differs.get("key", "wrong"):
        project.proxy.accept(differs["key"])
    with pytest.raises(SourceDenied) as refusal:
        opened(project, **differs)
    assert said in str(refusal.value)
    assert project.project(**differs).key not in str(refusal.value) + repr(refusal.value)
    # A role that may not read every column may still read some.
    assert len(project.proxy.requests) == (2 if "role" in differs else 1)


@pytest.mark.parametrize("filled", [True, False], ids=["with rows", "empty"])
def test_table_without_required_columns_is_refused_with_the_missing_names(project, sql, put_bets, filled):
    if filled:
        put_bets({"id": "b1"})
    sql("alter table bets drop column profit, drop column american_odds")
    with pytest.raises(SourceDenied, match="lacks the columns american_odds, profit"):
        opened(project)


def test_column_dropped_during_a_reading_is_refused_without_a_retry(project, sql, put_bets):
    put_bets({"id": "b1"})
    table = opened(project)
    sql("alter table bets drop column league")
    project.proxy.requests.clear()
    with table.reading() as reading, pytest.raises(SourceDenied, match="42703"):
        list(reading.pages(StampWindow()))
    assert [request for request in project.proxy.requests if "league" in request.path] == project.proxy.requests[-1:]


def test_a_project_that_redirects_is_refused_and_not_followed(project):
    from dataclasses import replace

    project.proxy.queue(lambda answer: replace(answer, status=301, headers={"Location": "http://127.0.0.1:9/"}))
    with pytest.raises(SourceDenied, match="no REST API there: 301"):
        opened(project)


def test_a_missing_key_is_an_error_of_configuration(project):
    with pytest.raises(ConfigurationError, match="SUPABASE_KEY"):
        opened(project, key="")


def test_supabase_key_is_in_no_repr(project):
    table = opened(project)
    with table.reading() as reading:
        assert project.project().key not in repr([table, reading, reading.rest, vars(table)])


# ---- reconciliation ------------------------------------------------------------------------------------------------


@pytest.fixture
def stamped(put_bets):
    put_bets(
        {"id": "a"},
        {"id": "b", "updated_at": START + timedelta(microseconds=1)},
        {"id": "c", "updated_at": START + timedelta(days=1)},
        {"id": "created", "updated_at": None, "created_at": START + timedelta(hours=3)},
        {"id": "neither", "updated_at": None},
        {"id": "infinite", "updated_at": "infinity"},
        {"id": "old", "updated_at": "0044-03-15 12:00:00+00 BC"},
        {"id": "early", "updated_at": "1900-01-01 00:00:00.5+00"},
        {"id": "far", "updated_at": "12345-06-07 08:09:10.111+00"},
        {"id": 'odd "id" ü'},
    )


DIGESTS = f"""
    select (stamp at time zone 'UTC')::date::text, count(*), sum(digest)::text from (
        select ('x' || left(md5(row_to_json(known)::text), 16))::bit(64)::bigint as digest, coalesce(
            case when isfinite(updated_at) then updated_at end, case when isfinite(created_at) then created_at end
        ) as stamp
        from (select {", ".join(BET_COLUMNS)} from bets) as known
    ) as digests group by 1 order by 1 nulls first
"""


def test_digests_in_python_equal_digests_in_sql(project, stamped):
    with opened(project).reading() as reading, connect(project.postgres, purpose="test") as connection:
        found = reading.digests().with_columns(pl.col("day").dt.to_string())
        expected = connection.execute(DIGESTS).fetchall()
    # Days before Christ and after the year 9999 are spelled otherwise.
    assert sorted(row[1:] for row in found.rows()) == sorted(row[1:] for row in expected)
    assert set(found.rows()) >= {row for row in expected if row[0] in ("2026-05-01", "2026-05-02", "1900-01-01")}


def test_digest_function_of_the_database_is_used_where_present(clone):
    with running_supabase(clone(None), max_rows=3) as project:
        create_bets(project.postgres)
        fill(project.postgres, bets(20, timedelta(hours=7)))
        put(
            project.postgres,
            {**BET, "id": "none", "updated_at": None},
            {**BET, "id": "old", "updated_at": "0044-03-15 BC"},
        )
        with opened(project).reading() as reading:
            here = reading.digests()
        install_functions(project)
        project.proxy.requests.clear()
        with opened(project).reading() as reading:
            assert reading.digests().equals(here)
    assert not [request for request in project.proxy.requests if "/bets" in request.path and "profit" in request.path]


def test_digests_that_take_the_database_too_long_are_asked_for_in_ranges_of_days(project, put_bets):
    put_bets(*({"id": f"b{n}", "updated_at": START + timedelta(days=40 * n)} for n in range(60)))
    put_bets({"id": "unstamped", "updated_at": None})
    with opened(project).reading() as reading:
        here = reading.digests()
    install_functions(project)
    with connect(project.postgres, purpose="test", autocommit=True) as connection:
        connection.execute("alter function public.pikkit_bet_digests rename to all_at_once")
        connection.execute("""
            create function public.pikkit_bet_digests(
                of_columns text[], after_day date default null, last_day date default null
            ) returns table (day date, rows bigint, digest text) language plpgsql as $$ begin
                if (select sum(d.rows) > 6 from public.all_at_once(of_columns, after_day, last_day) as d) then
                    raise exception 'canceling statement due to statement timeout' using errcode = '57014';
                end if;
                return query select * from public.all_at_once(of_columns, after_day, last_day);
            end $$
        """)
    project.reload()
    with opened(project).reading() as reading:
        assert reading.digests().equals(here)
    assert len([request for request in project.proxy.requests if "last_day" in request.path]) > 10


def test_digest_function_of_an_older_script_is_ignored(project, put_bets):
    """It digested ids and stamps only."""
    put_bets({"id": "a"}, {"id": "b"})
    with opened(project).reading() as reading:
        here = reading.digests()
    with connect(project.postgres, purpose="test", autocommit=True) as connection:
        connection.execute(
            "create function public.pikkit_bet_digests() returns table (day date, rows bigint, digest text) "
            "language sql as $$ select date '2026-05-01', 2::bigint, '7' $$"
        )
    project.reload()
    with opened(project).reading() as reading:
        assert reading.digests().equals(here)


def test_keys_of_a_day_are_the_ids_and_stamps_of_that_day(project, stamped):
    with opened(project).reading() as reading:
        assert reading.keys(date(2026, 5, 2)).select("id", "stamp").rows() == [("c", START + timedelta(days=1))]
        assert set(reading.keys(START.date())["id"]) == {"a", "b", "created", 'odd "id" ü'}
        assert sorted(reading.keys(None).select("id", "stamp").rows()) == [("infinite", None), ("neither", None)]
