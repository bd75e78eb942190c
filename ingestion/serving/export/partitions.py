"""Rows of a query into Parquet files, a partition at a time. The same rows give the same bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Final

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from ingestion.serving.export.datasets import Dataset
from ingestion.serving.export.root import MeasuredFile

Partition = tuple[str | None, str | None]

# Rows between the database and a file; memory follows them.
PAGE_ROWS: Final = 50_000
GROUP_ROWS: Final = 100_000
_KEYS: Final = ["sport", "partition_month"]
_ARROW: Final = {
    pl.Int64(): pa.int64(),
    pl.Int32(): pa.int32(),
    pl.Float64(): pa.float64(),
    pl.Boolean(): pa.bool_(),
    pl.String(): pa.string(),
    pl.Binary(): pa.binary(),
    pl.Datetime("us", "UTC"): pa.timestamp("us", "UTC"),
}


def page_schema(dataset: Dataset) -> dict[str, pl.DataType]:
    """The columns of a dataset's rows, and what says in which partition each is."""
    return dataset.schema | dict.fromkeys(_KEYS, pl.String())


def by_partition(pages: Iterable[pl.DataFrame]) -> Iterator[tuple[Partition, Iterator[pl.DataFrame]]]:
    """The partitions (sport, month) of pages in their order, each with its frames, as they come.

    `pages` have the columns of `page_schema`, and the rows of one partition stand together. Take the frames of a
    partition before the next one: they are read only once.
    """
    pieces = (
        (key, piece)
        for page in pages
        for key, piece in page.partition_by(_KEYS, maintain_order=True, as_dict=True).items()
    )
    for key, some in groupby(pieces, key=itemgetter(0)):
        sport, month = key
        yield (sport, month), (piece for _, piece in some)


def write_partition(sink: MeasuredFile, frames: Iterable[pl.DataFrame], dataset: Dataset) -> int:
    """Write the frames as one Parquet file, and return the number of its rows.

    The columns are those of the dataset's schema, in its order; the rows stay in theirs, in row groups of GROUP_ROWS,
    compressed by zstd.
    """
    schema = pa.schema([(name, _ARROW[dtype]) for name, dtype in dataset.schema.items()])
    rows = 0
    with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
        for group in _groups(frames):
            table = group.select(list(dataset.schema)).to_arrow(compat_level=pl.CompatLevel.oldest()).cast(schema)
            writer.write_table(table, row_group_size=GROUP_ROWS)
            rows += group.height
    return rows


def _groups(frames: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """The same rows in frames of GROUP_ROWS, wherever the pages that they came in began."""
    held = pl.DataFrame()
    for frame in frames:
        held = pl.concat([held, frame]) if held.height else frame
        while held.height >= GROUP_ROWS:
            yield held.head(GROUP_ROWS)
            held = held.slice(GROUP_ROWS)
    if held.height:
        yield held
