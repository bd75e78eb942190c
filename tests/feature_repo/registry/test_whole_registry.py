"""The registry that is read by one statement is the one that Feast reads table by table."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from feast import Entity, FeatureService, FeatureView, Field, Project, ValueType
from feast.infra.offline_stores.contrib.postgres_offline_store.postgres_source import PostgreSQLSource
from feast.infra.registry.sql import SqlRegistry
from feast.permissions.permission import Permission
from feast.types import Float64
from sqlalchemy import event, text

from feature_repo.errors import StoredFunctionDiffers
from tests.rigs.published_store import Published

SPORT = Entity(name="sport", value_type=ValueType.STRING)
# Kinds of objects of which the registry of the test holds some.
FILLED = {
    "data_sources",
    "entities",
    "feature_services",
    "feature_views",
    "on_demand_feature_views",
    "permissions",
    "projects",
}


def read_table_by_table(registry: Any) -> Any:
    """By Feast's own method, which ours was put around."""
    method: Any = SqlRegistry.proto
    return method.__wrapped__(registry)


def by_kind(registry: Any) -> dict[str, list[bytes]]:
    """The objects of each kind, in no order."""
    return {
        kind.name: sorted(message.SerializeToString(deterministic=True) for message in objects)
        for kind, objects in registry.ListFields()
        if kind.is_repeated
    }


@pytest.fixture
def registry(published: Published) -> Any:
    """A registry of two projects, the second with objects of the user's own that are called as some of ours are."""
    registry = published.store().registry
    registry.apply_project(Project(name="another"))
    source = PostgreSQLSource(name="bets of another", query="select 1", timestamp_field="at")
    view = FeatureView(name="view of another", entities=[SPORT], schema=[Field(name="x", dtype=Float64)], source=source)
    registry.apply_data_source(source, "another")
    registry.apply_feature_view(view, "another")
    registry.apply_feature_service(FeatureService(name="service of another", features=[view]), "another")
    registry.apply_permission(Permission(name="readers", types=[FeatureView]), "another")
    view = registry.get_feature_view("sport_stats", "pikkit")
    view.ttl = timedelta(hours=1)
    registry.apply_feature_view(view, "pikkit")
    return registry


def test_registry_read_at_once_is_that_read_table_by_table(registry: Any) -> None:
    at_once, table_by_table = registry.proto(), read_table_by_table(registry)
    assert by_kind(at_once) == by_kind(table_by_table)
    assert at_once.infra == table_by_table.infra
    assert at_once.last_updated == table_by_table.last_updated
    assert by_kind(at_once).keys() == FILLED


def test_registry_is_read_by_few_statements(registry: Any) -> None:
    statements: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        statements.append(statement)

    event.listen(registry.read_engine, "before_cursor_execute", note)
    registry.proto()
    # The projects, everything, and what Feast keeps of the infrastructure of each of the two projects.
    assert len(statements) == 4


def test_view_in_the_row_of_another_is_refused(registry: Any) -> None:
    with registry.write_engine.begin() as connection:
        connection.execute(
            text("update feature_views set feature_view_name = 'x' where feature_view_name = 'bet_facts'")
        )
    with pytest.raises(StoredFunctionDiffers, match="bet_facts in the row of x"):
        registry.proto()
