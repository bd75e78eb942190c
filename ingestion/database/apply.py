"""`feast apply` as a function: makes Feast's registry hold what feature_repo/ declares, and returns what changed.

Feast's own command prints, changes the working directory and ends the process when something is wrong. It also takes a
view over a table that does not exist; here the tables are looked at first. Whoever calls holds the run lock: an apply
beside a materialization is silently lost.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import sql

from feature_repo import clock
from feature_repo.declarations.views import STORED_VIEWS
from feature_repo.errors import ConfigurationError, LockHeld, Unreachable
from feature_repo.postgres.postgres_errors import postgres_errors, server_message
from feature_repo.servers.connections import Connections
from feature_repo.store import REPOSITORY, store_at
from ingestion.database.access import connect, statement
from ingestion.database.registered_views import ON_DEMAND, STORED, registered_messages
from ingestion.database.registry_objects import REGISTRY_KINDS, registered_objects
from ingestion.database.rollout import COLUMN_TYPES, relation_columns
from ingestion.features.feature_versions import record_on_demand_versions

if TYPE_CHECKING:
    from feast import FeatureView

    from feature_repo.feast_internals import RepoContents

_INSTANT: Final = "timestamp with time zone"
# The column that Feast reads a field of each type from.
_COLUMNS_OF_TYPES: Final = {feast_type: column for column, feast_type in COLUMN_TYPES.items()}


@dataclass(frozen=True)
class ApplyResult:
    """What an apply changed in the registry, each object as "<kind> <name>", and how many it left as they were."""

    created: tuple[str, ...]
    updated: tuple[str, ...]
    deleted: tuple[str, ...]
    unchanged: int


def apply_declarations(connections: Connections) -> ApplyResult:
    """Bring the registry up to the declarations of feature_repo/; what is not declared there is deleted.

    From then on the store has this code's definitions of what is computed on demand, which are noted.
    Sets the environment variables that feature_store.yaml names. Raises ConfigurationError when the tables of the views
    or of the registry are missing or do not fit, or when a published list of features would change; Unreachable when a
    store does not answer.
    """
    with _registry_errors(connections), warnings.catch_warnings(), contextlib.chdir(REPOSITORY):
        # "experimental", "does not scale for offline retrieval": known, and nothing that an operator can act upon.
        warnings.simplefilter("ignore")
        from feature_repo.feast_internals import extract_objects_for_apply_delete, parse_repo

        # Not the root, as the command does: it would look at every file of .venv, only to ignore it.
        declared = parse_repo(REPOSITORY / "feature_repo")
        check_tables(connections, declared)
        store = store_at(connections)
        check_services(connections, store.project, declared)
        mended = _mend(connections)
        before = registered_objects(store)
        to_apply, to_delete, _, _ = extract_objects_for_apply_delete(  # type: ignore[no-untyped-call]
            store.project, store.registry, declared
        )
        try:
            store.apply(to_apply, objects_to_delete=to_delete, partial=False)
        finally:
            # Feast puts what this registry remembers into the declarations, from where another store would get it.
            for view in declared.feature_views:
                view.materialization_intervals = []
        with connect(connections.postgres, purpose="apply") as connection:
            record_on_demand_versions(connection, run_id=None, now=clock.now())
            connection.commit()
        return _difference(before, registered_objects(store), mended)


def check_tables(connections: Connections, declared: RepoContents) -> None:
    """Raise ConfigurationError when Feast could not read the declared views from the tables that are there."""
    views = {f"features.{view.name}": view for view in declared.feature_views}
    with connect(connections.postgres, purpose="apply", autocommit=True) as connection:
        columns = relation_columns(connection, list(views))
    unfit = [problem for relation, view in views.items() for problem in _problems(relation, columns[relation], view)]
    if unfit:
        raise ConfigurationError(
            f"The tables do not fit the declared views: {'; '.join(unfit[:5])}{'; ...' if unfit[5:] else ''}",
            "Nothing was applied",
            "Run `pikkit migrate`; a feature without a column needs a new file in ingestion/sql/migrations first",
        )


def check_services(connections: Connections, project: str, declared: RepoContents) -> None:
    """Raise PublishedListChanged when a declared service is published with another list of features."""
    from feature_repo.registry.pinned_services import check_published_lists

    with connect(connections.postgres, purpose="apply", autocommit=True) as connection:
        check_published_lists(connection, project, declared.feature_services)


def _problems(relation: str, existing: dict[str, str], view: FeatureView) -> list[str]:
    """What keeps Feast from reading this view from a table with these columns (name -> type)."""
    if not existing:
        return [f"{relation} does not exist"]
    return [
        f"{relation}.{column} is {existing.get(column, 'missing')} instead of {data_type}"
        for column, data_type in _columns(view).items()
        if existing.get(column) != data_type
    ]


def _columns(view: FeatureView) -> dict[str, str]:
    fields = {field.name: _COLUMNS_OF_TYPES[str(field.dtype)] for field in (*view.entity_columns, *view.features)}
    return {"event_timestamp": _INSTANT, "created_timestamp": _INSTANT, **fields}


def _mend(connections: Connections) -> set[str]:
    """Make rows readable that Feast did not write, and return them as "<kind> <name>": a view gets the name of its row,
    and a stored view of this repository loses what it would compute by.

    Nothing of them is executed. What else is wrong with them, the apply puts right.
    """
    from feature_repo.feast_internals import (
        FeatureViewMessage,
        LabelViewMessage,
        OnDemandFeatureViewMessage,
        StreamFeatureViewMessage,
    )

    kinds: dict[str, Any] = {
        STORED: FeatureViewMessage,
        ON_DEMAND: OnDemandFeatureViewMessage,
        "stream_feature_views": StreamFeatureViewMessage,
        "label_views": LabelViewMessage,
    }
    own = {view.name for view in STORED_VIEWS}
    mended = set()
    with connect(connections.postgres, purpose="apply") as connection:
        for row in registered_messages(connection):
            view = kinds[row.kind].FromString(row.message)
            is_changed = view.spec.name != row.name
            view.spec.name = row.name
            if row.kind == STORED and row.name in own:
                computes = [field for field in ("feature_transformation", "source_views") if _holds(view.spec, field)]
                for field in (*computes, *(["mode"] if computes else [])):
                    view.spec.ClearField(field)
                is_changed = is_changed or bool(computes)
            if is_changed:
                query = sql.SQL(statement("mend_registered_message")).format(kind=sql.Identifier(row.kind))
                params = {"name": row.name, "message": view.SerializeToString(), "read": row.message}
                connection.execute(query, params)
                mended.add(f"{REGISTRY_KINDS.get(row.kind, 'view')} {row.name}")
        connection.commit()
    return mended


def _holds(message: Any, field: str) -> bool:
    return any(descriptor.name == field for descriptor, _ in message.ListFields())


def _difference(before: dict[str, Any], after: dict[str, Any], mended: set[str]) -> ApplyResult:
    in_both = sorted(before.keys() & after.keys())
    updated = tuple(name for name in in_both if before[name] != after[name] or name in mended)
    return ApplyResult(
        created=tuple(sorted(after.keys() - before.keys())),
        updated=updated,
        deleted=tuple(sorted(before.keys() - after.keys())),
        unchanged=len(in_both) - len(updated),
    )


@contextlib.contextmanager
def _registry_errors(connections: Connections) -> Iterator[None]:
    """Raise what Feast, SQLAlchemy and the online store raise during an apply as our errors."""
    from sqlalchemy.exc import OperationalError

    from feature_repo.feast_internals import FeastRegistrySchemaError
    from feature_repo.online_store.redis_errors import FeastOnlineStoreUnavailable

    try:
        yield
    except FeastRegistrySchemaError as error:
        raise ConfigurationError(
            "The tables of Feast's registry are missing", "Nothing was applied", "Run `pikkit migrate`"
        ) from error
    except OperationalError as error:
        service = f"Postgres at {connections.postgres.address}"
        with _half_applied():
            try:
                with postgres_errors(service):
                    raise error.orig or error from error  # psycopg's own, which SQLAlchemy has wrapped
            except psycopg.OperationalError as ended:  # a deadlock, or a statement that somebody cancelled
                raise Unreachable(
                    f"{service} ended the apply ({server_message(ended)})",
                    "The registry may be half applied",
                    "Run `pikkit apply` again",
                    service=service,
                ) from ended
    except FeastOnlineStoreUnavailable as error:
        error.next_step = f"{error.next_step}; then run `pikkit apply` again"
        with _half_applied():
            raise


@contextlib.contextmanager
def _half_applied() -> Iterator[None]:
    """Feast writes the registry object by object: a store that goes in the middle leaves a part of them."""
    try:
        yield
    except (Unreachable, LockHeld) as error:
        error.state = "The registry may be half applied"
        raise
