"""What every format of file must do: give the same bets, lose none, and refuse what holds none."""

from __future__ import annotations

import pyarrow as pa
import pytest

from feature_repo.errors import SourceRejected
from ingestion.sources.files.file_source import open_file
from ingestion.sources.files.lines import LONGEST_LINE
from quality.schema import BET_COLUMNS, REQUIRED_COLUMNS, validate
from tests.ingestion.sources.conftest import BET, CSV_HEADER, CSV_ROW, lines


@pytest.mark.parametrize("suffix", ["parquet", "jsonl", "ndjson", "csv", "JSONL"])
def test_every_format_gives_the_same_bets(suffix, write, write_parquet):
    content = {"csv": f"{CSV_HEADER}\n{CSV_ROW}\n"}.get(suffix, lines(BET))
    path = write_parquet({"id": pa.array(["b1"])}) if suffix == "parquet" else write(f"bets.{suffix}", content)
    (page,) = open_file(path).pages()
    assert {name: str(value) for name, value in page.rows.row(0, named=True).items() if value is not None} == {
        name: str(value) for name, value in BET.items()
    }


def test_real_sample_file_is_read_whole_in_valid_pages(real_sample, now):
    pages = list(open_file(real_sample).pages(size=10_000))
    assert [validate(page.rows, now).valid_count for page in pages] == [10_000, 10_000, 7_163]


def test_stream_of_a_file_has_the_file_name(write):
    assert open_file(write("bets.jsonl", lines(BET))).name == "file:bets.jsonl"


@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
def test_pages_keep_the_order_and_the_number_of_rows(suffix, write):
    bets = [{**BET, "id": f"b{number}"} for number in range(25)]
    content = (
        lines(*bets)
        if suffix == "jsonl"
        else "\n".join([CSV_HEADER, *(CSV_ROW.replace("b1", bet["id"]) for bet in bets)])
    )
    source = open_file(write(f"bets.{suffix}", content))
    pages = list(source.pages(size=10))
    assert source.row_count == 25
    assert [page.rows["id"].to_list() for page in pages] == [
        [bet["id"] for bet in bets[start : start + 10]] for start in (0, 10, 20)
    ]


@pytest.mark.parametrize(("name", "content"), [("legs.jsonl", '{"legs": 1}\n'), ("legs.csv", "legs\n1\n")])
def test_a_page_has_every_known_column_also_where_the_file_has_none(name, content, write):
    (page,) = open_file(write(name, content), required=()).pages()
    assert page.rows.rows() == [(None,) * len(BET_COLUMNS)]
    assert page.unknown_columns == ("legs",)


def test_unknown_columns_are_named_and_stand_only_in_payloads(page):
    found = page("bets.jsonl", lines({**BET, "legs": [1]}, {**BET, "note": "x"}))
    assert found.unknown_columns == ("legs", "note")
    assert set(found.rows.columns) == set(BET_COLUMNS)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("bets.parquet", b"", "it is empty"),
        ("bets.jsonl", "", "it is empty"),
        ("bets.jsonl", "\n  \n", "it holds no rows"),
        ("bets.csv", CSV_HEADER + "\n", "it holds no rows"),
        ("bets.parquet", b"PAR1 this is no Parquet file PAR1", "not readable as .parquet"),
        ("bets.xlsx", "x", "does not end in .parquet, .jsonl, .ndjson, .json, .csv or .tsv"),
        ("bets.jsonl", '[\n{"id": 1},\n{"id": 2}\n]\n', "one JSON array, not one bet a line. Nothing was taken"),
        ("bets.jsonl", '[{"id": 1}]\n', "Rename it to end in .json"),
        ("bets.csv.gz", b"\x1f\x8b\x08", "it is compressed with gzip"),
        ("bets.csv", b"\x1f\x8b\x08", "Unpack it (gunzip)"),
        ("bets.xlsx", b"PK\x03\x04", "an Excel workbook"),
        ("bets.csv", b"PK\x03\x04", "Save it as CSV UTF-8"),
        ("bets.csv", b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
        ("bets.csv", CSV_HEADER.encode("utf-16"), "it is text in UTF-16"),
        ("bets.csv", b"PAR1", "Rename it to end in .parquet"),
        ("bets.csv", "n\nJos\xe9".encode("latin-1"), "Save it as UTF-8"),
        ("bets.csv", CSV_HEADER.replace(",", "~") + "\n1", "fields are parted by commas, semicolons, tabs or bars (|)"),
        ("bets.csv", f"{CSV_HEADER},note,note\n{CSV_ROW},1,2\n", "more than one column called note"),
        ("bets.csv", f'{CSV_HEADER}\n"b1\n' + f"{CSV_ROW}\n" * 3, "the row that starts on line 2 breaks on line 5"),
        ("bets.csv", f'{CSV_HEADER}\n"b"1{CSV_ROW[2:]}\n', "the row that starts on line 2 breaks on line 2"),
        ("bets.csv", f"{CSV_HEADER}\n{CSV_ROW}\n\n{CSV_ROW},1\n", "the row on line 4 has 13 fields, the header has 12"),
        ("bets.csv", f"{CSV_HEADER}\n{CSV_ROW}\n".encode().replace(b"Moneyline", b"Money\xffline"), "is not UTF-8"),
    ],
)
def test_a_file_that_holds_no_bets_is_refused(name, content, says, write):
    path = write(name, content)
    with pytest.raises(SourceRejected) as refused:
        open_file(path)
    assert says in str(refused.value)
    assert refused.value.path == path


def test_all_missing_columns_are_named_at_once(write):
    with pytest.raises(SourceRejected) as refused:
        open_file(write("bets.jsonl", '{"id": "b1"}\n'))
    assert all(column in str(refused.value) for column in REQUIRED_COLUMNS if column != "id")


@pytest.mark.parametrize("path", ["missing.csv", ".", "x" * 300 + ".csv"])
def test_a_path_without_a_file_is_refused(path, tmp_path):
    with pytest.raises(SourceRejected):
        open_file(tmp_path / path)


def test_file_removed_during_a_reading_is_refused(write):
    path = write("bets.jsonl", lines(BET))
    source = open_file(path)
    path.unlink()
    with pytest.raises(SourceRejected, match="cannot be read: No such file"):
        list(source.pages())


def test_file_without_line_ends_is_refused_in_bounded_memory(write):
    with pytest.raises(SourceRejected, match="starts at byte 0 is longer than 16 MiB"):
        open_file(write("bets.jsonl", b"[" + b" " * LONGEST_LINE))
