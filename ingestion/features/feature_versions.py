"""The version of every stored feature: counted up when rows are computed anew by another definition than before, with
a digest of what it holds.

A definition is the code that computes the view (comments and docstrings aside), the view's columns and its TTL. A run
that adds rows beside those of another definition leaves the version as it was: only a backfill makes a new one.
"""

from __future__ import annotations

import ast
import hashlib
from datetime import datetime
from decimal import Decimal
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from uuid import UUID

import psycopg

from feature_repo.declarations.views import (
    BET_VIEWS,
    GROUPED_VIEWS,
    SPORT_MARKET_RECENT,
    STORED_VIEWS,
    BetView,
    GroupedView,
)
from ingestion.database.access import statement

# The modules that compute views, by name: a look at a store imports none of them.
_AGGREGATES, _RECENT, _BET_VIEWS = (
    "ingestion.features.running_sums",
    "ingestion.features.last_n",
    "ingestion.features.single_bets",
)
_KEYS = "feature_repo.group_keys"


@cache
def definitions() -> dict[str, tuple[tuple[str, ...], str]]:
    """For each stored view: its features and the digest of their definition (SHA-256)."""
    views = {}
    for view in GROUPED_VIEWS:
        code = (_RECENT, _AGGREGATES, _KEYS) if view is SPORT_MARKET_RECENT else (_AGGREGATES, _KEYS)
        views[view.name] = (view.features, _digest(repr(view), *map(_code, code)))
    for bets in BET_VIEWS:
        views[bets.name] = (bets.features, _digest(repr(bets), _code(_BET_VIEWS)))
    return views


def record_versions(connection: psycopg.Connection, *, run_id: UUID, now: datetime) -> None:
    """Seal the change rows that this run added, and bring features.feature_metadata up to date with them."""
    for view in STORED_VIEWS:
        params = {"view": view.name, "run_id": run_id}
        sealed = connection.execute(statement("seal_run"), params).fetchone()
        _record(connection, view, *(sealed or (0, 0)), from_scratch=False, now=now)


def record_versions_anew(connection: psycopg.Connection, *, now: datetime) -> None:
    """The same for all change rows of all runs, after some were replaced."""
    for view in STORED_VIEWS:
        seals = connection.execute(statement("seal_anew"), {"view": view.name}).fetchall()
        # The digest of several runs is the sum of theirs.
        checksum, rows = sum(int(checksum) for checksum, _ in seals) % 2**64, sum(rows for _, rows in seals)
        _record(connection, view, checksum, rows, from_scratch=True, now=now)


def _record(
    connection: psycopg.Connection,
    view: GroupedView | BetView,
    checksum: Decimal | int,
    rows: int,
    *,
    from_scratch: bool,
    now: datetime,
) -> None:
    features, digest = definitions()[view.name]
    connection.execute(
        statement("record_feature_versions"),
        {
            "view": view.name,
            "features": list(features),
            "definition_hash": digest,
            "checksum": checksum,
            "rows": rows,
            "from_scratch": from_scratch,
            "now": now,
        },
    )


def redefined_views(connection: psycopg.Connection) -> list[str]:
    """The views that hold rows which another definition than today's has computed. Until a backfill they do."""
    stored: dict[str, str] = dict(connection.execute(statement("stored_definitions")).fetchall())
    return [view for view, (_, digest) in definitions().items() if stored.get(view, digest) != digest]


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _code(module: str) -> str:
    found = find_spec(module)
    if found is None or found.origin is None:
        raise LookupError(f"no source of {module}")
    tree = ast.parse(Path(found.origin).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and ast.get_docstring(node, clean=False) is not None
        ):
            del node.body[0]
    return ast.dump(tree)
