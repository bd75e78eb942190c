"""The version of every stored feature: counted up when what computes it changes, with a digest of what it holds.

A definition is the code that computes the view (comments and docstrings aside), the view's columns and its TTL.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
from datetime import datetime
from functools import cache
from types import ModuleType
from uuid import UUID

import psycopg
from psycopg import sql

from feature_repo import keys
from feature_repo.groups import BET_VIEWS, GROUPED_VIEWS, SPORT_MARKET_RECENT, STORED_VIEWS, BetView, GroupedView
from ingestion import aggregates, bet_views, recent
from ingestion.database import statement


@cache
def definitions() -> dict[str, tuple[tuple[str, ...], str]]:
    """For each stored view: its features and the digest of their definition (SHA-256)."""
    views = {}
    for view in GROUPED_VIEWS:
        code = (recent, aggregates, keys) if view is SPORT_MARKET_RECENT else (aggregates, keys)
        views[view.name] = (view.features, _digest(repr(view), *map(_code, code)))
    for bets in BET_VIEWS:
        views[bets.name] = (bets.features, _digest(repr(bets), _code(bet_views)))
    return views


def record(connection: psycopg.Connection, *, run_id: UUID | None, now: datetime) -> None:
    """Bring features.feature_metadata up to date with the change rows of this run; of all rows where `run_id` is
    null.
    """
    for view in STORED_VIEWS:
        features, digest = definitions()[view.name]
        checksum, rows = _checksum(connection, view, run_id)
        connection.execute(
            statement("record_feature_versions"),
            {
                "view": view.name,
                "features": list(features),
                "definition_hash": digest,
                "checksum": checksum,
                "rows": rows,
                "from_scratch": run_id is None,
                "now": now,
            },
        )


def redefined(connection: psycopg.Connection) -> list[str]:
    """The views whose stored rows another definition than today's has computed."""
    stored: dict[str, str] = dict(connection.execute(statement("stored_definitions")).fetchall())
    return [view for view, (_, digest) in definitions().items() if stored.get(view, digest) != digest]


def _checksum(connection: psycopg.Connection, view: GroupedView | BetView, run_id: UUID | None) -> tuple[int, int]:
    query = sql.SQL(statement("checksum")).format(
        table=sql.Identifier("features", f"{view.name}_changes"),
        columns=sql.SQL(", ").join(map(sql.Identifier, (view.join_key, "event_timestamp", *view.features))),
    )
    checksum, rows = connection.execute(query, {"run_id": run_id}).fetchone() or (0, 0)
    return checksum, rows


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _code(module: ModuleType) -> str:
    tree = ast.parse(inspect.getsource(module))
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and ast.get_docstring(node, clean=False) is not None
        ):
            del node.body[0]
    return ast.dump(tree)
