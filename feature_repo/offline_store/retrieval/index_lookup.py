"""Looking rows up one by one, by an index: for few rows of a long history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import polars as pl
import psycopg
from psycopg import sql

from feature_repo.offline_store.retrieval.fetch import Fetched, fetch
from feature_repo.offline_store.retrieval.history_sql import Types, holding
from feature_repo.offline_store.retrieval.key_types import key_type
from feature_repo.offline_store.retrieval.request import ViewRequest
from feature_repo.offline_store.source_table import instant_literal, listed


def distinct(instants: pl.Series, keys: Sequence[pl.Series]) -> tuple[pl.DataFrame, pl.Series]:
    """The different pairs of keys k0.. and instant t without nulls, and for each row of the frame its pair, or null."""
    named = {f"k{number}": column for number, column in enumerate(keys)}
    rows = pl.DataFrame({**named, "t": instants.cast(pl.Int64)})
    pairs = rows.unique(maintain_order=True).drop_nulls().with_row_index("pair")
    return pairs, rows.join(pairs, on=[*named, "t"], how="left", maintain_order="left").get_column("pair")


def lookup(
    asked: ViewRequest,
    types: Types,
    pairs: pl.DataFrame,
    *,
    visible: bool,
    mark: datetime | None,
    since: datetime | None,
) -> sql.Composed:
    """The query: for each pair that has a row which holds, its number as `pair`, and the features f0.."""
    names = [f"k{number}" for number in range(len(asked.join_keys))]
    arrays = [
        sql.SQL("{}::" + key_type(types[column]).array).format(sql.Literal(pairs.get_column(name).to_list()))
        for name, column in zip(names, asked.origin.keys, strict=True)
    ]
    microseconds = sql.SQL("{}::bigint[]").format(sql.Literal(pairs.get_column("t").to_list()))
    given = [sql.Identifier(name) for name in names]
    row = holding(
        asked,
        types,
        [sql.Identifier("given", name) for name in names],
        sql.SQL("given.t"),
        visible=visible,
        mark=None if mark is None else instant_literal(mark),
        since=since,
    )
    features = [sql.Identifier("held", f"f{number}") for number in range(len(asked.features))]
    return sql.SQL(
        "select {columns} from ("
        "select {keys}, timestamptz 'epoch' + us * interval '1 microsecond' as t, number - 1 as pair "
        "from unnest({arrays}) with ordinality as pairs ({names})) as given cross join lateral ({row}) as held"
    ).format(
        columns=listed([sql.SQL("given.pair"), *features]),
        keys=listed(given) if given else sql.SQL("true as no_key"),
        arrays=listed([*arrays, microseconds]),
        names=listed([*given, sql.SQL("us"), sql.SQL("number")]),
        row=row,
    )


def looked_up(
    connection: psycopg.Connection, query: sql.Composable, types: Sequence[str], pairs: int
) -> tuple[Fetched, pl.Series]:
    """The rows that were found, and for each pair the position of its row, or null."""
    found = fetch(connection, query, {"pair": pl.Int64()}, types)
    places = found.keys.with_row_index("place")
    every = pl.DataFrame({"pair": pl.int_range(pairs, dtype=pl.Int64, eager=True)})
    return found, every.join(places, on="pair", how="left", maintain_order="left").get_column("place")
