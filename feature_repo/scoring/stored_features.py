"""Stored values of the entities that bets name, in one round trip, as Python values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any, Final, NamedTuple, TypeAlias

from feature_repo.online_store import read
from feature_repo.online_store.layout import decode, entity_key, key_prefix, marks_key
from feature_repo.online_store.read import Reply
from feature_repo.online_store.read_plan import ReadPlan, ViewPlan
from feature_repo.scoring.hmget import Command, PackedFields, fields
from feature_repo.scoring.vectors import Standing, ValueStatus

# Runs all commands in one round trip.
Fetch: TypeAlias = Callable[[list[Command]], Sequence[Reply]]
StoredRow: TypeAlias = tuple[Any, ...]
Standings: TypeAlias = tuple[Standing, ...]

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
        self.views = sorted(range(len(plan.views)), key=lambda position: plan.views[position].asked)
        self._entities = [
            _Entity(
                column=asked.columns[0],
                prefix=key_prefix(asked.join_keys[0]),
                fields=fields(plan.fields[asked.join_keys]),
                views=_views_of(plan, number),
            )
            for number, asked in enumerate(plan.asked)
        ]
        self._marks = [Command(marks_key(project), fields(plan.marks))] if plan.marks else []

    def read(
        self, fetch: Fetch, columns: Mapping[str, Sequence[str]], now: int
    ) -> tuple[list[StoredRow], list[Standings]]:
        """For each bet the values of all features of `views`, and how each of `views` stands.

        `columns`: join key -> its values, one per bet. `now`: microseconds since 1970.
        """
        if not self._entities:
            nothing: list[StoredRow] = [()] * max(map(len, columns.values()))
            return nothing, nothing
        named = [dict.fromkeys(columns[entity.column]) for entity in self._entities]
        commands = [
            Command(entity_key(entity.prefix, value, self._project), entity.fields)
            for entity, values in zip(self._entities, named, strict=True)
            for value in values
        ]
        # The marks come first: rows read after a mark are at least as new as it says.
        next_reply = iter(fetch(self._marks + commands) if commands else [])
        marks = read.marks_in(next(next_reply, ())) if self._marks else []
        bets = []
        for entity, values in zip(self._entities, named, strict=True):
            known = {value: _entity(entity.views, next(next_reply), marks, now) for value in values}
            bets.append([known[value] for value in columns[entity.column]])
        rows, standings = [], []
        for parts in zip(*bets, strict=True):
            rows.append(tuple(chain.from_iterable([values for values, _ in parts])))
            standings.append(tuple(chain.from_iterable([stand for _, stand in parts])))
        return rows, standings


def _views_of(plan: ReadPlan, asked: int) -> tuple[_View, ...]:
    return tuple(
        _View(view, _picker(view.slots), (None,) * len(view.slots)) for view in plan.views if view.asked == asked
    )


def _picker(slots: tuple[int, ...]) -> Callable[[Reply], Reply]:
    return itemgetter(*slots) if len(slots) > 1 else lambda reply: [reply[slot] for slot in slots]


def _entity(views: Sequence[_View], reply: Reply, marks: Sequence[int | None], now: int) -> tuple[StoredRow, Standings]:
    found = [_view(view, reply, marks, now) for view in views]
    return tuple(chain.from_iterable([values for values, _ in found])), tuple([standing for _, standing in found])


def _view(view: _View, reply: Reply, marks: Sequence[int | None], now: int) -> tuple[StoredRow, Standing]:
    plan, values_of, nothing = view
    gone, until = read.age_of(reply[plan.stamp], None if plan.mark is None else marks[plan.mark], plan.ttl, now)
    return nothing if gone else tuple(map(decode, values_of(reply))), Standing(_STATUSES[gone], until)
