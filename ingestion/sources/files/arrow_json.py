r"""The rows of an Arrow table as JSON objects with every value exact, at the speed of Polars' own JSON writer.

That writer turns NaN and infinities into null, and stops at bytes, at dates past its calendar and at text that is not
UTF-8. Columns that hold such values, and nested ones, are written here; all others go through it together.

    float            its shortest exact spelling; "NaN", "Infinity", "-Infinity" as strings
    decimal          a string with all its digits
    date, time       ISO 8601, instants in UTC; the stored integer where it lies out of range
    bytes            base64
    text not UTF-8   a stray byte xx stands as the escape \udcxx, as in Python's `surrogateescape`
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby, islice

import polars as pl
import polars.selectors as cs
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as is_

from ingestion.sources.files.arrow import polars_compatible, raw_bytes, read, stored, to_series, valid
from ingestion.sources.page import NOT_UTF8


def json_objects(columns: Mapping[str, pa.Array]) -> pl.Series:
    """The rows as texts: one JSON object each, its keys in the order of the columns.

    At least one column, all of the same length, and of types as `plain` makes them. A null is `null`, never left out.
    """
    pieces: list[pl.Series] = []
    for ordinary, run in groupby(columns.items(), key=lambda column: _is_ordinary(column[1])):
        some = dict(run)
        pieces += [_members(some)] if ordinary else [_member(name, json_text(array)) for name, array in some.items()]
    return _joined(pieces)


def json_text(array: pa.Array) -> pl.Series:
    """The JSON of each value of a `plain` column."""
    kind = array.type
    if is_.is_struct(kind):
        text = _structs(array)
    elif is_.is_nested(kind):
        text = _lists(array)
    elif is_.is_large_binary(kind):
        text = _texts(base64.b64encode(raw).decode() for raw in raw_bytes(array))
    elif is_.is_floating(kind):
        text = _floats(to_series(array))
    else:
        text = _scalars(array)
    return text.zip_with(valid(array), pl.Series(["null"]))


def _is_ordinary(array: pa.Array) -> bool:
    """Whether Polars' JSON writer spells every value of the column exactly."""
    kind = array.type
    if is_.is_nested(kind) or is_.is_large_binary(kind):
        return False
    if is_.is_floating(kind):
        return bool(pc.all(pc.is_finite(array), min_count=0).as_py())
    return not read(array).unfit.any()


def _members(columns: Mapping[str, pa.Array]) -> pl.Series:
    """`"name":value` of each ordinary column, joined by commas."""
    frame = pl.DataFrame({name: to_series(array) for name, array in columns.items()})
    # Left to the JSON writer, the digits of a second would depend on the value, and a naive instant would have no T.
    frame = frame.with_columns(cs.datetime().dt.to_string("iso:strict"))
    written = pl.struct(pl.all()).struct.json_encode()
    return frame.select(written.str.strip_prefix("{").str.strip_suffix("}").alias("")).to_series()


def _member(name: str, text: pl.Series) -> pl.Series:
    return json.dumps(name, ensure_ascii=False) + ":" + text


def _joined(pieces: Sequence[pl.Series]) -> pl.Series:
    """An object around the members that each piece holds."""
    table = pl.DataFrame({str(position): piece for position, piece in enumerate(pieces)})
    return table.select(pl.concat_str(pl.lit("{"), pl.concat_str(pl.all(), separator=","), pl.lit("}"))).to_series()


def _scalars(array: pa.Array) -> pl.Series:
    column = read(array)
    if not column.unfit.any():
        return _members({"": array}).str.strip_prefix('"":')
    if column.reason == NOT_UTF8:
        return _texts(raw.decode("utf-8", "surrogateescape") for raw in raw_bytes(array))
    return stored(array).cast(pl.String).zip_with(column.unfit, _scalars(column.values.to_arrow()))


def _floats(values: pl.Series) -> pl.Series:
    value = pl.col("value")
    spelled = pl.struct(value).struct.json_encode().str.strip_prefix('{"value":').str.strip_suffix("}")
    text = (
        pl.when(value.is_nan())
        .then(pl.lit('"NaN"'))
        .when(value.is_infinite())
        .then(pl.when(value > 0).then(pl.lit('"Infinity"')).otherwise(pl.lit('"-Infinity"')))
        .otherwise(spelled)
    )
    return pl.DataFrame({"value": values}).select(text).to_series()


def _structs(array: pa.Array) -> pl.Series:
    # Field by field, because two fields of a struct may share a name.
    fields = zip(array.type, array.flatten(), strict=True)
    members = [_member(field.name, json_text(polars_compatible(values))) for field, values in fields]
    return _joined(members) if members else pl.repeat("{}", len(array), eager=True)


def _lists(array: pa.Array) -> pl.Series:
    members = iter(json_text(polars_compatible(array.flatten())))
    lengths = pc.list_value_length(array).fill_null(0).to_pylist()
    return pl.Series(["[" + ",".join(islice(members, length)) + "]" for length in lengths], dtype=pl.String)


def _texts(values: Iterable[str]) -> pl.Series:
    return pl.Series([json.dumps(value) for value in values], dtype=pl.String)
