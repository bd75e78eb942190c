"""Declared objects as text that can be compared: each by its kind and name, with its properties.

Kinds are view, on-demand view, feature (`<view>:<feature>`), entity, service, and, in Feast's registry, project and
source. Two states of the same objects differ in the properties that a reader of the declarations knows: a type, a
formula, a TTL, a list of features.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from ingestion.wording import span

# "<kind> <name>" -> property -> its text; several lines where it is a list.
Objects = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class PropertyChange:
    """One property that differs. `before` is null where it was not there, `after` where it is there no more."""

    name: str
    before: str | None
    after: str | None

    @property
    def lines(self) -> list[str]:
        """The lines of it that went, each after "- ", and those that came, each after "+ "."""
        old, new = ([] if text is None else text.splitlines() for text in (self.before, self.after))
        differing = difflib.unified_diff(old, new, n=0, lineterm="")
        return [f"{line[0]} {line[1:]}" for line in list(differing)[2:] if not line.startswith("@@")]


@dataclass(frozen=True)
class ObjectChange:
    """One object that would be added, changed or removed, with the properties that differ."""

    change: Literal["added", "changed", "removed"]
    #: "<kind> <name>", such as "feature sport_stats:sport_roi".
    object: str
    properties: tuple[PropertyChange, ...]


def object_changes(before: Objects, after: Objects) -> tuple[ObjectChange, ...]:
    """What is added, changed and removed: the objects of `after` in its order, then those that are gone."""
    changes = [
        ObjectChange("changed" if name in before else "added", name, property_changes(before.get(name, {}), properties))
        for name, properties in after.items()
        if before.get(name) != properties
    ]
    gone = [name for name in before if name not in after]
    return (*changes, *(ObjectChange("removed", name, property_changes(before[name], {})) for name in gone))


def unchanged_objects(after: Objects, changes: Sequence[ObjectChange]) -> int:
    """How many objects of `after` stay as they are."""
    return len(after) - sum(change.change != "removed" for change in changes)


def property_changes(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[PropertyChange, ...]:
    """The properties that differ, in the order of `after`, then those that are gone."""
    return tuple(
        PropertyChange(name, before.get(name), after.get(name))
        for name in dict.fromkeys((*after, *before))
        if before.get(name) != after.get(name)
    )


def ttl_text(ttl: timedelta) -> str:
    """A TTL as a property: no two have the same text.

    >>> ttl_text(timedelta(hours=1))
    '1 h (3600 s)'
    """
    seconds = ttl.total_seconds()
    return f"{span(ttl)} ({int(seconds) if seconds.is_integer() else seconds} s)"
