"""A table of bets as a customer's Supabase project has it, on the tests' own Postgres."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import polars as pl
from psycopg import sql

from feature_repo.postgres.copy import copy_in
from feature_repo.servers.connections import Postgres
from ingestion.database.access import connect

# The types that the app's own migrations would use; `raw_json` is what no feature needs and no sync should carry.
COLUMNS: Final = {
    "id": "text primary key",
    "bet_type": "text",
    "status": "text",
    "odds": "double precision",
    "american_odds": "integer",
    "amount": "numeric(12,2)",
    "profit": "numeric(12,2)",
    "roi": "double precision",
    "clv_percentage": "double precision",
    "clv_ev": "double precision",
    "clv_current_odds": "double precision",
    "sport": "text",
    "league": "text",
    "market": "text",
    "institution_name": "text",
    "is_live": "boolean",
    "is_settled": "boolean",
    "is_win": "boolean",
    "created_at": "timestamptz",
    "updated_at": "timestamptz",
    "time_placed": "timestamptz",
    "settled_at": "timestamptz",
    "deleted_at": "timestamptz",
    "is_deleted": "boolean",
    "raw_json": "jsonb",
}


def create_bets(postgres: Postgres, table: str = "bets", schema: str = "public", **types: str) -> None:
    """Create the empty table, with the index that docs/supabase.sql asks for; `types` differ from COLUMNS."""
    columns = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind)) for name, kind in (COLUMNS | types).items()
    )
    name = sql.Identifier(schema, table)
    with connect(postgres, purpose="test", autocommit=True) as connection:
        connection.execute(sql.SQL("create table {} ({})").format(name, columns))
        connection.execute(sql.SQL("create index on {} (updated_at, id)").format(name))


def put(postgres: Postgres, *bets: Mapping[str, Any], table: str = "public.bets") -> None:
    """Insert bets, or replace those that are there, as the app does. A missing column is null."""
    with connect(postgres, purpose="test", autocommit=True) as connection:
        for row in bets:
            names = [sql.Identifier(name) for name in row]
            connection.execute(
                sql.SQL("insert into {} ({}) values ({}) on conflict (id) do update set {}").format(
                    sql.Identifier(*table.split(".")),
                    sql.SQL(", ").join(names),
                    sql.SQL(", ").join(map(sql.Placeholder, row)),
                    sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(name) for name in names),
                ),
                row,
            )


def delete(postgres: Postgres, ids: Iterable[str], table: str = "public.bets") -> None:
    with connect(postgres, purpose="test", autocommit=True) as connection:
        command = sql.SQL("delete from {} where id = any(%s)").format(sql.Identifier(*table.split(".")))
        connection.execute(command, [list(ids)])


def fill(postgres: Postgres, bets: pl.DataFrame, table: str = "public.bets") -> None:
    """Insert a frame of bets by COPY."""
    with connect(postgres, purpose="test") as connection:
        copy_in(connection, table, bets)
        connection.commit()
