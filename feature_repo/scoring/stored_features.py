"""Stored values of the entities that bets name, in one round trip, as Python values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any, Final, NamedTuple, TypeAlias

from feature_repo.online_store import read
from feature_repo.online_store.layout import entity_key, key_prefix, watermarks_key
from feature_repo.online_store.protobuf import decode
from feature_repo.online_store.read_plan import ReadPlan, ViewPlan
from feature_repo.online_store.round_trip import HashRead, PackedFields, Reply, packed_fields
from feature_repo.scoring.vectors import RowStatus, ValueStatus

# Sends all reads in one round trip, and gives the reply to each.
Fetch: TypeAlias = Callable[[list[HashRead]], Sequence[Reply]]
StoredRow: TypeAlias = tuple[Any, ...]
RowStatuses: TypeAlias = tuple[RowStatus, ...]

_STATUSES: Final = {
    0: ValueStatus.PRESENT,
    read.NOT_FOUND: ValueStatus.NOT_FOUND,
    read.OUTSIDE_MAX_AGE: ValueStatus.OUTSIDE_MAX_AGE,
}


class _View(NamedTuple):
    """One view in the reply for an entity."""

    plan: ViewPlan
    values_of: Callable[[Reply], Reply]
    nothing: StoredRow


class _Entity(NamedTuple):
    """What is read of every entity that one column of a bet names."""

    column: str
    prefix: bytes
    fields: PackedFields
    views: tuple[_View, ...]


class Reader:
    """Reads the views of a plan, each of which is looked up by one text key.

    `views` are their positions in the plan, in the order in which their values stand in a row.
    """

    def __init__(self, plan: ReadPlan, project: str) -> None:
        self._project = project.encode()
        self.views = sorted(range(len(plan.views)), key=lambda position: plan.views[position].entity)
        self._entities = [
            _Entity(
                column=entity.columns[0],
                prefix=key_prefix(entity.join_keys[0]),
                fields=packed_fields(plan.fields[entity.join_keys]),
                views=_views_of(plan, position),
            )
            for position, entity in enumerate(plan.entities)
        ]
        self._watermarks = (
            [HashRead(watermarks_key(project), packed_fields(plan.watermarks))] if plan.watermarks else []
        )

    def read(
        self, fetch: Fetch, columns: Mapping[str, Sequence[str]], now: int
    ) -> tuple[list[StoredRow], list[RowStatuses]]:
        """For each bet the values of all features of `views`, and the status of each row.

        `columns`: join key -> its values, one per bet. `now`: microseconds since 1970.
        """
        if not self._entities:
            nothing: list[StoredRow] = [()] * max(map(len, columns.values()))
            return nothing, nothing
        values_of_entities = [dict.fromkeys(columns[entity.column]) for entity in self._entities]
        reads = [
            HashRead(entity_key(entity.prefix, value, self._project), entity.fields)
            for entity, values in zip(self._entities, values_of_entities, strict=True)
            for value in values
        ]
        # The watermarks come first: rows read after a watermark are at least as new as it says.
        next_reply = iter(fetch(self._watermarks + reads) if reads else [])
        watermarks = read.watermarks_in(next(next_reply, ())) if self._watermarks else []
        # Per entity column, what each bet gets from it.
        parts_of_bets = []
        for entity, values in zip(self._entities, values_of_entities, strict=True):
            part_of = {value: _entity(entity.views, next(next_reply), watermarks, now) for value in values}
            parts_of_bets.append([part_of[value] for value in columns[entity.column]])
        rows, statuses = [], []
        for parts in zip(*parts_of_bets, strict=True):
            rows.append(tuple(chain.from_iterable([values for values, _ in parts])))
            statuses.append(tuple(chain.from_iterable([status for _, status in parts])))
        return rows, statuses


def _views_of(plan: ReadPlan, entity: int) -> tuple[_View, ...]:
    return tuple(
        _View(view, _picker(view.slots), (None,) * len(view.slots)) for view in plan.views if view.entity == entity
    )


def _picker(slots: tuple[int, ...]) -> Callable[[Reply], Reply]:
    return itemgetter(*slots) if len(slots) > 1 else lambda reply: [reply[slot] for slot in slots]


def _entity(
    views: Sequence[_View], reply: Reply, watermarks: Sequence[int | None], now: int
) -> tuple[StoredRow, RowStatuses]:
    parts = [_view(view, reply, watermarks, now) for view in views]
    return tuple(chain.from_iterable([values for values, _ in parts])), tuple([status for _, status in parts])


def _view(view: _View, reply: Reply, watermarks: Sequence[int | None], now: int) -> tuple[StoredRow, RowStatus]:
    plan, values_of, nothing = view
    watermark = None if plan.watermark is None else watermarks[plan.watermark]
    gone, until = read.age_of(reply[plan.stamp], watermark, plan.ttl, now)
    return nothing if gone else tuple(map(decode, values_of(reply))), RowStatus(_STATUSES[gone], until)
