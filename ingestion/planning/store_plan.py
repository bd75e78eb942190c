"""The plan beside a store: Feast's registry there against feature_repo/, and what its rows were computed by.

Reads only. Feast is loaded, since only its own objects say what an apply would write.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg

from feature_repo.errors import ConfigurationError
from feature_repo.postgres.postgres_errors import postgres_errors
from feature_repo.servers.connections import PROJECT, Connections
from feature_repo.store import REPOSITORY, store_at
from ingestion.database.access import connect, statement
from ingestion.database.apply import check_services, check_tables
from ingestion.database.migrate import pending, table_exists
from ingestion.database.registry_objects import objects_of_repository, registered_objects
from ingestion.planning.declared_state import declared_state
from ingestion.planning.objects import object_changes, unchanged_objects
from ingestion.planning.plan import (
    Plan,
    PlannedRefusal,
    due_backfills,
    rollout_steps,
    unpublished_refusals,
    version_steps,
)
from ingestion.planning.registry_text import text_of_objects
from ingestion.serving.feature_catalogue import stored_versions

if TYPE_CHECKING:
    from feature_repo.feast_internals import RepoContents


def plan_for_store(connections: Connections) -> Plan:
    """What `pikkit apply` and the backfill after it would change in this store.

    Raises Unreachable for a store that does not answer, StoredFunctionDiffers for a registry that cannot be listed.
    """
    with connect(connections.postgres, purpose="plan", autocommit=True) as connection:
        missing = pending(connection)
        was_applied = _was_applied(connection)
        stored = {key: versions[-1] for key, versions in stored_versions(connection).items()} if not missing else {}
        log_end = connection.execute(statement("planned_replay")).fetchone() if stored else None
    registered, declared, refusals = _registry(connections, was_applied=was_applied, is_migrated=not missing)
    before, after = text_of_objects(registered), text_of_objects(declared)
    changes = object_changes(before, after)
    state = declared_state()
    # A view that no run has computed has no rows to replace.
    computed = {view: of for view, of in state.definitions.items() if any(key[0] == view for key in stored)}
    versions = version_steps(
        replace(state, definitions=computed),
        {key: each.version for key, each in stored.items()},
        {key: each.definition for key, each in stored.items()},
    )
    backfills = due_backfills(versions, {view: each.rows for (view, _), each in stored.items()})
    return Plan(
        base=f"the store at {connections.postgres.address}",
        changes=changes,
        unchanged=unchanged_objects(after, changes),
        versions=versions,
        backfills=backfills,
        replayed=log_end[0] if backfills and log_end else None,
        steps=rollout_steps(bool(missing), changes, backfills),
        refusals=(*refusals, *unpublished_refusals(state)),
    )


def _registry(
    connections: Connections, *, was_applied: bool, is_migrated: bool
) -> tuple[Mapping[str, Any], Mapping[str, Any], list[PlannedRefusal]]:
    """The objects that are registered and those that are declared, and why an apply would refuse the latter."""
    with warnings.catch_warnings(), contextlib.chdir(REPOSITORY):
        warnings.simplefilter("ignore")  # "experimental", and nothing that an operator can act upon
        from feature_repo.feast_internals import parse_repo

        contents = parse_repo(REPOSITORY / "feature_repo")
        registered = _registered(connections) if was_applied else {}
        refusals = list(_refusals(connections, contents, is_migrated=is_migrated))
    return registered, objects_of_repository(contents, PROJECT), refusals


def _was_applied(connection: psycopg.Connection) -> bool:
    """Whether the registry has the project. Feast writes to one that has not when it opens it."""
    if not table_exists(connection, "feast.projects"):
        return False
    return connection.execute("select 1 from feast.projects where project_id = %s", [PROJECT]).fetchone() is not None


def _registered(connections: Connections) -> dict[str, dict[str, Any]]:
    from sqlalchemy.exc import OperationalError

    with postgres_errors(f"Postgres at {connections.postgres.address}"):
        try:
            return registered_objects(store_at(connections))
        except OperationalError as error:
            raise error.orig or error from error  # psycopg's own, which SQLAlchemy has wrapped


def _refusals(connections: Connections, contents: RepoContents, *, is_migrated: bool) -> Iterator[PlannedRefusal]:
    """Tables are looked at when all migrations are applied: those that are pending may bring what is missing."""
    try:
        if is_migrated:
            check_tables(connections, contents)
    except ConfigurationError as error:
        yield PlannedRefusal(error.what, error.next_step)
    try:
        check_services(connections, PROJECT, contents)
    except ConfigurationError as error:
        yield PlannedRefusal(error.what, error.next_step)
