"""Frames go into Postgres and out of it exactly, whatever they hold."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import polars as pl
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from psycopg import sql

from feature_repo.postgres.copy import copy_in, copy_out, copy_pages

# Everything a text column of Postgres can hold: all of Unicode but NUL and half characters.
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
TRICKY = st.sampled_from(
    ["", r"\N", r"\.", "\\\n\\.\n", "\t", "\r", "\r\n", '"', "NULL", "\ufeff", "x\x01", "é😀", ",{}"]
)
STRINGS = TEXT | TRICKY
INSTANTS = st.datetimes(timezones=st.just(UTC))

COLUMNS: dict[str, tuple[str, pl.DataType, st.SearchStrategy[Any]]] = {
    "a text": ("text", pl.String(), STRINGS),
    "another": ("text", pl.String(), STRINGS),
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
def test_copied_values_come_back_exactly(database: psycopg.Connection, rows: list[dict[str, Any]]) -> None:
    with database.transaction():
        create(database, {"n": "int"} | {name: kind for name, (kind, _, _) in COLUMNS.items()})
        frame = pl.DataFrame(rows, schema=SCHEMA).with_row_index("n").cast({"n": pl.Int32})
        assert copy_in(database, "things", frame) == len(rows)
        back = copy_out(database, "select * from things order by n", None, frame.schema)
        assert_frame_equal(back, frame, check_exact=True)


def test_rows_beyond_a_chunk_of_copy_arrive_in_order(database: psycopg.Connection) -> None:
    create(database, {"n": "bigint", "text": "text"})
    frame = pl.select(n=pl.int_range(120_000)).with_columns(text='"' + pl.col("n").cast(pl.String) + '",\n')
    assert copy_in(database, "things", frame) == 120_000
    assert_frame_equal(copy_out(database, "select * from things order by n", None, frame.schema), frame)


def test_empty_frame_copies_no_row(database: psycopg.Connection) -> None:
    create(database, {"n": "bigint"})
    assert copy_in(database, "things", pl.DataFrame(schema={"n": pl.Int64})) == 0


def test_query_without_rows_gives_an_empty_frame_of_the_schema(database: psycopg.Connection) -> None:
    frame = copy_out(database, "select 1 as n, now() as t where false", None, SCHEMA_OF_TWO)
    assert frame.schema == SCHEMA_OF_TWO


def test_untyped_column_of_nulls_arrives_as_null(database: psycopg.Connection) -> None:
    create(database, {"n": "bigint", "text": "text"})
    copy_in(database, "things", pl.DataFrame({"n": [1], "text": [None]}))
    assert database.execute("select n, text from things").fetchall() == [(1, None)]


def test_categories_arrive_as_text(database: psycopg.Connection) -> None:
    create(database, {"sport": "text"})
    copy_in(database, "things", pl.DataFrame({"sport": pl.Series(["NBA\t", "NFL"], dtype=pl.Categorical)}))
    assert database.execute("select sport from things").fetchall() == [("NBA\t",), ("NFL",)]


def test_table_is_named_with_a_schema_in_a_copy(database: psycopg.Connection) -> None:
    database.execute('create schema "Odd"; create table "Odd".things (n bigint)')
    assert copy_in(database, "Odd.things", pl.DataFrame({"n": [7]})) == 1


def test_copied_query_takes_named_parameters(database: psycopg.Connection) -> None:
    query = "select %(text)s as text, '100%%' as share -- the newest\n;"
    frame = copy_out(database, query, {"text": "it's %s \\"}, {"text": pl.String(), "share": pl.String()})
    assert frame.row(0) == ("it's %s \\", "100%")


def test_columns_are_fetched_in_the_order_of_the_schema(database: psycopg.Connection) -> None:
    frame = copy_out(database, "select 1 as a, 2 as b, 3 as c", None, {"c": pl.Int64(), "a": pl.Int64()})
    assert (frame.columns, frame.row(0)) == (["c", "a"], (3, 1))


def test_pages_of_a_copy_end_at_the_byte_limit(database: psycopg.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feature_repo.postgres.copy.FRAME_BYTES", 1_000)
    query = "select n, repeat('x', case when n > 10 then 600 else 1 end) as text from generate_series(1, 15) as n"
    schema = {"n": pl.Int64, "text": pl.String}
    heights = [frame.height for frame in copy_pages(database, query, None, schema, rows=8)]
    assert heights == [8, 4, 2, 1]
    assert copy_out(database, query, None, schema).height == 15
