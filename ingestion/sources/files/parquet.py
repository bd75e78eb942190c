"""Bets in a Parquet file, read in batches, so that memory follows the page and not the file.

A file of 100 KB may hold gigabytes: a value that repeats is kept once. So text is read as Parquet keeps it, values
beside positions among them, and a batch is parted by the bytes that it will have before it is decoded.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pyarrow.types as is_

from ingestion.sources.files.arrow import polars_compatible, read
from ingestion.sources.files.arrow_json import json_objects
from ingestion.sources.files.lines import Broken, check_column_names
from ingestion.sources.page import PAGE_BYTES
from ingestion.sources.raw_page import RawPage

# Column chunks are streamed through buffers of this size; pre-buffered, whole row groups would lie in memory.
_BUFFER = 1024 * 1024
# What a row may have on the average of a row group, without what repeats.
LONGEST_ROW: Final = 256 * 1024
# How Parquet keeps a value as its position among the values of its column.
_BY_POSITION: Final = frozenset(("RLE_DICTIONARY", "PLAIN_DICTIONARY"))


def survey_parquet(path: Path, _: Sequence[Collection[str]]) -> tuple[list[str], int]:
    """See FileType."""
    with pq.ParquetFile(path) as file:
        names = list(file.schema_arrow.names)
        members = (member for field in file.schema_arrow for member in _members(field))
        columns = names + [name for name in dict.fromkeys(members) if name not in names]
        check_column_names(columns)
        for number in range(file.num_row_groups):
            _check_row_group(file.metadata.row_group(number), number)
        return columns, file.metadata.num_rows


def parquet_pages(path: Path, size: int, wanted: Collection[str], _: Collection[str]) -> Iterator[RawPage]:
    """See FileType. `event.sport` is the field `sport` of a struct `event`."""
    with pq.ParquetFile(path) as file:
        metadata = file.metadata
    with pq.ParquetFile(
        path,
        metadata=metadata,
        pre_buffer=False,
        buffer_size=_BUFFER,
        page_checksum_verification=True,
        read_dictionary=_repeating(metadata),
    ) as file:
        for number in range(metadata.num_row_groups):
            group = metadata.row_group(number)
            row_bytes = max(1, _stored_bytes(group) // max(1, group.num_rows))
            rows = max(1, min(size, PAGE_BYTES // row_bytes))
            for batch in file.iter_batches(batch_size=rows, row_groups=[number]):
                yield from (_page(part, wanted) for part in _parts(batch))


def _repeating(metadata: pq.FileMetaData) -> list[str]:
    """The paths of the columns of bytes that are kept as positions among values somewhere in the file."""
    groups = map(metadata.row_group, range(metadata.num_row_groups))
    chunks = (group.column(place) for group in groups for place in range(group.num_columns))
    return list(
        dict.fromkeys(
            chunk.path_in_schema
            for chunk in chunks
            if chunk.physical_type == "BYTE_ARRAY" and _BY_POSITION.intersection(chunk.encodings)
        )
    )


def _stored_bytes(group: pq.RowGroupMetaData) -> int:
    """The bytes of a row group, unpacked and before positions are looked up."""
    return sum(group.column(place).total_uncompressed_size for place in range(group.num_columns))


def _check_row_group(group: pq.RowGroupMetaData, number: int) -> None:
    """Raises Broken where rows are so large that a writer's smallest piece, some thousand of them, fills the memory."""
    if _stored_bytes(group) > LONGEST_ROW * max(1, group.num_rows) and _stored_bytes(group) > PAGE_BYTES:
        raise Broken(f"the rows of its row group {number} have more than {LONGEST_ROW >> 10} KiB each")


def _parts(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """The batch in parts that will have PAGE_BYTES at the most. Raises Broken for a row that alone has more."""
    if sum(map(_decoded_bytes, batch.columns)) <= PAGE_BYTES:
        yield batch
    elif batch.num_rows == 1:
        raise Broken(f"a row of it is longer than {PAGE_BYTES >> 20} MiB")
    else:
        half = batch.num_rows // 2
        yield from _parts(batch.slice(0, half))
        yield from _parts(batch.slice(half))


def _decoded_bytes(array: pa.Array) -> int:
    """The bytes of the values of a column, each repeated one counted each time."""
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        return _decoded_bytes(array.storage)
    if is_.is_dictionary(kind):
        lengths = pc.binary_length(array.dictionary).take(array.indices)
        return int(pc.sum(lengths, min_count=0).as_py())
    if is_.is_struct(kind) or is_.is_list(kind) or is_.is_large_list(kind) or is_.is_fixed_size_list(kind):
        inner = array.flatten()
        return sum(map(_decoded_bytes, inner if is_.is_struct(kind) else [inner]))
    if is_.is_map(kind):
        return _decoded_bytes(polars_compatible(array))
    return int(array.nbytes)


def _page(batch: pa.RecordBatch, wanted: Collection[str]) -> RawPage:
    arrays = zip(batch.schema.names, batch.columns, strict=True)
    columns = {name: _text_if(name in wanted, polars_compatible(array)) for name, array in arrays}
    rows: dict[str, pl.Series] = {}
    problems: dict[int, list[str]] = defaultdict(list)
    inside: set[str] = set()
    for name in wanted:
        array = columns.get(name, _field(columns, name))
        if array is None:
            continue
        if name not in columns:
            inside.add(name.partition(".")[0])
        column = read(array)
        rows[name] = _spelled_if_foreign(column.values)
        for position in column.unfit.arg_true():
            problems[position].append(f"{name}: {column.reason}")
    unknown = tuple(name for name in columns if name not in rows and name not in inside)
    return RawPage(rows, json_objects(columns), problems, unknown)


def _members(field: pa.Field) -> Iterator[str]:
    """The dotted names of the fields of a struct, to any depth. A name with a dot in it has none."""
    kind = field.type.storage_type if isinstance(field.type, pa.BaseExtensionType) else field.type
    if not is_.is_struct(kind) or "." in field.name:
        return
    for inner in kind:
        if "." not in inner.name and kind.get_field_index(inner.name) >= 0:
            yield f"{field.name}.{inner.name}"
        yield from (f"{field.name}.{member}" for member in _members(inner))


def _field(columns: Mapping[str, pa.Array], name: str) -> pa.Array | None:
    """The field of a struct that a dotted name means; null where there is none."""
    first, _, rest = name.partition(".")
    array = columns.get(first)
    for part in filter(None, rest.split(".")):
        if array is None or not is_.is_struct(array.type) or array.type.get_field_index(part) < 0:
            return None
        array = polars_compatible(pc.struct_field(array, part))
    return _text_if(True, array) if rest and array is not None else None


def _text_if(is_wanted: bool, array: pa.Array) -> pa.Array:
    # Some writers leave text unmarked, as bytes; and no column of a bet means bytes.
    return array.view(pa.large_string()) if is_wanted and is_.is_large_binary(array.type) else array


def _spelled_if_foreign(values: pl.Series) -> pl.Series:
    # No column of a bet is a time of day or a duration: the judge gets to see it as text.
    return values.dt.to_string("iso:strict") if values.dtype in (pl.Time, pl.Duration) else values
