"""How Marquez builds its graph from events, written from what its source says; it cannot be built or run here.

Read in MarquezProject/marquez at a89b89cad27f (0.51.2-SNAPSHOT, March 2025), below api/src/main:

java/marquez/db/OpenLineageDao.java           updateBaseMarquezModel, buildJobFromEvent, findParentJobRow,
                                              upsertLineageDataset, upsertColumnLineage
java/marquez/db/DatasetSymlinkDao.java        a name is given once: on conflict do nothing
java/marquez/db/JobVersionDao.java            upsertJobVersionOnRunTransition, markInputOrOutputDatasetAsPreviousFor
java/marquez/db/LineageDao.java               getLineage: jobs that share a current dataset
R__Jobs_view_and_rewrite_function, in SQL      the name of a job that has a parent
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

Name = tuple[str, str]
ENDED = {"COMPLETE", "FAIL", "ABORT"}
SIDES = ("inputs", "outputs")


class Marquez:
    """What Marquez knows after the events that it took, in their order."""

    def __init__(self) -> None:
        #: By every name that was ever told, the name under which the dataset is shown: the first one.
        self.datasets: dict[Name, Name] = {}
        self.job_of_run: dict[str, Name] = {}
        self.states: dict[str, str] = {}
        #: By job and side, the datasets of the last run of it that ended: what the graph shows.
        self.current: dict[tuple[Name, str], set[Name]] = defaultdict(set)
        self.fields: dict[Name, set[str]] = defaultdict(set)
        #: (output dataset, field, input dataset, field)
        self.columns: set[tuple[Name, str, Name, str]] = set()
        #: Columns whose lineage was told in vain: (output dataset, field).
        self.dropped: set[tuple[Name, str]] = set()
        self._of_run: dict[tuple[str, str], set[Name]] = defaultdict(set)

    def take(self, event: dict[str, Any]) -> None:
        run_id = event["run"]["runId"]
        job = self._job(event)
        self.job_of_run[run_id] = job
        self.states[run_id] = event["eventType"]
        for side in SIDES:
            for dataset in event[side]:
                self._of_run[run_id, side].add(self._dataset(dataset))
            if not event[side]:
                self.current[job, side].clear()
        for dataset in event["outputs"]:
            self._take_columns(run_id, dataset)
        if event["eventType"] in ENDED:
            for side in SIDES:
                if self._of_run[run_id, side]:
                    self.current[job, side] = set(self._of_run[run_id, side])

    def _job(self, event: dict[str, Any]) -> Name:
        """A job's name has its parent's before it, unless it begins with that anyway."""
        namespace, name = event["job"]["namespace"], event["job"]["name"]
        parent = event["run"].get("facets", {}).get("parent")
        if parent is None:
            return namespace, name
        told = (parent["job"]["namespace"], parent["job"]["name"])
        known = self.job_of_run.get(parent["run"]["runId"])
        if known != told:
            # A run of this job is made up; nothing will ever end it. Of a run id that another job has, under a new id.
            made_up = parent["run"]["runId"] if known is None else f"{told} {parent['run']['runId']}"
            self.job_of_run.setdefault(made_up, told)
            self.states.setdefault(made_up, event["eventType"])
        return namespace, f"{told[1]}.{name.removeprefix(told[1] + '.')}"

    def _dataset(self, dataset: dict[str, Any]) -> Name:
        name = (dataset["namespace"], dataset["name"])
        shown = self.datasets.setdefault(name, name)
        facets = dataset.get("facets", {})
        for other in facets.get("symlinks", {}).get("identifiers", ()):
            self.datasets.setdefault((other["namespace"], other["name"]), shown)
        self.fields[shown] |= {field["name"] for field in facets.get("schema", {}).get("fields", ())}
        return shown

    def _take_columns(self, run_id: str, dataset: dict[str, Any]) -> None:
        facets, shown = dataset.get("facets", {}), self._dataset(dataset)
        told = {field["name"] for field in facets.get("schema", {}).get("fields", ())}
        for column, lineage in facets.get("columnLineage", {}).get("fields", {}).items():
            for root in lineage["inputFields"]:
                source = self.datasets.get((root["namespace"], root["name"]))
                is_known = source in self._of_run[run_id, "inputs"] and root["field"] in self.fields[source]
                if column in told and source is not None and is_known:
                    self.columns.add((shown, column, source, root["field"]))
                else:
                    self.dropped.add((shown, column))

    def edges(self) -> set[tuple[Name, Name]]:
        """From dataset to job and from job to dataset, as they are shown."""
        reads = {(dataset, job) for (job, side), used in self.current.items() for dataset in used if side == "inputs"}
        writes = {(job, dataset) for (job, side), used in self.current.items() for dataset in used if side == "outputs"}
        return reads | writes

    def graph_of(self, name: Name) -> set[Name]:
        """All that the graph shows from this dataset on, in both directions."""
        return component(self.edges(), name)


def component(edges: Iterable[tuple[Any, Any]], start: Any) -> set[Any]:
    """Everything that is connected with the start, by edges in either direction."""
    beside: dict[Any, set[Any]] = defaultdict(set)
    for source, target in edges:
        beside[source].add(target)
        beside[target].add(source)
    reached, waiting = {start}, [start]
    while waiting:
        waiting += (new := beside[waiting.pop()] - reached)
        reached |= new
    return reached
