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


class ViewSource(NamedTuple):
    """The rows of a source: what stands after `from`, and its columns of keys, instants and times of creation."""

    source: sql.Composable
    keys: tuple[str, ...]
    instant: str
    created: str | None


def source_table(source: DataSource, keys: tuple[str, ...], instant: str, created: str | None) -> ViewSource:
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
    return ViewSource(sql.SQL(text), tuple(key for key in keys if key != DUMMY_ENTITY_ID), instant, created or None)


def table_of_view(view: FeatureView) -> ViewSource:
    """The rows of a view's source."""
    source = source_of(view)
    own = source_column_names(source)
    return source_table(
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


def source_column_names(source: DataSource) -> dict[str, str]:
    """A name in the view -> what the source calls it, where that differs."""
    return {mapped: column for column, mapped in (source.field_mapping or {}).items()}


def join_keys(view: FeatureView) -> tuple[str, ...]:
    """The join keys of a view by its own names; none for a view without entities."""
    return tuple(column.name for column in view.entity_columns if column.name != DUMMY_ENTITY_ID)


def with_dummy_key(listing: sql.Composable, keys: Sequence[str]) -> sql.Composable:
    """A select list, and Feast's own key where there is none: what is stored online of a view without entities."""
    if keys:
        return listing
    return sql.SQL("{}, {}::text as {}").format(listing, sql.Literal(DUMMY_ENTITY_VAL), sql.Identifier(DUMMY_ENTITY_ID))


def changelog_table(carried: CarryForward) -> sql.Composable:
    """The changelog behind a source that is carried forward."""
    return sql.Identifier(*carried.changelog.split("."))


def instant_literal(value: datetime) -> sql.Composable:
    """An instant as SQL that means the same in every session. A naive one is UTC."""
    text = value.isoformat() if value.tzinfo is not None else f"{value.isoformat()}+00:00"
    return sql.SQL("{}::timestamptz").format(sql.Literal(text))


def column_list(names: Sequence[str], table: str | None = None) -> sql.Composable:
    """Columns in a select list."""
    return joined(sql.Identifier(table, name) if table else sql.Identifier(name) for name in names)


def joined(parts: Iterable[sql.Composable], between: LiteralString = ", ") -> sql.Composed:
    """Parts with something between them."""
    return sql.SQL(between).join(parts)


NO_SQL: Final = sql.SQL("")
