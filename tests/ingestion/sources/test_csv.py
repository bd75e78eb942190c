"""CSV: what a field holds is kept exactly, and a broken row stops the file with its place."""

from __future__ import annotations

import codecs
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feature_repo.errors import SourceRejected
from ingestion.sources.files.file_source import open_file
from tests.ingestion.sources.conftest import CSV_HEADER, CSV_ROW, in_one_directory, texts


def quoted(value):
    return "" if value is None else '"' + value.replace('"', '""') + '"'


@in_one_directory
@given(
    extras=st.lists(st.tuples(st.none() | texts, st.none() | texts), min_size=1, max_size=5),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_csv_field_is_kept_exactly(page, extras, end):
    rows = [f"{CSV_ROW},{quoted(first)},{quoted(second)}" for first, second in extras]
    found = page("bets.csv", end.join([f"{CSV_HEADER},,note", *rows]))
    kept = [json.loads(text) for text in found.payload]
    assert [(row[""], row["note"]) for row in kept] == extras


def test_unquoted_empty_csv_field_is_null_and_a_quoted_empty_field_is_not(page):
    found = page("bets.csv", f'{CSV_HEADER},a,b,c\n{CSV_ROW},,"","x"",""y"\n')
    assert {name: value for name, value in json.loads(found.payload[0]).items() if name in "abc"} == {
        "a": None,
        "b": "",
        "c": 'x","y',
    }


def test_a_csv_line_may_break_inside_quotes(page):
    found = page("bets.csv", f'{CSV_HEADER},note\n\n{CSV_ROW},"one\r\ntwo"\n{CSV_ROW},three\n')
    assert [json.loads(text)["note"] for text in found.payload] == ["one\r\ntwo", "three"]


def test_csv_that_is_not_utf8_is_refused_with_the_place_of_the_byte(write):
    content = codecs.BOM_UTF8 + f"{CSV_HEADER}\n{CSV_ROW}\n".encode() + b"b2,\xff"
    with pytest.raises(SourceRejected, match=rf"byte {len(content) - 1} \(on line 3\) is not UTF-8"):
        open_file(write("bets.csv", content))
