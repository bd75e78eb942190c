"""Pages follow bytes, not only rows; and what no page can hold is refused with a reason before it fills the memory."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from feature_repo.errors import SourceRejected
from ingestion.sources import page
from ingestion.sources.files import parquet
from ingestion.sources.files.file_source import open_file
from ingestion.sources.files.lines import LONGEST_LINE, MOST_COLUMNS
from ingestion.sources.page import in_pages
from quality.schema import REQUIRED_COLUMNS

LONG = "x" * 10_000


def bets(count, **differs):
    return [{name: f"{name}{n}" for name in REQUIRED_COLUMNS} | differs for n in range(count)]


def page_sizes(path):
    return [read.payload.str.len_bytes().sum() for read in open_file(path).pages()]


def test_page_is_full_at_the_row_or_byte_limit_and_a_larger_row_is_alone(monkeypatch):
    monkeypatch.setattr(page, "PAGE_BYTES", 10)
    sizes = [4, 4, 4, 20, 1, 1, 1, 1]
    assert list(in_pages(((size, size) for size in sizes), 3)) == [[4, 4], [4], [20], [1, 1, 1], [1]]


@pytest.mark.parametrize("name", ["bets.jsonl", "bets.json", "bets.csv"])
def test_pages_of_text_files_are_cut_at_the_byte_limit(name, tmp_path, monkeypatch):
    monkeypatch.setattr(page, "PAGE_BYTES", 100_000)
    path, rows = tmp_path / name, bets(40, note=LONG)
    if name.endswith(".csv"):
        path.write_text("\n".join(",".join(map(str, row)) for row in [rows[0], *(row.values() for row in rows)]))
    else:
        text = [json.dumps(row) for row in rows]
        path.write_text("\n".join(text) if name.endswith("l") else f"[{','.join(text)}]")
    sizes = page_sizes(path)
    assert 4 < len(sizes) < 8
    assert max(sizes) < 110_000


@pytest.mark.parametrize("column", ["sport", "note", "notes", "event"])
def test_small_parquet_file_with_repeated_long_text_gives_pages_of_bounded_bytes(column, tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "PAGE_BYTES", 100_000)
    path = tmp_path / "bets.parquet"
    value = {"notes": [LONG, LONG], "event": {"sport": LONG}}.get(column, LONG)
    pq.write_table(pa.Table.from_pylist(bets(200, **{column: value})), path)
    assert path.stat().st_size < 100_000
    sizes = page_sizes(path)
    assert sum(sizes) > 2_000_000
    assert max(sizes) < 150_000


def test_parquet_rows_that_no_page_can_hold_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "PAGE_BYTES", 100_000)
    repeating, plain = tmp_path / "repeating.parquet", tmp_path / "plain.parquet"
    pq.write_table(pa.Table.from_pylist(bets(3, notes=[LONG] * 30)), repeating)
    with pytest.raises(SourceRejected, match="a row of it is longer than"):
        page_sizes(repeating)
    large = pa.Table.from_pylist(bets(3, note="x" * parquet.LONGEST_ROW))
    pq.write_table(large, plain, use_dictionary=False, compression="zstd")
    with pytest.raises(SourceRejected, match="the rows of its row group 0 have more than 256 KiB each"):
        open_file(plain)


@pytest.mark.parametrize("name", ["bets.jsonl", "bets.json", "bets.csv", "bets.parquet"])
def test_a_file_of_too_many_columns_is_refused(name, tmp_path):
    path, (row,) = tmp_path / name, bets(1, **{f"c{n}": "1" for n in range(MOST_COLUMNS)})
    if name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist([row]), path)
    elif name.endswith(".csv"):
        path.write_text(f"{','.join(row)}\n{','.join(row.values())}")
    else:
        path.write_text(json.dumps([row] if name.endswith("n") else row))
    with pytest.raises(SourceRejected, match="more than 10,000 columns"):
        open_file(path)


def test_columns_that_come_with_later_rows_are_counted_too(tmp_path):
    path = tmp_path / "bets.jsonl"
    rows = [row | {f"c{n}_{m}": 1 for m in range(3_000)} for n, row in enumerate(bets(4))]
    path.write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(SourceRejected, match="more than 10,000 columns"):
        list(open_file(path).pages())


def test_names_within_objects_are_not_spelled_out_without_bound(tmp_path):
    path = tmp_path / "bets.jsonl"
    path.write_text(json.dumps(bets(1)[0] | {"k" * 200_000: dict.fromkeys(map(str, range(50_000)), 1)}))
    assert open_file(path).row_count == 1


def test_csv_header_with_an_unclosed_quote_is_refused_in_bounded_memory(tmp_path):
    path = tmp_path / "bets.csv"
    path.write_text('"id,status\n' + f"{LONG}\n" * (LONGEST_LINE // len(LONG) + 1))
    with pytest.raises(SourceRejected, match="a quote that its header opens does not end within 16 MiB"):
        open_file(path)
