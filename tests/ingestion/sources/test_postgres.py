"""A table in Postgres: every row arrives, judged as its JSON would be; trouble that passes is told from a refusal."""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from feature_repo.errors import SourceDenied, Unreachable
from feature_repo.servers.connections import Connections, Postgres
from ingestion.database.access import connect, snapshot
from ingestion.intake.content_hash import content_hashes
from ingestion.progress import Progress, silent
from ingestion.sources.files.file_source import open_file
from ingestion.sources.page import Page
from ingestion.sources.postgres import postgres_table as module
from ingestion.sources.postgres.postgres_table import PostgresTable, open_postgres
from ingestion.sources.settings import SourcePostgres
from ingestion.sources.table import StampWindow
from quality.schema import BET_COLUMNS, validate
from tests.builders.bet_files import NOW, T0, at, bet
from tests.builders.source_table import create_bets, fill, put
from tests.rigs.trouble import a_role_with_a_password, closed_port, execute

DATA = Path(__file__).parents[4] / "shared" / "data"
HOUR = timedelta(hours=1)
# Nobody waits that long: what must be told at once would run into the test's time limit.
FOR_EVER = timedelta(days=1)


def source_of(postgres: Postgres, table: str = "bets", schema: str = "public", **differs: Any) -> SourcePostgres:
    return SourcePostgres(make_conninfo(**postgres.conninfo | differs), schema, table)


def table_of(postgres: Postgres, *, patience: timedelta = FOR_EVER, progress: Progress = silent) -> PostgresTable:
    return open_postgres(source_of(postgres), patience, progress)


def pages_of(postgres: Postgres, window: StampWindow = StampWindow()) -> list[Page]:  # noqa: B008 (frozen)
    with table_of(postgres).reading() as reading:
        return list(reading.pages(window))


def ids(pages: Iterator[Page] | list[Page]) -> list[str]:
    return sorted(str(bet_id) for page in pages for bet_id in page.rows["id"])


# ---- rows ----------------------------------------------------------------------------------------------------------


def verdicts(pages: Iterator[Page] | list[Page]) -> Counter[tuple[object, ...]]:
    """What becomes of each row: its payload, and its content hash or why it is refused."""
    found: Counter[tuple[object, ...]] = Counter()
    for page in pages:
        result = validate(page.rows, NOW)
        accepted, rejected = result.accepted, result.rejected
        found.update(zip(page.payload.gather(accepted["row"]), content_hashes(accepted), strict=True))
        reasons = rejected.select(
            pl.coalesce(page.problems.gather(rejected["row"]), pl.col("reasons").list.join("; "))
        ).to_series()
        found.update(zip(page.payload.gather(rejected["row"]), rejected["id"], reasons, strict=True))
    return found


def as_json_lines(postgres: Postgres, path: Path, columns: str) -> Iterator[Page]:
    """The rows of the table as Postgres itself writes them as JSON."""
    with connect(postgres, purpose="test") as connection:
        query = f"select row_to_json(known)::text from (select {columns} from bets) as known"
        path.write_text("".join(f"{line}\n" for (line,) in connection.execute(query).fetchall()))
    return open_file(path).pages()


@pytest.mark.parametrize(
    "name", ["real_bets_sample", *(f"dirty_examples/{file.stem}" for file in sorted(DATA.glob("dirty*/*.parquet")))]
)
@pytest.mark.parametrize("money", ["double precision", "numeric(20,6)"])
def test_real_and_dirty_rows_are_judged_as_from_json_lines(
    postgres: Postgres, tmp_path: Path, name: str, money: str
) -> None:
    if not (DATA / f"{name}.parquet").exists():
        pytest.skip("the example data does not lie beside this checkout")
    rows = pl.read_parquet(DATA / f"{name}.parquet")
    types = {column: "text" for column in ("time_placed", "settled_at") if rows[column].dtype == pl.String}
    if types:  # what a window goes by must be a timestamp
        rows = rows.with_columns(updated_at=T0, created_at=None)
    create_bets(postgres, id="text", amount=money, profit=money, **types)
    fill(postgres, rows)
    expected = verdicts(as_json_lines(postgres, tmp_path / "bets.jsonl", ", ".join(BET_COLUMNS)))
    assert verdicts(pages_of(postgres)) == expected
    assert expected.total() == rows.height


NASTY = {
    "plain": {},
    "infinite": {"updated_at": "infinity"},
    "before all": {"created_at": "-infinity", "settled_at": "infinity"},
    "before christ": {"time_placed": "0044-03-15 12:00 BC"},
    "year 500": {"settled_at": "0500-01-01"},
    "year 12026": {"updated_at": "12026-01-01"},
    "year 9999": {"settled_at": "9999-12-31 23:59:59.999999"},
    "microseconds": {"settled_at": "2026-05-02 00:00:00.000001", "updated_at": "2026-05-03 10:00:00.1"},
    "no stamp": {"updated_at": None, "created_at": None},
    "nan": {"amount": "NaN", "roi": "NaN"},
    "infinities": {"profit": "-Infinity", "clv_percentage": "Infinity", "clv_ev": "-Infinity"},
    "minus zero": {"clv_percentage": "-0", "clv_ev": "-0", "roi": None},
    "tiny": {"clv_ev": "5e-324", "clv_percentage": 0.1 + 0.2},
    "long": {"profit": "9" * 400, "amount": "1" + "0" * 30},
    "scale": {"amount": "10.000", "profit": "15.0000000"},
    "whole": {"clv_current_odds": 1e16, "odds": 150.0},
    "quotes": {"market": 'a "b", \\c\\ {d}', "league": r"\N"},
    "lines": {"market": "a\nb\r\n\tc", "league": ""},
    "letters": {"sport": "Fußball 🎲", "league": "\ufeff x\u00a0", "market": "\u0001"},
    "trimmed": {"bet_type": " Straight ", "sport": "   "},
    "unknown": {"status": "WON", "bet_type": None},
    r"\.": {"sport": r"\."},
    "": {},
}


@pytest.mark.parametrize(
    "types",
    [
        {},
        {"updated_at": "timestamp", "settled_at": "timestamp(3)", "is_live": "integer", "odds": "real"},
        {"settled_at": "text", "american_odds": "text", "is_live": "text", "roi": "numeric", "clv_ev": "numeric"},
        {"american_odds": "numeric(10,2)", "is_live": "numeric(3,1)", "settled_at": "date", "odds": "bigint"},
        {"status": "state", "sport": "named", "league": "varchar(40)", "market": "char(50)", "amount": "money_"},
        {"market": "timestamptz", "odds": "boolean", "is_win": "double precision", "clv_current_odds": "interval"},
    ],
    ids=lambda types: ", ".join(types.values()) or "usual types",
)
def test_every_value_of_every_type_is_judged_as_from_json_lines(
    postgres: Postgres, tmp_path: Path, types: dict[str, str]
) -> None:
    execute(postgres, "create domain named as text check (value <> 'x'); create domain money_ as numeric")
    execute(postgres, "create type state as enum ('SETTLED_WIN', 'WON', 'PENDING')")
    create_bets(postgres, **{"amount": "numeric", "profit": "numeric", "settled_at": "timestamptz"} | types)
    rows = [bet(name, 1, odds=150, roi=150) | differs for name, differs in NASTY.items()]
    taken = 0
    for row in rows:
        row = row | {name: 1 for name in ("is_live", "is_win") if types.get(name, "boolean") not in ("boolean", "text")}
        row = row | {name: T0 for name in ("market",) if types.get(name) == "timestamptz"}
        row = row | {name: True for name in ("odds",) if types.get(name) == "boolean"}
        try:
            put(postgres, row)
            taken += 1
        except psycopg.Error:  # not every type takes every value
            continue
    expected = verdicts(as_json_lines(postgres, tmp_path / "bets.jsonl", ", ".join(BET_COLUMNS)))
    assert verdicts(pages_of(postgres)) == expected
    assert (expected.total(), taken > 12) == (taken, True)


@pytest.mark.parametrize("kind", ["uuid", "bigint", "numeric", "varchar(40)"])
def test_ids_of_every_column_type_are_found_and_unfit_ids_find_no_row(postgres: Postgres, kind: str) -> None:
    create_bets(postgres, id=f"{kind} primary key")
    known = ["7c9e6679-7425-40de-944b-e07fc1f90ae7"] if kind == "uuid" else ["7", "12"]
    put(postgres, *(bet(bet_id) for bet_id in known))
    strange = ["", "b1", "07", "9" * 30, "x\0y", "7C9E6679-7425-40DE-944B-E07FC1F90AE7", "'; drop table bets --"]
    with table_of(postgres).reading() as reading:
        assert ids(reading.pages_of([*strange, known[0]])) == [known[0]]
        assert reading.keys(T0.date())["id"].sort().to_list() == sorted(known)


def test_unknown_columns_stay_in_the_source_and_are_reported_once(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "POSTGRES_PAGE_ROWS", 2)
    create_bets(postgres, Note="text")
    put(postgres, *(bet(f"b{n}", Note="x", raw_json='{"y": 1}') for n in range(5)))
    pages = pages_of(postgres)
    assert [(len(page.payload), page.unknown_columns) for page in pages] == [
        (2, ("raw_json", "Note")),
        (2, ()),
        (1, ()),
    ]
    assert not any("raw_json" in payload or "Note" in payload for page in pages for payload in page.payload)


# ---- what is asked -------------------------------------------------------------------------------------------------

STAMPS = {
    "early": (at(-60), at(0)),
    "start": (at(-60), at(10)),
    "inside": (at(-60), at(30)),
    "end": (at(-60), at(60)),
    "by creation": (at(20), None),
    "created too early": (at(-60), None),
    "infinite": (at(25), "infinity"),
    "before all": (at(26), "-infinity"),
    "future": (at(-60), "2099-01-01"),
    "none": (None, None),
    "none at all": ("infinity", "-infinity"),
}
IN_THE_HOUR = ["before all", "by creation", "infinite", "inside", "start"]


@pytest.fixture(params=["timestamptz", "timestamp"])
def stamped(request: pytest.FixtureRequest, postgres: Postgres) -> Postgres:
    create_bets(postgres, updated_at=request.param, created_at=request.param)
    for name, (created, updated) in STAMPS.items():
        put(postgres, bet(name, created_at=created, updated_at=updated, sport=None if name == "inside" else "Golf"))
    execute(postgres, "alter database {database} set timezone = 'Asia/Tokyo'")
    return postgres


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        (StampWindow(T0 + HOUR / 6, T0 + HOUR), IN_THE_HOUR),
        (StampWindow(since=T0 + HOUR / 6), [*IN_THE_HOUR, "end", "future", "none", "none at all"]),
        (StampWindow(until=T0 + HOUR / 6), ["created too early", "early"]),
        (StampWindow(), list(STAMPS)),
        (StampWindow(sport="Golf"), [name for name in STAMPS if name != "inside"]),
        (StampWindow(sport=r"\N"), ["inside"]),
        (StampWindow(T0, T0 + HOUR / 2, sport=r"\N"), []),
    ],
)
def test_window_selects_the_rows_with_a_stamp_inside_the_window(
    stamped: Postgres, window: StampWindow, expected: list[str]
) -> None:
    with table_of(stamped).reading() as reading:
        assert ids(reading.pages(window)) == sorted(expected)
        assert reading.count(window) == len(expected)


def test_a_table_without_created_at_goes_by_updated_at_alone(postgres: Postgres) -> None:
    create_bets(postgres)
    execute(postgres, "alter table bets drop column created_at")
    put(postgres, *({k: v for k, v in bet(f"b{n}", n).items() if k != "created_at"} for n in range(3)))
    assert ids(pages_of(postgres, StampWindow(T0 + HOUR / 60))) == ["b1", "b2"]


def digests_of_rows(postgres: Postgres) -> dict[str, int]:
    known = sql.SQL(", ").join(map(sql.Identifier, BET_COLUMNS))
    query = sql.SQL("select id::text, row_to_json(known)::text from (select {} from bets) as known").format(known)
    with connect(postgres, purpose="test") as connection:
        return {
            name: int.from_bytes(hashlib.md5(text.encode()).digest()[:8], "big", signed=True)
            for name, text in connection.execute(query)
        }


def stamp_of(created: str | None, updated: str | None) -> datetime | None:
    finite = [text for text in (updated, created) if text and "infinity" not in text]
    return datetime.fromisoformat(finite[0]).replace(tzinfo=UTC) if finite else None


def test_digests_and_keys_group_the_rows_by_the_day_of_the_stamp(stamped: Postgres) -> None:
    of_rows = digests_of_rows(stamped)
    expected: dict[date | None, dict[str, tuple[datetime | None, int]]] = {}
    for name, (created, updated) in STAMPS.items():
        stamp = stamp_of(created, updated)
        expected.setdefault(stamp and stamp.date(), {})[name] = stamp, of_rows[name]
    with table_of(stamped).reading() as reading:
        digests = {day: (rows, total) for day, rows, total in reading.digests().iter_rows()}
        keys = {
            day: {name: (stamp, digest) for name, stamp, digest in reading.keys(day).iter_rows()} for day in expected
        }
    assert digests == {
        day: (len(rows), str(sum(digest for _, digest in rows.values()))) for day, rows in expected.items()
    }
    assert keys == expected


def test_postgres_reading_counts_and_reads_the_same_snapshot_during_writes(postgres: Postgres) -> None:
    create_bets(postgres)
    put(postgres, bet("b1"))
    with table_of(postgres).reading() as reading:
        counted = reading.count(StampWindow())
        put(postgres, bet("b2"))
        assert (counted, ids(reading.pages(StampWindow()))) == (1, ["b1"])


def test_an_hour_of_changes_is_found_by_the_index(postgres: Postgres) -> None:
    create_bets(postgres)
    base = pl.DataFrame([bet("x")]).drop("id", "updated_at", "created_at", "time_placed")
    rows = base.join(pl.select(n=pl.int_range(60_000)), how="cross").select(
        pl.exclude("n", "settled_at", "clv_percentage"),
        id="b" + pl.col("n").cast(pl.String),
        updated_at=pl.when(pl.col("n") > 20).then(pl.lit(T0) + pl.duration(minutes="n")),
        created_at=pl.lit(T0) + pl.duration(minutes="n"),
    )
    fill(postgres, rows)
    execute(postgres, "analyze bets")
    window = StampWindow(T0 + timedelta(minutes=59_940))
    with table_of(postgres).reading() as reading, connect(postgres, purpose="test") as connection:
        assert reading.count(window) == len(ids(reading.pages(window))) == 60
        query = reading._rows(reading._in_window())
        explained = psycopg.ClientCursor(connection).execute(sql.SQL("explain ") + query, module._params(window))
        plan = "\n".join(line for (line,) in explained.fetchall())
    assert "bets_updated_at_id_idx" in plan
    assert "Seq Scan" not in plan


def test_the_settings_of_a_session_end_with_the_transaction(postgres: Postgres) -> None:
    """A pooler may hand the session to somebody who relies on a time limit."""
    execute(postgres, "alter database {database} set statement_timeout = '7s'")
    with snapshot(make_conninfo(**postgres.conninfo), purpose="test") as connection:
        assert connection.execute("show statement_timeout").fetchone() == ("0",)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute("create table t (n int)")
        connection.rollback()
        assert connection.execute("show statement_timeout").fetchone() == ("7s",)


# ---- trouble -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("drop table bets", "there is no such table"),
        ("alter table bets rename to others", "there is no such table"),
        (
            "alter table bets drop column profit, drop column sport",
            "lacks the column profit; it lacks the column sport",
        ),
        ("alter table bets alter sport type text[] using array[sport]", "sport is of the type text[]"),
        ("alter table bets alter market type jsonb using to_jsonb(market)", "market is of the type jsonb"),
        ("alter table bets alter league type pair using null", "league is of the type pair"),
        ("alter table bets alter updated_at type text", "updated_at is of the type text, not a timestamp"),
    ],
)
def test_a_table_that_holds_no_bets_is_refused_at_once(postgres: Postgres, change: str, told: str) -> None:
    create_bets(postgres)
    execute(postgres, "create type pair as (a int, b int)")
    execute(postgres, change)
    with pytest.raises(SourceDenied, match=r"public\.bets cannot be read as bets") as refused:
        table_of(postgres)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("granted", "told"),
    [
        ("select", "permission denied for schema source"),
        ("usage", "this role may not read id"),
        ("usage, select (id)", "this role may not read bet_type"),
        ("usage, hidden", "row level security hides every row from the role"),
    ],
)
def test_a_role_that_may_not_read_is_refused_at_once(
    postgres: Postgres, servers: Connections, granted: str, told: str
) -> None:
    execute(postgres, "create schema source")
    create_bets(postgres, schema="source")
    with a_role_with_a_password(servers) as role:
        if "usage" in granted:
            execute(postgres, f"grant usage on schema source to {role}")
        if "select (id)" in granted:
            execute(postgres, f"grant select (id) on source.bets to {role}")
        elif "select" in granted or "hidden" in granted:
            execute(postgres, f"grant select on source.bets to {role}")
        if "hidden" in granted:
            execute(postgres, "alter table source.bets enable row level security")
        source = source_of(postgres, schema="source", user=role, password="correct")
        with pytest.raises(SourceDenied) as refused:
            open_postgres(source, FOR_EVER)
        assert told in str(refused.value)
        execute(postgres, f"drop owned by {role}")


def test_a_right_that_is_missing_beneath_a_view_is_refused_at_once(postgres: Postgres, servers: Connections) -> None:
    create_bets(postgres, table="beneath")
    execute(postgres, "create view bets with (security_invoker) as select * from beneath")
    with a_role_with_a_password(servers) as role:
        execute(postgres, f"grant select on bets to {role}")
        with pytest.raises(SourceDenied, match="permission denied for table beneath"):
            open_postgres(source_of(postgres, user=role, password="correct"), FOR_EVER)
        execute(postgres, f"drop owned by {role}")


def test_wrong_postgres_login_is_refused_at_once_without_printing_the_password(
    postgres: Postgres, servers: Connections
) -> None:
    with a_role_with_a_password(servers) as role:
        logins = [{"user": role, "password": "hunter2"}, {"user": "nobody"}, {"dbname": "nowhere"}]
        for login in logins:
            with pytest.raises(SourceDenied) as refused:
                open_postgres(source_of(postgres, **login), FOR_EVER)
            assert "hunter" not in f"{refused.value} {refused.value!r} {refused.value.__cause__!r}"


@pytest.mark.parametrize("password", ["hun@ter2", "hun/ter2"])
def test_unencoded_password_in_a_source_url_is_not_printed_as_a_host(password: str) -> None:
    source = SourcePostgres(f"postgresql://role:{password}@127.0.0.1/db", "public", "bets")
    with pytest.raises(SourceDenied, match="percent-encoded") as refused:
        open_postgres(source, FOR_EVER)
    assert "ter2" not in f"{refused.value} {source}"


def test_a_server_that_does_not_answer_is_unreachable_once_patience_is_used_up(postgres: Postgres) -> None:
    source = source_of(postgres, host="127.0.0.1", port=closed_port(), password="hunter2")
    with pytest.raises(Unreachable) as gone:
        open_postgres(source, timedelta(0))
    assert gone.value.service.startswith("postgres:127.0.0.1:")
    assert "hunter2" not in str(gone.value)


def test_a_server_that_comes_up_within_patience_is_read(postgres: Postgres, blank_postgres: Postgres) -> None:
    """A database that takes no connections for now says so as a server does that starts up."""
    create_bets(postgres)
    put(postgres, bet("b1"))
    told = []
    execute(postgres, "create role busy login connection limit 0")

    def wait(step: str, done: int, total: int | None, *, waiting: str = "") -> None:
        told.append(waiting)
        execute(postgres, "alter role busy connection limit 5")

    execute(postgres, "grant select on bets to busy")
    try:
        table = open_postgres(source_of(postgres, user="busy"), FOR_EVER, wait)
        with table.reading() as reading:
            assert ids(reading.pages(StampWindow())) == ["b1"]
        assert "too many connections" in told[0]
    finally:
        execute(postgres, "drop owned by busy; drop role busy")


def test_a_connection_that_is_lost_between_pages_loses_no_row(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "POSTGRES_PAGE_ROWS", 100)
    create_bets(postgres)
    rows = pl.DataFrame([bet(f"b{n}", market="m" * 2_000) for n in range(20_000)])
    fill(
        postgres,
        rows.drop("settled_at", "clv_percentage").with_columns(
            pl.col("^.*_(at|placed)$").str.to_datetime(time_zone="UTC")
        ),
    )
    read = Counter[str]()
    with table_of(postgres).reading() as reading:
        for number, page in enumerate(reading.pages(StampWindow())):
            read.update(page.rows["id"])
            if number in (3, 30):
                lose_connections(postgres)
        assert reading.count(StampWindow()) == 20_000
    assert read.keys() == set(rows["id"])
    assert read.total() > 20_000


def test_table_reading_that_keeps_losing_the_connection_is_given_up(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "POSTGRES_PAGE_ROWS", 100)
    create_bets(postgres)
    rows = pl.DataFrame([bet(f"b{n}", market="m" * 2_000) for n in range(20_000)])
    fill(
        postgres,
        rows.drop("settled_at", "clv_percentage").with_columns(
            pl.col("^.*_(at|placed)$").str.to_datetime(time_zone="UTC")
        ),
    )
    with table_of(postgres, patience=timedelta(seconds=1)).reading() as reading, pytest.raises(Unreachable):
        deque((lose_connections(postgres) for _ in reading.pages(StampWindow())), maxlen=0)


def lose_connections(postgres: Postgres) -> None:
    execute(
        postgres,
        "select pg_terminate_backend(pid, 600000) from pg_stat_activity "
        "where application_name = 'pikkit source' and datname = current_database()",
    )


def test_a_table_that_vanishes_under_a_reading_is_refused(postgres: Postgres) -> None:
    create_bets(postgres)
    with table_of(postgres).reading() as reading:
        execute(postgres, "drop table bets")
        with pytest.raises(SourceDenied, match="does not exist"):
            reading.count(StampWindow())


def test_abandoned_page_reading_leaves_the_connection_usable(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "POSTGRES_PAGE_ROWS", 1)
    create_bets(postgres)
    put(postgres, *(bet(f"b{n}") for n in range(3)))
    with table_of(postgres).reading() as reading:
        pages = reading.pages(StampWindow())
        next(pages)
        pages.close()  # type: ignore[attr-defined]
        assert reading.count(StampWindow()) == 3
