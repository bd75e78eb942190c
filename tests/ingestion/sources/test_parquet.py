"""Parquet: every value is exact in the payload, whatever its type and whatever stands beside it."""

from __future__ import annotations

import base64
import json
import math
from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.sources.files.file_source import open_file
from tests.ingestion.sources.conftest import in_one_directory, names, texts

decimals = st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**12), max_value=10**12)
kinds = st.sampled_from(
    [
        (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
        (pa.uint64(), st.integers(0, 2**64 - 1)),
        (pa.float64(), st.floats()),
        (pa.float32(), st.floats(width=32)),
        (pa.string(), texts),
        (pa.dictionary(pa.int32(), pa.string()), texts),
        (pa.binary(), st.binary()),
        (pa.bool_(), st.booleans()),
        (pa.date32(), st.dates()),
        (pa.decimal128(20, 3), decimals),
        (pa.decimal256(50, 3), decimals),
        (pa.timestamp("us"), st.datetimes()),
        (pa.timestamp("us", "UTC"), st.datetimes(timezones=st.just(UTC))),
        (pa.list_(pa.float64()), st.lists(st.none() | st.floats(), max_size=3)),
        (
            pa.struct([("a", pa.binary()), ("b", pa.list_(pa.string()))]),
            st.fixed_dictionaries({"a": st.binary(), "b": st.none() | st.lists(texts)}),
        ),
    ]
)
columns = kinds.flatmap(lambda kind: st.tuples(st.just(kind[0]), st.lists(st.none() | kind[1], min_size=3, max_size=3)))


def spelled(value, kind):
    """The JSON of one Arrow value, by plain Python."""
    if value is None:
        return None
    if pa.types.is_floating(kind):
        return value if math.isfinite(value) else {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")
    if pa.types.is_list(kind):
        return [spelled(member, kind.value_type) for member in value]
    if pa.types.is_struct(kind):
        return {field.name: spelled(value[field.name], field.type) for field in kind}
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds")
    return value if isinstance(value, int | str) else str(value)


def same(read, value, kind):
    if pa.types.is_float32(kind) and isinstance(value, float):
        return np.float32(read) == np.float32(value)
    return (read, str(read)) == (value, str(value))  # as text too, for -0.0


@pytest.fixture
def payloads(write_parquet):
    def _payloads(columns, **options):
        return [
            json.loads(text) for each in open_file(write_parquet(columns, **options)).pages() for text in each.payload
        ]

    return _payloads


@in_one_directory
@given(extra=st.dictionaries(names, columns, min_size=1, max_size=5), group=st.integers(1, 3))
def test_parquet_value_is_kept_exactly(payloads, extra, group):
    kept = payloads({name: pa.array(values, kind) for name, (kind, values) in extra.items()}, row_group_size=group)
    for name, (kind, values) in extra.items():
        for row, value in zip(kept, values, strict=True):
            assert same(row[name], spelled(value, kind), kind)


@pytest.mark.parametrize(
    ("array", "kept"),
    [
        (pa.array([math.nan, math.inf, -math.inf, None, 0.1]), ["NaN", "Infinity", "-Infinity", None, 0.1]),
        (pa.array([b"\xff", b"ok"]).view(pa.string()), ["\udcff", "ok"]),
        (pa.array([2**62, 0], pa.timestamp("us", "UTC")), [2**62, "1970-01-01T00:00:00.000000+00:00"]),
        (pa.array([0, 1], pa.timestamp("ns")), ["1970-01-01T00:00:00.000000000", "1970-01-01T00:00:00.000000001"]),
        (pa.array([0, None], pa.timestamp("us", "+02:00")), ["1970-01-01T00:00:00.000000+00:00", None]),
        (pa.array([[("a", 1)], None], pa.map_(pa.string(), pa.int64())), [[{"key": "a", "value": 1}], None]),
        (pa.array([{}, None], pa.struct([("a", pa.int8())])), [{"a": None}, None]),
    ],
)
def test_parquet_values_that_no_frame_can_hold_are_kept_in_the_payload(payloads, array, kept):
    assert [row["extra"] for row in payloads({"extra": array})] == kept


@pytest.mark.parametrize(
    ("column", "array", "problem"),
    [
        ("sport", pa.array([["Golf"], None]), "sport: a list or an object, not one value"),
        ("sport", pa.array([b"\xff", b"Golf"]), "sport: not UTF-8"),
        ("settled_at", pa.array([2**62, 0], pa.timestamp("ms")), "settled_at: a date or time out of range"),
    ],
)
def test_parquet_row_with_an_unreadable_column_keeps_only_the_id(write_parquet, column, array, problem):
    (page,) = open_file(write_parquet({column: array})).pages()
    assert page.problems.to_list() == [problem, None]
    assert [name for name, value in page.rows.row(0, named=True).items() if value is not None] == ["id"]


def test_text_that_parquet_marks_as_bytes_is_text(write_parquet):
    (page,) = open_file(write_parquet({"sport": pa.array([b"Golf"])})).pages()
    assert (page.rows["sport"].to_list(), json.loads(page.payload[0])["sport"]) == (["Golf"], "Golf")


def test_payload_of_a_row_does_not_depend_on_neighbouring_rows(write_parquet):
    path = write_parquet({"extra": pa.array([1.5, math.nan]), "more": pa.array([date(2026, 1, 1), None])})
    source = open_file(path)
    assert [text for page in source.pages(size=1) for text in page.payload] == list(next(iter(source.pages())).payload)


def test_parquet_page_of_a_large_row_group_holds_only_the_rows_of_the_page(write_parquet):
    path = write_parquet({"id": pa.array([f"b{number}" for number in range(1_000)])}, row_group_size=1_000)
    assert [len(page.rows) for page in open_file(path).pages(size=300)] == [300, 300, 300, 100]
