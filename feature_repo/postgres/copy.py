"""Frames into and out of Postgres, by COPY: exact, and as fast as Postgres has it."""

from __future__ import annotations

import io
from collections.abc import Generator, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final, LiteralString, TypeAlias

import polars as pl
import psycopg
from psycopg import sql

Message: TypeAlias = bytes | bytearray | memoryview

# Of a frame, as text: about three times what 50,000 bets have.
FRAME_BYTES: Final = 64 * 1024 * 1024
_ROWS_PER_CHUNK = 50_000
# Types that `_text_format` is for.
_SPELLED_OTHERWISE: Final = (pl.Binary, pl.Categorical, pl.Enum, pl.List)


def copy_in(connection: psycopg.Connection, table: sql.Composable | str, frame: pl.DataFrame) -> int:
    """Append the frame to a table, all columns by name. Returns the number of rows.

    Values arrive exactly: null and "" differ, floats round-trip, `Binary` fills bytea, `List(String)` fills text[].
    `table` as text is one or more identifiers with dots between. Rows go in chunks, so that memory stays bounded.
    """
    if not frame.width or not frame.height:
        return 0
    command = sql.SQL("copy {} ({}) from stdin (format text)").format(
        sql.Identifier(*table.split(".")) if isinstance(table, str) else table,
        sql.SQL(", ").join(map(sql.Identifier, frame.columns)),
    )
    texts = _text_formats(frame.schema)
    with connection.cursor() as cursor, cursor.copy(command) as copy:
        for chunk in frame.iter_slices(_ROWS_PER_CHUNK):
            text = io.BytesIO()
            chunk.with_columns(texts).write_csv(
                text,
                include_header=False,
                separator="\t",
                quote_style="never",
                null_value=r"\N",
                datetime_format="%Y-%m-%d %H:%M:%S%.6f%:z",
            )
            copy.write(text.getbuffer())
    return frame.height


def copy_out(
    connection: psycopg.Connection,
    query: sql.Composable | str,
    params: Mapping[str, Any] | None,
    schema: Mapping[str, pl.DataType | type[pl.DataType]],
) -> pl.DataFrame:
    """The rows of a query as a frame of exactly this schema, whose names are columns of the query.

    Exact as `copy_in` is. An `order by` of the query is kept.
    """
    frames = list(copy_pages(connection, query, params, schema, rows=None))
    return frames[0] if frames else pl.DataFrame(schema=schema)


def copy_pages(
    connection: psycopg.Connection,
    query: sql.Composable | str,
    params: Mapping[str, Any] | None,
    schema: Mapping[str, pl.DataType | type[pl.DataType]],
    *,
    rows: int | None,
) -> Generator[pl.DataFrame]:
    """The rows of a query as frames of exactly this schema, in the order of the query, as they arrive.

    A frame has at most `rows` rows (None: no limit) and ends with the row that brings its text to FRAME_BYTES; one
    frame at a time is in memory. A query without rows yields nothing. The connection is busy until the last frame.
    """
    columns = {name: _csv_format(name, dtype) for name, dtype in schema.items()}
    command = sql.SQL("copy (select 0, {} from ({}) as rows) to stdout (format csv)").format(
        sql.SQL(", ").join(expression for expression, _, _ in columns.values()),
        sql.SQL(_with_params(connection, query, params)),
    )
    reads = [read for _, _, read in columns.values() if read is not None]
    # The constant first column keeps Polars from skipping a row whose only value is null, and from looking for a
    # byte order mark or a compression header in the first value.
    wire = pl.Schema({"": pl.Int8} | {name: dtype for name, (_, dtype, _) in columns.items()})
    with connection.cursor() as cursor, cursor.copy(command) as copy:
        messages = iter(copy)  # one a row, as the protocol promises
        while (text := _joined(messages if rows is None else _first(messages, rows))).tell():
            text.seek(0)
            frame = pl.read_csv(text, has_header=False, schema=wire)
            frame.drop_in_place("")
            yield frame.with_columns(reads) if reads else frame


def _first(messages: Iterator[Message], rows: int) -> Iterator[Message]:
    """The first `rows` messages, or fewer that have FRAME_BYTES together."""
    size = 0
    for message in islice(messages, rows):
        yield message
        size += len(message)
        if size >= FRAME_BYTES:
            return


def _joined(messages: Iterable[Message]) -> io.BytesIO:
    text = io.BytesIO()
    text.writelines(messages)
    return text


def _with_params(
    connection: psycopg.Connection, query: sql.Composable | str, params: Mapping[str, Any] | None
) -> LiteralString:
    """The query with its parameters written into it, since COPY takes none, and without its closing semicolon."""
    text = query.as_string(connection) if isinstance(query, sql.Composable) else query
    if params:
        text = psycopg.ClientCursor(connection).mogrify(text, params)
    # The line break ends a comment that the query may end with.
    return text.rstrip().removesuffix(";") + "\n"


def _text_formats(schema: Mapping[str, pl.DataType]) -> list[pl.Expr]:
    """The columns that Postgres' text format spells otherwise than CSV, in its spelling."""
    # Texts in one expression: by itself each takes as long as all of them, where there are few rows.
    texts = [name for name, dtype in schema.items() if isinstance(dtype, pl.String)]
    others = {name: dtype for name, dtype in schema.items() if isinstance(dtype, _SPELLED_OTHERWISE)}
    return [
        *([_escaped(pl.col(texts))] if texts else []),
        *(_text_format(name, dtype).alias(name) for name, dtype in others.items()),
    ]


def _text_format(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if isinstance(dtype, pl.Binary):
        return pl.lit(r"\\x") + column.bin.encode("hex")
    if isinstance(dtype, pl.List):
        quoted = pl.lit('"') + pl.element().cast(pl.String).str.replace_many({"\\": r"\\", '"': r"\""}) + pl.lit('"')
        return _escaped(pl.lit("{") + column.list.eval(quoted.fill_null("NULL")).list.join(",") + pl.lit("}"))
    return _escaped(column.cast(pl.String))


def _escaped(column: pl.Expr) -> pl.Expr:
    return column.str.replace_many({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


def _csv_format(
    name: str, dtype: pl.DataType | type[pl.DataType]
) -> tuple[sql.Composable, pl.DataType | type[pl.DataType], pl.Expr | None]:
    """How a column is selected, its type in the CSV that comes, and how it is read from there; None for as it is."""
    selected: sql.Composable = sql.Identifier(name)
    column = pl.col(name)
    if isinstance(dtype, pl.Datetime):
        # As a number, which is exact for every year and every setting of the server.
        unit = {"ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}[dtype.time_unit]
        selected = sql.SQL("(extract(epoch from {}) * {})::bigint").format(selected, unit)
        return selected, pl.Int64, column.cast(dtype)
    if dtype == pl.Date:
        return sql.SQL("({} - date '1970-01-01')").format(selected), pl.Int32, column.cast(pl.Date)
    if dtype == pl.Boolean:
        return sql.SQL("{}::text").format(selected), pl.Boolean, None
    if dtype == pl.Binary:
        return sql.SQL("encode({}, 'hex')").format(selected), pl.String, column.str.decode("hex")
    if isinstance(dtype, pl.List):
        return sql.SQL("array_to_json({})").format(selected), pl.String, column.str.json_decode(dtype)
    return selected, dtype, None
