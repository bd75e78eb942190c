"""JSON lines: the payload is the line, a broken line is a row with a problem, and numbers stay exact."""

from __future__ import annotations

import codecs
import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feature_repo.errors import SourceRejected
from ingestion.sources.files.file_source import open_file
from tests.ingestion.sources.conftest import BET, in_one_directory, lines, names, texts

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)


@in_one_directory
@given(extras=st.lists(st.dictionaries(names, json_values, max_size=3), min_size=1, max_size=4), data=st.data())
def test_payload_of_a_json_line_is_the_text_of_the_line(page, extras, data):
    spacing = st.sampled_from([(",", ":"), (" , ", " : "), ("\t,", "\r:")])
    written = [
        f"{json.dumps({**BET, **extra}, ensure_ascii=data.draw(st.booleans()), separators=data.draw(spacing))}\t "
        for extra in extras
    ]
    assert page("bets.jsonl", "\r\n".join(written)).payload.to_list() == written


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"{not json", "line: not readable as JSON"),
        (b'{"id": "b1", "roi": NaN}', "line: not readable as JSON"),
        (b'{"id": "b1", "roi": -Infinity}', "line: not readable as JSON"),
        (b"[" * 100_000, "line: not readable as JSON"),
        (b'["b1"]', "line: not a JSON object"),
        (b"null", "line: not a JSON object"),
        (b'{"id": "b\x00"}', "line: not readable as JSON"),
        (b'{"id": "\xff"}', "line: not UTF-8"),
    ],
)
def test_json_line_that_is_no_object_is_kept_as_text_and_later_lines_are_read(page, line, problem):
    found = page("bets.jsonl", lines(BET).encode() + line + b"\n" + lines(BET).encode())
    assert found.problems.to_list() == [None, problem, None]
    assert found.rows["id"].to_list() == ["b1", None, "b1"]
    assert json.loads(found.payload[1]).encode("utf-8", "surrogateescape") == line


@pytest.mark.parametrize(
    ("member", "problem"),
    [
        ('"sport": ["Soccer"]', "sport: a list or an object, not one value"),
        ('"sport": {}, "market": []', "sport: {0}; market: {0}".format("a list or an object, not one value")),
        ('"sport": "\\ud800"', "sport: half of a surrogate pair"),
        ('"sport": "Golf", "sport": "Tennis"', "sport: given twice"),
    ],
)
def test_json_line_with_an_unreadable_column_keeps_only_payload_and_id(page, member, problem):
    line = json.dumps({name: BET[name] for name in BET if name not in ("sport", "market")})[:-1] + ", " + member + "}"
    found = page("bets.jsonl", lines(BET) + line)
    assert found.problems.to_list() == [None, problem]
    assert found.payload[1] == line
    assert [name for name, value in found.rows.row(1, named=True).items() if value is not None] == ["id"]


def test_a_name_given_twice_inside_an_unknown_column_is_no_problem(page):
    line = lines(BET).strip()[:-1] + ', "legs": {"a": 1, "a": 2}, "note": 1, "note": 2}'
    found = page("bets.jsonl", line)
    assert (found.problems.to_list(), found.payload.to_list()) == ([None], [line])


def test_a_byte_order_mark_blank_lines_and_line_ends_are_no_part_of_a_row(page):
    line = lines(BET).strip()
    content = codecs.BOM_UTF8.decode() + f"{line}\r\n\r\n   \n{line}\n{line}"
    assert page("bets.jsonl", content).payload.to_list() == [line] * 3


@pytest.mark.parametrize(
    ("values", "dtype", "read"),
    [
        ([1, None], pl.Int64, [1, None]),
        ([1, 2.5], pl.Float64, [1.0, 2.5]),
        ([True, None], pl.Boolean, [True, None]),
        ([None, None], pl.Null, [None, None]),
        ([1, "2", 2.5, True, None], pl.String, ["1", "2", "2.5", "true", None]),
        ([2**64, 1], pl.String, ["18446744073709551616", "1"]),
        ([2**53 + 1, 0.5], pl.String, ["9007199254740993", "0.5"]),
        ([5e-324, 1e16], pl.Float64, [5e-324, 1e16]),
    ],
)
def test_a_column_of_several_kinds_becomes_text_and_numbers_stay_exact(page, values, dtype, read):
    column = page("bets.jsonl", lines(*({**BET, "profit": value} for value in values))).rows["profit"]
    assert (column.dtype, column.to_list()) == (dtype, read)


def test_a_column_that_only_later_lines_have_counts_as_present(write):
    without = {name: value for name, value in BET.items() if name != "profit"}
    assert open_file(write("bets.jsonl", lines(without, BET))).row_count == 2


def test_json_lines_file_with_a_truncated_last_line_is_refused(write):
    whole = lines(BET, BET)
    assert open_file(write("whole.jsonl", whole.rstrip("\n"))).row_count == 2
    with pytest.raises(SourceRejected, match="last line is cut off"):
        open_file(write("cut.jsonl", whole[: len(whole) // 4 * 3]))
