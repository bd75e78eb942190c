"""Applying the declarations to a real registry: what changed comes back, and what does not fit is refused first."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from feature_repo import open_store
from feature_repo.errors import ConfigurationError, LockHeld, PikkitError, StoreFull, Unreachable
from feature_repo.servers.connections import LOCK_PATIENCE, Connections, Postgres, Redis, milliseconds
from feature_repo.servers.environment import feast_environment
from ingestion.database.apply import _registry_errors, apply_declarations


def test_first_apply_creates_every_object_and_second_apply_changes_nothing(registry: Connections) -> None:
    first, second = apply_declarations(registry), apply_declarations(registry)
    assert {"project pikkit", "entity bet", "view sport_stats", "on-demand view bet_features"} <= set(first.created)
    assert (second.created, second.updated, second.deleted, second.unchanged) == ((), (), (), len(first.created))


def test_undeclared_objects_are_deleted_and_changed_objects_updated(registry: Connections) -> None:
    apply_declarations(registry)
    store = open_store(feast_environment(registry) | {"REDIS_URL": registry.redis.url})
    entity, view = store.get_entity("bet"), store.get_feature_view("sport_stats")
    entity.name, view.description = "stranger", "changed behind our back"
    store.apply([entity, view])
    result = apply_declarations(registry)
    assert (result.created, result.updated, result.deleted) == ((), ("view sport_stats",), ("entity stranger",))


def test_apply_leaves_the_working_directory_alone(
    registry: Connections, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    apply_declarations(registry)
    assert Path.cwd() == tmp_path


def test_apply_refuses_views_over_missing_tables_or_columns(registry: Connections) -> None:
    """Feast itself applies them, and fails at the first materialization."""
    with psycopg.connect(**registry.postgres.conninfo) as database:
        database.execute("drop view features.sport_stats")
        database.execute("alter table features.bet_facts_changes rename column amount to stake")
        database.execute(
            "drop view features.bet_facts; create view features.bet_facts as table features.bet_facts_changes"
        )
    with pytest.raises(ConfigurationError) as refused:
        apply_declarations(registry)
    assert "features.sport_stats does not exist" in refused.value.what
    assert "features.bet_facts.amount is missing instead of double precision" in refused.value.what


def test_apply_to_a_registry_without_tables_is_refused(connections: Connections) -> None:
    with pytest.raises(ConfigurationError, match="pikkit migrate"):
        apply_declarations(connections)


def test_wait_for_a_locked_registry_ends_with_lock_held(registry: Connections) -> None:
    engine = create_engine(registry.postgres.sqlalchemy_url.replace(milliseconds(LOCK_PATIENCE), "200ms"))
    with psycopg.connect(**registry.postgres.conninfo) as holder:
        holder.execute("lock table feast.entities in access exclusive mode")
        with (
            pytest.raises(LockHeld, match="another session holds"),
            _registry_errors(registry),
            engine.connect() as ours,
        ):
            ours.execute(text("select 1 from entities"))
    engine.dispose()


def test_a_database_that_does_not_answer_is_unreachable(registry: Connections) -> None:
    nowhere = dataclasses.replace(registry.postgres, database="nowhere")
    with pytest.raises(Unreachable, match="nowhere"):
        apply_declarations(dataclasses.replace(registry, postgres=nowhere))


@pytest.mark.parametrize(
    ("ended_by", "kind"),
    [
        (psycopg.errors.DeadlockDetected("deadlock detected"), Unreachable),
        (psycopg.errors.LockNotAvailable("canceling statement due to lock timeout"), LockHeld),
        (psycopg.errors.DiskFull("no space left on device"), StoreFull),
    ],
)
def test_apply_that_postgres_ends_says_that_the_registry_may_be_half_applied(
    ended_by: psycopg.OperationalError, kind: type[PikkitError]
) -> None:
    """Feast writes the registry object by object, so nothing of it is undone."""
    nowhere = Connections(Postgres("nowhere", 5432, "pikkit", "user", ""), Redis("redis://nowhere"), embedded=False)
    with pytest.raises(kind) as raised, _registry_errors(nowhere):
        raise OperationalError("insert", {}, ended_by)
    assert type(raised.value) is kind
    assert raised.value.state == "The registry may be half applied"
