"""Whether a source can be read: looked up at the server when definitions are applied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import psycopg
from feast.infra.offline_stores.contrib.postgres_offline_store.postgres_source import PostgreSQLSource
from psycopg import sql

from feature_repo.errors import RowsUnfit
from feature_repo.offline_store.column_types import describe_query
from feature_repo.offline_store.sessions import history_session
from feature_repo.offline_store.source_table import source_column_names, source_table
from feature_repo.sources import carry_forward_of

if TYPE_CHECKING:
    from feast import RepoConfig

_TIMES: Final = ("timestamptz", "timestamp", "date")
_STATE: Final = "Nothing was applied"


def require_readable(config: RepoConfig, source: Any) -> None:
    """Look whether a Postgres source is there and has its columns of times. Raises RowsUnfit. Reads no row."""
    if not isinstance(source, PostgreSQLSource):
        return
    source_names = source_column_names(source)
    times = [source_names.get(name, name) for name in (source.timestamp_field, source.created_timestamp_column) if name]
    columns = _columns(config, source)
    # A mapped column need not be there, as in Feast: a view that has it says so when it is read.
    missing = [name for name in dict.fromkeys(times) if name not in columns]
    if missing:
        raise RowsUnfit(
            f"The source {source.name} lacks {', '.join(missing)}; it has {', '.join(columns)}",
            _STATE,
            "Name columns that it has",
        )
    wrong = [f"{name} is {columns[name]}" for name in times if columns[name] not in _TIMES]
    if wrong:
        raise RowsUnfit(
            f"The source {source.name} has columns of times that are none: {', '.join(wrong)}",
            _STATE,
            "Make them timestamptz",
        )


def _columns(config: RepoConfig, source: PostgreSQLSource) -> dict[str, str]:
    table, carried = source_table(source, (), "", None), carry_forward_of(source)
    tables = [table.source, *([sql.Identifier(*carried.changelog.split("."))] if carried is not None else [])]
    with history_session(config) as connection:
        try:
            columns = [
                describe_query(connection, sql.SQL("select * from {} as source").format(table)) for table in tables
            ]
        except psycopg.errors.Error as error:
            raise RowsUnfit(
                f"The source {source.name} cannot be read: {error.diag.message_primary or error}",
                _STATE,
                "Make its table (for the tables of this repository, run `pikkit migrate`), or correct the source",
            ) from error
    return columns[0]
