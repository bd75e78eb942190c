"""What a read asks of Redis and where the answers go, worked out once for the same views and features.

A plan holds for as long as Feast holds on to the same view objects: until it reads its registry again.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from feature_repo.feast_internals import GetOnlineFeaturesResponseMetadata, compute_versioned_name
from feature_repo.online_store.layout import feature_field, timestamp_field
from feature_repo.sources import carried_forward

# Plans kept: one for each list of features that a process asks for.
_KEPT: Final = 256


class RequestKeys(NamedTuple):
    """Columns of a request that name an entity: its join keys, and the request's names for them (an alias, maybe)."""

    join_keys: tuple[str, ...]
    columns: tuple[str, ...]


class ViewPlan(NamedTuple):
    """One view: where its keys come from, and which of the fields read for them are its own."""

    name: str
    asked: int
    # positions in the fields of its join keys
    stamp: int
    slots: tuple[int, ...]
    ttl: int
    # position in `Plan.marks`; None for a view that is not re-asserted
    mark: int | None
    # GetOnlineFeaturesResponseMetadata with the names in the response, serialized
    names: bytes
    # what Feast calls it in the metadata of versions
    label: str
    version: int


class ReadPlan(NamedTuple):
    """All views of a read. `fields[join_keys]` is what is fetched for each entity with these join keys."""

    views: tuple[ViewPlan, ...]
    asked: tuple[RequestKeys, ...]
    fields: dict[tuple[str, ...], list[str | bytes]]
    marks: tuple[str, ...]


class Plans:
    """The plans of one process."""

    def __init__(self) -> None:
        self._kept: dict[Any, tuple[list[weakref.ref[Any]], ReadPlan]] = {}

    def of(
        self, grouped_refs: Sequence[tuple[Any, Sequence[str]]], names: dict[str, str], full: bool, versioned: bool
    ) -> ReadPlan:
        """The plan of these (view, features). `names`: entity -> join key, `full`: feature names carry their view."""
        key = (full, versioned, *[(id(view), *features) for view, features in grouped_refs])
        kept = self._kept.get(key)
        # An id may be that of another view by now.
        if kept is None or any(one() is not view for one, (view, _) in zip(kept[0], grouped_refs, strict=True)):
            if len(self._kept) >= _KEPT:
                self._kept = {}
            views = [weakref.ref(view) for view, _ in grouped_refs]
            self._kept[key] = kept = (views, make_plan(grouped_refs, names, full, versioned))
        return kept[1]


def make_plan(
    grouped_refs: Sequence[tuple[Any, Sequence[str]]], names: dict[str, str], full: bool, versioned: bool
) -> ReadPlan:
    """Work out the plan of these (view, features)."""
    fields: dict[tuple[str, ...], dict[bytes, int]] = {}
    asked: dict[RequestKeys, int] = {}
    marks: dict[str, int] = {}
    views = []
    for view, features in grouped_refs:
        stored = compute_versioned_name(view, versioned)
        entity = _asked(view, names)
        slots = fields.setdefault(entity.join_keys, {})
        held = carried_forward(getattr(view, "batch_source", None)) is not None
        views.append(
            ViewPlan(
                name=view.name,
                asked=asked.setdefault(entity, len(asked)),
                stamp=slots.setdefault(timestamp_field(stored), len(slots)),
                slots=tuple(slots.setdefault(feature_field(stored, name), len(slots)) for name in features),
                ttl=time_to_live(view),
                mark=marks.setdefault(stored, len(marks)) if held else None,
                names=_metadata(view, features, full),
                label=view.projection.name_alias or view.projection.name,
                version=getattr(view, "current_version_number", 0) or 0,
            )
        )
    return ReadPlan(tuple(views), tuple(asked), {keys: list(one) for keys, one in fields.items()}, tuple(marks))


def time_to_live(view: Any) -> int:
    """The TTL of a view in microseconds, 0 for none."""
    ttl = getattr(view, "ttl", None)
    return round(ttl.total_seconds() * 1_000_000) if ttl else 0


def _asked(view: Any, names: dict[str, str]) -> RequestKeys:
    join_keys = sorted(names[entity] for entity in view.entities)
    aliases = view.projection.join_key_map
    return RequestKeys(tuple(join_keys), tuple(aliases.get(key, key) for key in join_keys))


def _metadata(view: Any, features: Iterable[str], full: bool) -> bytes:
    prefix = f"{view.projection.name_to_use()}__" if full else ""
    metadata = GetOnlineFeaturesResponseMetadata()
    metadata.feature_names.val.extend(f"{prefix}{name}" for name in features)
    serialized: bytes = metadata.SerializeToString()
    return serialized
