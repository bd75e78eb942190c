"""Bets in a Parquet file, read in batches, so that memory follows the page and not the file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.types as is_

from ingestion.sources.arrow import plain, read
from ingestion.sources.arrow_json import json_objects
from ingestion.sources.page import Page, build_page
from quality.schema import COLUMNS

# Column chunks are streamed through buffers of this size; pre-buffered, whole row groups would lie in memory.
_BUFFER = 1024 * 1024


def survey(path: Path) -> tuple[list[str], int]:
    """The file's columns and the number of its rows."""
    with pq.ParquetFile(path) as file:
        return file.schema_arrow.names, file.metadata.num_rows


def pages(path: Path, size: int) -> Iterator[Page]:
    """The file's rows in its order, at most `size` a page."""
    with pq.ParquetFile(path, pre_buffer=False, buffer_size=_BUFFER, page_checksum_verification=True) as file:
        for batch in file.iter_batches(batch_size=size):
            yield _page(batch)


def _page(batch: pa.RecordBatch) -> Page:
    arrays = zip(batch.schema.names, batch.columns, strict=True)
    columns = {name: _text_if_known(name, plain(array)) for name, array in arrays}
    rows: dict[str, pl.Series] = {}
    problems: dict[int, list[str]] = defaultdict(list)
    for name in filter(columns.__contains__, COLUMNS):
        column = read(columns[name])
        rows[name] = _spelled_if_foreign(column.values)
        for position in column.unfit.arg_true():
            problems[position].append(f"{name}: {column.reason}")
    unknown = [name for name in columns if name not in rows]
    return build_page(rows, json_objects(columns), problems, unknown)


def _text_if_known(name: str, array: pa.Array) -> pa.Array:
    # Some writers leave text unmarked, as bytes; and no column of a bet means bytes.
    return array.view(pa.large_string()) if name in COLUMNS and is_.is_large_binary(array.type) else array


def _spelled_if_foreign(values: pl.Series) -> pl.Series:
    # No column of a bet is a time of day or a duration: the judge gets to see it as text.
    return values.dt.to_string("iso:strict") if values.dtype in (pl.Time, pl.Duration) else values
