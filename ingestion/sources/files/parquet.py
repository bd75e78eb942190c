"""Bets in a Parquet file, read in batches, so that memory follows the page and not the file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pyarrow.types as is_

from ingestion.sources.files.arrow import plain, read
from ingestion.sources.files.arrow_json import json_objects
from ingestion.sources.files.raw_page import RawPage

# Column chunks are streamed through buffers of this size; pre-buffered, whole row groups would lie in memory.
_BUFFER = 1024 * 1024


def survey(path: Path, _: Sequence[Collection[str]]) -> tuple[list[str], int]:
    """See FileType."""
    with pq.ParquetFile(path) as file:
        names = list(file.schema_arrow.names)
        members = (member for field in file.schema_arrow for member in _members(field))
        return names + [name for name in dict.fromkeys(members) if name not in names], file.metadata.num_rows


def pages(path: Path, size: int, wanted: Collection[str], _: Collection[str]) -> Iterator[RawPage]:
    """See FileType. `event.sport` is the field `sport` of a struct `event`."""
    with pq.ParquetFile(path, pre_buffer=False, buffer_size=_BUFFER, page_checksum_verification=True) as file:
        for batch in file.iter_batches(batch_size=size):
            yield _page(batch, wanted)


def _page(batch: pa.RecordBatch, wanted: Collection[str]) -> RawPage:
    arrays = zip(batch.schema.names, batch.columns, strict=True)
    columns = {name: _text_if(name in wanted, plain(array)) for name, array in arrays}
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
        array = plain(pc.struct_field(array, part))
    return _text_if(True, array) if rest and array is not None else None


def _text_if(is_wanted: bool, array: pa.Array) -> pa.Array:
    # Some writers leave text unmarked, as bytes; and no column of a bet means bytes.
    return array.view(pa.large_string()) if is_wanted and is_.is_large_binary(array.type) else array


def _spelled_if_foreign(values: pl.Series) -> pl.Series:
    # No column of a bet is a time of day or a duration: the judge gets to see it as text.
    return values.dt.to_string("iso:strict") if values.dtype in (pl.Time, pl.Duration) else values
