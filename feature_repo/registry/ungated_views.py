"""Views of the user's own, which no gate judges: their declaration says so by the tag `pikkit.gate: none`.

The tag frees nothing of this repository. A view is ours when it has the name of one of ours, is made from one, or reads
the schema `features` in a way that Postgres' planner sees: by a table, a view, or a query over either.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import sql

from feature_repo.declarations.views import OUR_VIEWS
from feature_repo.errors import GateRefused
from feature_repo.offline_store.sessions import history_session
from feature_repo.offline_store.source_table import source_table
from feature_repo.postgres.queries import feast_statement
from feature_repo.sources import carry_forward_of

if TYPE_CHECKING:
    from feast import RepoConfig

GATE_TAG: Final = "pikkit.gate"
NO_GATE: Final = "none"

_STATE: Final = "Nothing was written: the online store and the registry are as they were"


def is_ungated(config: RepoConfig, view: Any) -> bool:
    """Whether rows of the view are served as they come; False for a view of ours, which the gates judge.

    Raises GateRefused for a view that is neither ours nor tagged, and for one of which it cannot be told.
    """
    if _is_ours(config, view):
        return False
    if (view.tags or {}).get(GATE_TAG) != NO_GATE:
        raise GateRefused(
            f"{view.name} is no view of this repository: no gate judges its rows",
            _STATE,
            f'Give it tags={{"{GATE_TAG}": "{NO_GATE}"}} and apply, if its rows are to be served without a gate',
        )
    return True


def has_histories(config: RepoConfig) -> bool:
    """Whether the offline store is a Postgres, which is where histories, judgements and the run lock are."""
    from feast.infra.offline_stores.contrib.postgres_offline_store.postgres import PostgreSQLOfflineStoreConfig

    return isinstance(config.offline_store, PostgreSQLOfflineStoreConfig)


def bears_our_name(view: Any) -> bool:
    """Whether the view, or one that it is made from, is called like a view of this repository."""
    projections: Mapping[str, Any] = getattr(view, "source_feature_view_projections", None) or {}
    made_from = [*(getattr(view, "source_views", None) or []), *projections.values()]
    return view.name in OUR_VIEWS or any(bears_our_name(view_below) for view_below in made_from)


def _is_ours(config: RepoConfig, view: Any) -> bool:
    if bears_our_name(view):
        if not has_histories(config):
            raise GateRefused(
                f"{view.name} is a view of this repository, and the offline store is not the Postgres of its history: "
                "whether its rows passed a gate cannot be told",
                _STATE,
                "Name the offline store of feature_store.yaml, or give the view another name",
            )
        return True
    source = getattr(view, "batch_source", None)
    if carry_forward_of(source) is not None:
        return True
    return has_histories(config) and _is_of_postgres(source) and _reads_features(config, view, source)


def _is_of_postgres(source: Any) -> bool:
    from feast.infra.offline_stores.contrib.postgres_offline_store.postgres_source import PostgreSQLSource

    return isinstance(source, PostgreSQLSource)


def _reads_features(config: RepoConfig, view: Any, source: Any) -> bool:
    query = sql.SQL(feast_statement("planned_relations")).format(source=source_table(source, (), "", None).source)
    with history_session(config) as connection:
        try:
            (plan,) = connection.execute(query).fetchone() or (None,)
        except (psycopg.ProgrammingError, psycopg.NotSupportedError) as error:
            raise GateRefused(
                f"The source of {view.name} cannot be read ({error.diag.message_primary}): "
                "whether it is a history of this repository cannot be told",
                _STATE,
                "Make its source readable for POSTGRES_USER, then try again",
            ) from error
    return "features" in _schemas(json.loads(plan) if isinstance(plan, str) else plan)


def _schemas(plan: Any) -> Iterator[str]:
    """The schemas of all relations and functions in a plan."""
    if isinstance(plan, dict):
        if isinstance(schema := plan.get("Schema"), str):
            yield schema
        plan = list(plan.values())
    if isinstance(plan, list):
        for part in plan:
            yield from _schemas(part)
