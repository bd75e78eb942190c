"""Runs whose events are looked at, and the schemas of OpenLineage that those must keep to."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from feature_repo.servers.connections import Connections
from ingestion.database.access import connect
from tests.conftest import REPOSITORY

# What every facet must keep to. Feast publishes no schema of its own ones.
BASE_FACET = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/BaseFacet"


@pytest.fixture(scope="session")
def spec_problems() -> Callable[[dict[str, Any]], list[str]]:
    """What is wrong with an event by the schemas of the spec: the event's own, and that of every facet in it."""
    folder = REPOSITORY.parent / "shared" / "data" / "openlineage"
    if not folder.is_dir():
        pytest.skip(f"the schemas of OpenLineage are not at {folder}")
    documents = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*.json"))]
    resources = {
        document["$id"]: Resource.from_contents(document, default_specification=DRAFT202012) for document in documents
    }
    by_file = {address.rpartition("/")[2]: resource for address, resource in resources.items()}
    # The client is a version ahead of the spec with one facet: that is held against the version that there is.
    registry: Registry[Any] = Registry(retrieve=lambda address: by_file[address.rpartition("/")[2]]).with_resources(
        resources.items()
    )

    def problems(value: dict[str, Any], schema: str) -> list[str]:
        validator = Draft202012Validator({"$ref": schema}, registry=registry, format_checker=FormatChecker())
        return [f"{schema}: {error.json_path} {error.message}" for error in validator.iter_errors(value)]

    def spec_problems(event: dict[str, Any]) -> list[str]:
        found = problems(event, event["schemaURL"])
        for facet in facets_of(event):
            is_of_spec = not facet["_schemaURL"].startswith("https://feast.dev/")
            found += problems(facet, facet["_schemaURL"] if is_of_spec else BASE_FACET)
        return found

    return spec_problems


def facets_of(event: dict[str, Any]) -> list[dict[str, Any]]:
    """Every facet of an event, of its run, job and datasets."""
    holders = [event["run"], event["job"], *event["inputs"], *event["outputs"]]
    names = ("facets", "inputFacets", "outputFacets")
    return [facet for holder in holders for name in names for facet in holder.get(name, {}).values()]


def events_of(store: Connections) -> list[dict[str, Any]]:
    """All events of a store, in the order in which they were written."""
    with connect(store.postgres, purpose="test") as connection:
        return [event for (event,) in connection.execute("select event from ops.lineage_events order by position")]


def told(events: list[dict[str, Any]], job: str) -> list[str]:
    """The types of a job's events."""
    return [event["eventType"] for event in events if event["job"]["name"] == job]


def the_event(events: list[dict[str, Any]], job: str, event_type: str) -> dict[str, Any]:
    """The one event of this job and type."""
    (event,) = [e for e in events if (e["job"]["name"], e["eventType"]) == (job, event_type)]
    return event
