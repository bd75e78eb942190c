"""Where a view's rows come from, in SQL: the source, its columns by the source's names, and instants."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final, LiteralString, NamedTuple

from psycopg import sql

from feature_repo.errors import RowsUnfit
from feature_repo.feast_internals import DUMMY_ENTITY_ID, DUMMY_ENTITY_VAL, is_postgres_source

if TYPE_CHECKING:
    from feast import FeatureView
    from feast.data_source import DataSource

    from feature_repo.sources import CarryForward


class Origin(NamedTuple):
    """The rows of a source: what stands after `from`, and its columns of keys, instants and times of creation."""

    source: sql.Composable
    keys: tuple[str, ...]
    instant: str
    created: str | None


def origin(source: DataSource, keys: tuple[str, ...], instant: str, created: str | None) -> Origin:
    """The rows of a source that has these columns. Raises RowsUnfit for a source that is not in Postgres."""
    if not is_postgres_source(source):
        raise RowsUnfit(
            f"The source {source.name} is a {type(source).__name__}, which this offline store does not read",
            "Nothing was read",
            "Give the view a PostgreSQLSource or a FileSource",
        )
    text = source.get_table_query_string()
    if text.endswith(")"):
        # The line break ends a comment that a query may end with.
        text = f"{text[:-1]}\n)"
    return Origin(sql.SQL(text), tuple(key for key in keys if key != DUMMY_ENTITY_ID), instant, created or None)


def origin_of(view: FeatureView) -> Origin:
    """The rows of a view's source."""
    source = source_of(view)
    own = own_names(source)
    return origin(
        source,
        tuple(own.get(key, key) for key in join_keys(view)),
        own.get(source.timestamp_field, source.timestamp_field),
        own.get(source.created_timestamp_column or "", source.created_timestamp_column),
    )


def source_of(view: FeatureView) -> DataSource:
    """The source of a view. Raises RowsUnfit for a view without one in Postgres."""
    source = view.batch_source
    if source is None:
        raise RowsUnfit(f"{view.name} has no batch source", "Nothing was read", "Give it a PostgreSQLSource")
    return source


def own_names(source: DataSource) -> dict[str, str]:
    """A name in the view -> what the source calls it, where that differs."""
    return {mapped: column for column, mapped in (source.field_mapping or {}).items()}


def join_keys(view: FeatureView) -> tuple[str, ...]:
    """The join keys of a view by its own names; none for a view without entities."""
    return tuple(column.name for column in view.entity_columns if column.name != DUMMY_ENTITY_ID)


def with_no_key(listing: sql.Composable, keys: Sequence[str]) -> sql.Composable:
    """A select list, and Feast's own key where there is none: what is stored online of a view without entities."""
    if keys:
        return listing
    return sql.SQL("{}, {}::text as {}").format(listing, sql.Literal(DUMMY_ENTITY_VAL), sql.Identifier(DUMMY_ENTITY_ID))


def changes_of(again: CarryForward) -> sql.Composable:
    """The table of changes behind a re-asserted source."""
    return sql.Identifier(*again.changes.split("."))


def instant_literal(value: datetime) -> sql.Composable:
    """An instant as SQL that means the same in every session. A naive one is UTC."""
    text = value.isoformat() if value.tzinfo is not None else f"{value.isoformat()}+00:00"
    return sql.SQL("{}::timestamptz").format(sql.Literal(text))


def columns(names: Sequence[str], table: str | None = None) -> sql.Composable:
    """Columns in a select list."""
    return listed(sql.Identifier(table, name) if table else sql.Identifier(name) for name in names)


def listed(parts: Iterable[sql.Composable], between: LiteralString = ", ") -> sql.Composed:
    """Parts with something between them."""
    return sql.SQL(between).join(parts)


NO_SQL: Final = sql.SQL("")
