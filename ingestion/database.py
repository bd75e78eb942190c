"""The only way to Postgres: connections, the SQL files, frames in and out, the run lock, errors in our words."""

from __future__ import annotations

import io
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib import resources
from itertools import islice
from typing import Any, LiteralString

import polars as pl
import psycopg
from psycopg import errors, sql

from feature_repo import run_lock as locks
from feature_repo.connections import Postgres
from feature_repo.refusals import RunLockHeld
from ingestion.errors import ConfigurationError, LockHeld, StoreFull, Unreachable

_ROWS_PER_CHUNK = 50_000

# What libpq or Postgres report when the server, not the statement, is the trouble: connection lost (08), login refused
# (28), no such database (3D), out of connections or memory (53), shutting down (57P0x), disk trouble (58).
_SERVER_TROUBLE = ("08", "28", "3D", "53", "57P0", "58")


def connect(postgres: Postgres, *, purpose: str, autocommit: bool = False) -> psycopg.Connection:
    """An open connection in UTC that names its purpose in `pg_stat_activity`. Raises Unreachable."""
    with translated_errors(f"Postgres at {postgres.address}"):
        connection = psycopg.connect(**postgres.conninfo, **_params(purpose), autocommit=True)
        try:
            connection.execute(statement("session"), {"transaction_only": False})
            connection.autocommit = autocommit
        except BaseException:
            connection.close()
            raise
    return connection


def snapshot(conninfo: str, *, purpose: str, locked: sql.Identifier | None = None) -> psycopg.Connection:
    """A connection to somebody else's database, in one open transaction that reads only. Raises psycopg's own errors.

    The session's settings end with the transaction: a pooler may hand the session to others afterwards.

    The snapshot is taken once the table `locked` is: after a rewrite of it (ALTER, TRUNCATE) that committed later, it
    would show the table empty.
    """
    connection = psycopg.connect(conninfo, **_params(purpose), prepare_threshold=None)
    try:
        connection.isolation_level, connection.read_only = psycopg.IsolationLevel.REPEATABLE_READ, True
        if locked is not None:
            connection.execute(sql.SQL("lock table {} in access share mode").format(locked))
        connection.execute(statement("session"), {"transaction_only": True})
    except BaseException:
        connection.close()
        raise
    return connection


def _params(purpose: str) -> dict[str, Any]:
    return {
        "application_name": f"pikkit {purpose}",
        "connect_timeout": 10,
        "client_encoding": "UTF8",
        # A peer that vanished without a word is noticed after about a minute, on either side.
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
    }


@cache
def statement(name: str) -> LiteralString:
    """The text of `ingestion/sql/<name>.sql`."""
    return resources.files("ingestion").joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")


@contextmanager
def translated_errors(service: str) -> Iterator[None]:
    """Trouble with the server becomes Unreachable or StoreFull, a missing right ConfigurationError.

    Any other trouble with a statement is a bug and passes.
    """
    try:
        yield
    except errors.DiskFull as error:
        raise StoreFull(
            f"{service} has no disk space left ({reason(error)})",
            "What was not committed is undone",
            "Free some space and run the command again",
            service=service,
        ) from error
    except errors.InsufficientPrivilege as error:
        raise ConfigurationError(
            f"{service} refuses what this needs ({reason(error)})",
            "What was not committed is undone",
            "`pikkit doctor` tells which rights POSTGRES_USER lacks",
        ) from error
    except psycopg.OperationalError as error:
        if error.sqlstate is not None and not error.sqlstate.startswith(_SERVER_TROUBLE):
            raise
        raise Unreachable(
            f"{service} does not answer ({reason(error)})",
            "What was not committed is undone",
            "`pikkit doctor` tells which setting or server is at fault; then run the command again",
            service=service,
        ) from error


def reason(error: psycopg.Error) -> str:
    """The server's own words in one line. libpq never puts a password into them."""
    text = error.diag.message_primary or str(error)
    return "; ".join(line.strip() for line in text.splitlines() if line.strip()) or type(error).__name__


# ---- frames ------------------------------------------------------------------------------------------------------


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
    spelled = [_spelled(name, dtype).alias(name) for name, dtype in frame.schema.items()]
    with connection.cursor() as cursor, cursor.copy(command) as copy:
        for chunk in frame.iter_slices(_ROWS_PER_CHUNK):
            text = io.BytesIO()
            chunk.select(spelled).write_csv(
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
    """The same as frames of at most `rows` rows (null: one frame), as they arrive. Memory follows a frame.

    None for a query without rows. The connection is busy until the last one.
    """
    columns = {name: _fetched(name, dtype) for name, dtype in schema.items()}
    command = sql.SQL("copy (select 0, {} from ({}) as rows) to stdout (format csv)").format(
        sql.SQL(", ").join(expression for expression, _, _ in columns.values()),
        sql.SQL(_with_params(connection, query, params)),
    )
    # The constant first column keeps Polars from skipping a row whose only value is null, and from looking for a
    # byte order mark or a compression header in the first value.
    wire = pl.Schema({"": pl.Int8} | {name: dtype for name, (_, dtype, _) in columns.items()})
    with connection.cursor() as cursor, cursor.copy(command) as copy:
        messages = iter(copy)  # one a row, as the protocol promises
        while (text := _joined(islice(messages, rows))).tell():
            text.seek(0)
            frame = pl.read_csv(text, has_header=False, schema=wire)
            yield frame.select(read for _, _, read in columns.values())


def _joined(messages: Iterable[bytes | bytearray | memoryview]) -> io.BytesIO:
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


def _spelled(name: str, dtype: pl.DataType) -> pl.Expr:
    """A column in the spelling of Postgres' text format."""
    column = pl.col(name)
    if isinstance(dtype, pl.Binary):
        return pl.lit(r"\\x") + column.bin.encode("hex")
    if isinstance(dtype, pl.List):
        quoted = pl.lit('"') + pl.element().cast(pl.String).str.replace_many({"\\": r"\\", '"': r"\""}) + pl.lit('"')
        column = pl.lit("{") + column.list.eval(quoted.fill_null("NULL")).list.join(",") + pl.lit("}")
    elif isinstance(dtype, pl.Categorical | pl.Enum):
        column = column.cast(pl.String)
    elif not isinstance(dtype, pl.String):
        return column
    return column.str.replace_many({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


def _fetched(
    name: str, dtype: pl.DataType | type[pl.DataType]
) -> tuple[sql.Composable, pl.DataType | type[pl.DataType], pl.Expr]:
    """How a column is selected, what it is on the wire, and how it is read from there."""
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
        return sql.SQL("{}::text").format(selected), pl.Boolean, column
    if dtype == pl.Binary:
        return sql.SQL("encode({}, 'hex')").format(selected), pl.String, column.str.decode("hex")
    if isinstance(dtype, pl.List):
        return sql.SQL("array_to_json({})").format(selected), pl.String, column.str.json_decode(dtype)
    return selected, dtype, column


# ---- the run lock ------------------------------------------------------------------------------------------------


@contextmanager
def run_lock(connection: psycopg.Connection, verb: str) -> Iterator[None]:
    """Hold the lock that everything writing to the store holds (feature_repo/run_lock.py).

    Raises LockHeld at once when another session has it. Enter it with no transaction open, and commit inside.
    """
    try:
        with locks.run_lock(connection, f"pikkit {verb}"):
            yield
    except RunLockHeld as error:
        raise LockHeld(error.what, error.state, error.next_step, holder=error.holder) from error


@contextmanager
def taking_turns(connection: psycopg.Connection, key: int) -> Iterator[None]:
    """Hold the lock of this number, after waiting for whoever holds it now. Otherwise as `run_lock`."""
    with connection.transaction():
        connection.execute("select pg_advisory_lock(%s)", [key])
    try:
        yield
    finally:
        locks.unlock(connection, key)
