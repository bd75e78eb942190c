"""The index lookup: each row of the entity frame on its own, by an index. For few rows of a long history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import polars as pl
import psycopg
from psycopg import sql

from feature_repo.offline_store.column_types import key_type
from feature_repo.offline_store.retrieval.fetched_rows import FetchedRows, fetch_rows
from feature_repo.offline_store.retrieval.history_sql import Types, row_as_of
from feature_repo.offline_store.retrieval.request import ViewRequest
from feature_repo.offline_store.source_table import instant_literal, joined


def distinct_lookups(instants: pl.Series, keys: Sequence[pl.Series]) -> tuple[pl.DataFrame, pl.Series]:
    """The lookups that a frame needs, once each, and for each row of the frame the number of its lookup, or null.

    Columns of the lookups: pair (their number), keys k0.., t (microseconds since 1970). A row with a null has none.
    """
    named = {f"k{number}": column for number, column in enumerate(keys)}
    rows = pl.DataFrame({**named, "t": instants.cast(pl.Int64)})
    lookups = rows.unique(maintain_order=True).drop_nulls().with_row_index("pair")
    return lookups, rows.join(lookups, on=[*named, "t"], how="left", maintain_order="left").get_column("pair")


def lookup_query(
    request: ViewRequest,
    types: Types,
    lookups: pl.DataFrame,
    *,
    filter_by_created: bool,
    watermark: datetime | None,
    since: datetime | None,
) -> sql.Composed:
    """The query of all lookups: a row for each lookup that finds one, with the columns pair and the features f0, f1 ...

    `lookups` are those of `distinct_lookups`: pair, the keys k0, k1 ..., and t in microseconds since 1970. Rows older
    than `since` do not count; `watermark` is null for a view that is not carried forward.
    """
    names = [f"k{number}" for number in range(len(request.join_keys))]
    arrays = [
        sql.SQL("{}::" + key_type(types[column]).array).format(sql.Literal(lookups.get_column(name).to_list()))
        for name, column in zip(names, request.table.keys, strict=True)
    ]
    microseconds = sql.SQL("{}::bigint[]").format(sql.Literal(lookups.get_column("t").to_list()))
    key_columns = [sql.Identifier(name) for name in names]
    row = row_as_of(
        request,
        types,
        [sql.Identifier("given", name) for name in names],
        sql.SQL("given.t"),
        filter_by_created=filter_by_created,
        watermark=None if watermark is None else instant_literal(watermark),
        since=since,
    )
    features = [sql.Identifier("held", f"f{number}") for number in range(len(request.features))]
    return sql.SQL(
        "select {columns} from ("
        "select {keys}, timestamptz 'epoch' + us * interval '1 microsecond' as t, number - 1 as pair "
        "from unnest({arrays}) with ordinality as pairs ({names})) as given cross join lateral ({row}) as held"
    ).format(
        columns=joined([sql.SQL("given.pair"), *features]),
        keys=joined(key_columns) if key_columns else sql.SQL("true as no_key"),
        arrays=joined([*arrays, microseconds]),
        names=joined([*key_columns, sql.SQL("us"), sql.SQL("number")]),
        row=row,
    )


def fetch_lookups(
    connection: psycopg.Connection, query: sql.Composable, types: Sequence[str], lookups: int
) -> tuple[FetchedRows, pl.Series]:
    """The rows of a `lookup_query`, and for each lookup the position of its row, or null.

    `types` are the server types of the features, `lookups` how many there are.
    """
    fetched = fetch_rows(connection, query, {"pair": pl.Int64()}, types)
    places = fetched.keys.with_row_index("place")
    all_lookups = pl.DataFrame({"pair": pl.int_range(lookups, dtype=pl.Int64, eager=True)})
    return fetched, all_lookups.join(places, on="pair", how="left", maintain_order="left").get_column("place")
