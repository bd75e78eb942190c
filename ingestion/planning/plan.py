"""A plan: what an apply of this code would change, which features count up, which backfills follow, what is refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from feature_repo.declarations.views import STORED_VIEWS
from ingestion.features.published_definitions import (
    unpublished_definitions,
    version_among,
    withdrawn_definitions,
)
from ingestion.planning.declared_state import DeclaredState
from ingestion.planning.objects import ObjectChange, object_changes, unchanged_objects
from ingestion.runs.record import Documented


@dataclass(frozen=True)
class VersionStep:
    """A feature whose definition is another one, or new: it counts up from `before`, which is null for a new one."""

    view: str
    feature: str
    before: int | None
    after: int
    #: Whether `after` stands in the record of published definitions.
    is_published: bool


@dataclass(frozen=True)
class DueBackfill:
    """A stored view of which features are to be computed anew."""

    view: str
    features: tuple[str, ...]
    #: Change rows that the view has now: about so many are replaced. Null where no store was asked.
    rows: int | None


@dataclass(frozen=True)
class PlannedRefusal:
    """Why an apply, or `make check`, would refuse this code."""

    what: str
    next_step: str


@dataclass(frozen=True)
class Plan(Documented):
    """What an apply of this code would change."""

    #: What it was compared with, in words.
    base: str
    changes: tuple[ObjectChange, ...]
    #: How many objects stay as they are.
    unchanged: int
    versions: tuple[VersionStep, ...]
    backfills: tuple[DueBackfill, ...]
    #: Versions of bets that a backfill replays; null where no store was asked, or none is due.
    replayed: int | None
    #: The commands that bring a store up to this code, in order.
    steps: tuple[str, ...]
    refusals: tuple[PlannedRefusal, ...]


def plan_against(base: str, before: DeclaredState, after: DeclaredState) -> Plan:
    """What is different in `after`, without a store. `base` says what `before` is of."""
    changes = object_changes(before.objects, after.objects)
    old_versions = {
        (view, feature): version_among(before.published, view, feature, digest)
        for view, digests in before.definitions.items()
        for feature, digest in digests.items()
    }
    old_digests = {(view, feature): digest for view, of in before.definitions.items() for feature, digest in of.items()}
    versions = version_steps(after, old_versions, old_digests)
    backfills = due_backfills(versions, {})
    return Plan(
        base=base,
        changes=changes,
        unchanged=unchanged_objects(after.objects, changes),
        versions=versions,
        backfills=backfills,
        replayed=None,
        steps=rollout_steps(before.migrations != after.migrations, changes, backfills),
        refusals=(*_refused_edits(before, after, changes), *unpublished_refusals(after)),
    )


def version_steps(
    after: DeclaredState,
    versions: Mapping[tuple[str, str], int],
    digests: Mapping[tuple[str, str], str],
) -> tuple[VersionStep, ...]:
    """The features whose definition is not that of `digests`, by view and feature; `versions` has its version."""
    unpublished = unpublished_definitions(after.published, after.definitions)
    return tuple(
        VersionStep(
            view,
            feature,
            versions.get((view, feature)),
            max(version_among(after.published, view, feature, digest), versions.get((view, feature), 0) + 1),
            (view, feature) not in unpublished,
        )
        for view, features in after.definitions.items()
        for feature, digest in features.items()
        if digests.get((view, feature)) != digest
    )


def due_backfills(versions: Iterable[VersionStep], rows: Mapping[str, int | None]) -> tuple[DueBackfill, ...]:
    """The stored views of these features. `rows` has the change rows of each view, as far as known."""
    features: dict[str, list[str]] = {}
    for step in versions:
        features.setdefault(step.view, []).append(step.feature)
    return tuple(
        DueBackfill(view.name, tuple(features[view.name]), rows.get(view.name))
        for view in STORED_VIEWS
        if view.name in features
    )


def rollout_steps(
    is_migration_due: bool, changes: Sequence[ObjectChange], backfills: Sequence[DueBackfill]
) -> tuple[str, ...]:
    """The commands that follow, in the order in which a change goes out (ingestion/database/rollout.py)."""
    due = {"pikkit migrate": is_migration_due, "pikkit apply": bool(changes), "pikkit backfill": bool(backfills)}
    return tuple(command for command, is_due in due.items() if is_due)


def unpublished_refusals(state: DeclaredState) -> Iterator[PlannedRefusal]:
    """The definitions that the record does not have: a published one that was edited, or a new one."""
    for (view, feature), (version, _) in unpublished_definitions(state.published, state.definitions).items():
        yield PlannedRefusal(
            f"the definition of {view}:{feature} is not that of version {version - 1}, and was not published as "
            f"version {version}"
            if version > 1
            else f"the definition of {view}:{feature} was never published",
            "Take the edit back, or publish it: `python -m tests.published_definitions --publish`",
        )


def _refused_edits(
    before: DeclaredState, after: DeclaredState, changes: Sequence[ObjectChange]
) -> Iterator[PlannedRefusal]:
    for view, feature, version, digest in withdrawn_definitions(after.published, before.published):
        yield PlannedRefusal(
            f"version {version} of {view}:{feature} was published, and its record was changed or removed",
            f'Put `{version} = "{digest}"` back, and give another definition the next number',
        )
    for change in changes:
        kind, _, name = change.object.partition(" ")
        is_list = change.change == "changed" and any(each.name == "features" for each in change.properties)
        if kind == "service" and is_list:
            yield PlannedRefusal(
                f"the list of features of {name} is published, and was changed",
                "Give it its list back, and declare the new one as a new version of the service",
            )
    for migration, digest in before.migrations.items():
        if after.migrations.get(migration) != digest:
            yield PlannedRefusal(
                f"the migration {migration} was edited or removed", "Put it back, and the change into a new migration"
            )
