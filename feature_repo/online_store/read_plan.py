"""What a read asks of Redis and where the answers go, worked out once for the same views and features.

A plan holds for as long as Feast holds on to the same view objects: until it reads its registry again.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from feature_repo.feast_internals import GetOnlineFeaturesResponseMetadata, compute_versioned_name
from feature_repo.online_store.layout import feature_field, timestamp_field
from feature_repo.sources import carry_forward_of

# Plans kept: one for each list of features that a process asks for.
_KEPT: Final = 256


class RequestKeys(NamedTuple):
    """Columns of a request that name an entity.

    `join_keys`  as the entity has them
    `columns`    as the request calls them (an alias, maybe)
    """

    join_keys: tuple[str, ...]
    columns: tuple[str, ...]


class ViewPlan(NamedTuple):
    """One view: where its keys come from, and which of the fields read for them are its own.

    `entity`     position in `ReadPlan.entities` of what it is looked up by
    `stamp`      position of its timestamp in the fields of its join keys
    `slots`      positions of its features in these fields
    `ttl`        microseconds, 0 for none
    `watermark`  position in `ReadPlan.watermarks`; None for a view that is not carried forward
    `names`      GetOnlineFeaturesResponseMetadata with the names in the response, serialized
    `label`      what Feast calls it in the metadata of versions
    """

    name: str
    entity: int
    stamp: int
    slots: tuple[int, ...]
    ttl: int
    watermark: int | None
    names: bytes
    label: str
    version: int


class ReadPlan(NamedTuple):
    """All views of a read.

    `entities`    what the request is looked up by
    `fields`      join keys -> the fields that are read of each entity with these
    `watermarks`  the views, as they are stored, whose watermarks are read
    """

    views: tuple[ViewPlan, ...]
    entities: tuple[RequestKeys, ...]
    fields: dict[tuple[str, ...], list[str | bytes]]
    watermarks: tuple[str, ...]


class Plans:
    """The plans of one process."""

    def __init__(self) -> None:
        self._kept: dict[Any, tuple[list[weakref.ref[Any]], ReadPlan]] = {}

    def of(
        self, grouped_refs: Sequence[tuple[Any, Sequence[str]]], names: dict[str, str], full: bool, versioned: bool
    ) -> ReadPlan:
        """The plan of these (view, features). `names`: entity -> join key, `full`: feature names carry their view."""
        key = (full, versioned, *[(id(view), *features) for view, features in grouped_refs])
        entry = self._kept.get(key)
        # An id may be that of another view by now.
        if entry is None or any(ref() is not view for ref, (view, _) in zip(entry[0], grouped_refs, strict=True)):
            if len(self._kept) >= _KEPT:
                self._kept = {}
            views = [weakref.ref(view) for view, _ in grouped_refs]
            self._kept[key] = entry = (views, make_plan(grouped_refs, names, full, versioned))
        return entry[1]


def make_plan(
    grouped_refs: Sequence[tuple[Any, Sequence[str]]], names: dict[str, str], full: bool, versioned: bool
) -> ReadPlan:
    """Work out the plan of these (view, features)."""
    fields: dict[tuple[str, ...], dict[bytes, int]] = {}
    entities: dict[RequestKeys, int] = {}
    watermarks: dict[str, int] = {}
    views = []
    for view, features in grouped_refs:
        stored = compute_versioned_name(view, versioned)
        entity = _request_keys(view, names)
        slots = fields.setdefault(entity.join_keys, {})
        is_carried_forward = carry_forward_of(getattr(view, "batch_source", None)) is not None
        views.append(
            ViewPlan(
                name=view.name,
                entity=entities.setdefault(entity, len(entities)),
                stamp=slots.setdefault(timestamp_field(stored), len(slots)),
                slots=tuple(slots.setdefault(feature_field(stored, name), len(slots)) for name in features),
                ttl=time_to_live(view),
                watermark=watermarks.setdefault(stored, len(watermarks)) if is_carried_forward else None,
                names=_metadata(view, features, full),
                label=view.projection.name_alias or view.projection.name,
                version=getattr(view, "current_version_number", 0) or 0,
            )
        )
    return ReadPlan(
        views=tuple(views),
        entities=tuple(entities),
        fields={join_keys: list(positions) for join_keys, positions in fields.items()},
        watermarks=tuple(watermarks),
    )


def time_to_live(view: Any) -> int:
    """The TTL of a view in microseconds, 0 for none."""
    ttl = getattr(view, "ttl", None)
    return round(ttl.total_seconds() * 1_000_000) if ttl else 0


def _request_keys(view: Any, names: dict[str, str]) -> RequestKeys:
    join_keys = sorted(names[entity] for entity in view.entities)
    aliases = view.projection.join_key_map
    return RequestKeys(tuple(join_keys), tuple(aliases.get(key, key) for key in join_keys))


def _metadata(view: Any, features: Iterable[str], full: bool) -> bytes:
    prefix = f"{view.projection.name_to_use()}__" if full else ""
    metadata = GetOnlineFeaturesResponseMetadata()
    metadata.feature_names.val.extend(f"{prefix}{name}" for name in features)
    serialized: bytes = metadata.SerializeToString()
    return serialized
