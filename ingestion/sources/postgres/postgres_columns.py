"""The columns of a Postgres table of bets: how each travels, so that a row is judged as its JSON object would be.

bool, int, float    as they are; -0.0 as 0.0, for JSON of Postgres writes -0, which is the whole number 0
numeric             its digits; a float where the column is no text, as JSON's numbers are
timestamp           microseconds, exactly; of a page with one that JSON's reader would refuse (infinity, year 12026)
the whole column as JSON spells it
everything else     the text that JSON has
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import polars as pl
from psycopg import sql

from ingestion.database.access import statement
from ingestion.sources.page import Page, build_page
from quality.schema import BET_COLUMNS, REQUIRED_COLUMNS
from quality.schema.bet import KINDS
from quality.schema.kinds import Text

_WIRE: Final[dict[str, pl.DataType]] = {
    **dict.fromkeys(("int2", "int4", "int8"), pl.Int64()),
    **dict.fromkeys(("float4", "float8"), pl.Float64()),
    "bool": pl.Boolean(),
}
_INSTANTS: Final = ("timestamptz", "timestamp")
# What source_instant.sql sends for an instant that only text can tell.
_TOLD_BY_TEXT: Final = -(2**63)
# Types of the catalogue's categories text and enum, and numbers, are spelled in JSON as in SQL.
_PLAIN: Final = ("S", "E", "N", "U")
PAYLOAD: Final = "payload"
# What the user column is called on the wire: no column of a bet is.
_USER: Final = "whose"


@dataclass(frozen=True)
class PostgresColumn:
    """A column as the catalogue has it. `type` is as SQL spells it, `base` what lies beneath its domains."""

    name: str
    type: str
    base: str
    category: str
    is_readable: bool

    @property
    def wire(self) -> pl.DataType:
        """As what it travels."""
        return pl.Int64() if self._is_instant else _WIRE.get(self.base, pl.String())

    @property
    def expression(self) -> sql.Composable:
        """Its value on the wire."""
        value = sql.SQL("bet.{}").format(sql.Identifier(self.name))
        if self._is_instant:
            return sql.SQL(statement("source_instant")).format(column=value)
        if self.wire == pl.Float64:
            # Polars leaves out an addition of zero.
            return sql.SQL("{} + 0::{}").format(value, sql.Identifier(self.base))
        if self.base in _WIRE:
            return value
        return sql.SQL("{}::text" if self.category in _PLAIN else "to_json({}) #>> '{{}}'").format(value)

    def read(self, frame: pl.DataFrame) -> pl.Series:
        """Its values in the frame that came, as the schema takes them."""
        values = frame[self.name]
        if self._is_instant:
            return self._instants(values, frame[PAYLOAD])
        if self.base == "numeric" and not self._holds_text:
            numbers = values.cast(pl.Float64, strict=False)
            # Null is no number: what no float holds stays text, for validation to refuse.
            return numbers if numbers.null_count() == values.null_count() else values
        return values

    def _instants(self, values: pl.Series, payload: pl.Series) -> pl.Series:
        odd = (values == _TOLD_BY_TEXT).arg_true()
        instants = values.scatter(odd, None).cast(pl.Datetime("us", "UTC" if self.base == "timestamptz" else None))
        if odd.is_empty():
            return instants
        texts = instants.dt.to_string("%Y-%m-%dT%H:%M:%S%.6f" + ("+00:00" if self.base == "timestamptz" else ""))
        return texts.scatter(odd, [json.loads(row)[self.name] for row in payload.gather(odd)])

    @property
    def _is_instant(self) -> bool:
        return self.base in _INSTANTS and not self._holds_text

    @property
    def _holds_text(self) -> bool:
        return isinstance(KINDS[self.name], Text)


@dataclass(frozen=True)
class Columns:
    """The columns of a table of bets: those that are read, and the names of those that no bet has."""

    known: tuple[PostgresColumn, ...]
    unknown: tuple[str, ...]
    #: The column that says whose a bet is, where the table has it and we may read it. It is in no payload.
    user: str | None = None

    @property
    def wire(self) -> pl.Schema:
        """What `values` and the payload travel as."""
        whose = {_USER: pl.String()} if self.user else {}
        return pl.Schema({column.name: column.wire for column in self.known} | whose | {PAYLOAD: pl.String()})

    @property
    def values(self) -> sql.Composable:
        """What is selected of each row."""
        values = [sql.SQL("{} as {}").format(column.expression, sql.Identifier(column.name)) for column in self.known]
        if self.user:
            values.append(sql.SQL("bet.{}::text as {}").format(sql.Identifier(self.user), sql.Identifier(_USER)))
        return sql.SQL(", ").join(values)

    @property
    def names(self) -> sql.Composable:
        """What the payload holds."""
        return sql.SQL(", ").join(sql.SQL("bet.{}").format(sql.Identifier(column.name)) for column in self.known)

    @property
    def id_type(self) -> str:
        """The type of the ids, without a domain around it."""
        return next(column.base for column in self.known if column.name == "id")

    def type_of(self, name: str) -> sql.Composable:
        """The type of an instant, as SQL spells it."""
        base = next((column.base for column in self.known if column.name == name), "timestamptz")
        return sql.Identifier(base)

    def has(self, name: str) -> bool:
        """Whether a known column is there."""
        return any(column.name == name for column in self.known)

    def page(self, frame: pl.DataFrame, *, is_first: bool) -> Page:
        """The page of a frame that came by COPY: the payload, and each known column as `expression` put it on the wire.

        The first page of a reading names the columns that are not read.
        """
        values = {column.name: column.read(frame) for column in self.known}
        page = build_page(values, frame[PAYLOAD], {}, self.unknown if is_first else ())
        return replace(page, users=frame[_USER]) if self.user else page


def sort_columns(columns: Sequence[PostgresColumn], user_column: str) -> Columns:
    """The columns in the order of `quality.schema.BET_COLUMNS`, and the unknown ones in the table's."""
    by_name = {column.name: column for column in columns}
    known = tuple(by_name[name] for name in BET_COLUMNS if name in by_name)
    user = by_name.get(user_column) if user_column not in BET_COLUMNS else None
    unknown = tuple(column.name for column in columns if column.name not in (*BET_COLUMNS, user_column))
    return Columns(known, unknown, user.name if user and user.is_readable else None)


def column_problems(columns: Columns) -> list[str]:
    """Why the rows cannot be read as bets, for every column at fault."""
    found = [f"it lacks the column {name}" for name in REQUIRED_COLUMNS if not columns.has(name)]
    for column in columns.known:
        if not column.is_readable:
            found.append(f"this role may not read {column.name}")
        elif column.category in ("A", "C") or column.base in ("json", "jsonb", "hstore"):
            found.append(f"{column.name} is of the type {column.type}, a list or an object, not one value")
        elif column.name in ("updated_at", "created_at") and column.base not in _INSTANTS:
            found.append(f"{column.name} is of the type {column.type}, not a timestamp")
    return found
