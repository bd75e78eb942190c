"""The bets of a group as of an instant: what they add up to, and which versions they are."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from feature_repo.declarations.features import COUNT, RECENT, RECENT_LONG
from feature_repo.declarations.groups import Group
from feature_repo.declarations.views import GroupedView
from feature_repo.explanation.formulas import (
    ADDING_COLUMNS,
    MEASURE_FORMULAS,
    Calculation,
    calculate,
    names_in,
    plain_number,
)
from feature_repo.explanation.result import BehindVersion
from feature_repo.group_keys import split_key
from feature_repo.postgres.queries import feast_statement

# What stands in place of the id of a bet that was forgotten, and still counts in history.
A_FORGOTTEN_BET: Final = "a forgotten bet"
# Versions of a group that are listed at the most, whatever was asked for: a group may have millions. Some 100 MB.
MOST_LISTED: Final = 50_000
# Bets that are looked for by a list of their ids.
_MOST_MOVED_ON: Final = 5_000
# Measure -> how many of the newest graded bets it is over.
WINDOWS: Final = {"recent_win_rate": RECENT, "recent_win_rate_50": RECENT_LONG}


@dataclass(frozen=True)
class GroupBets:
    """The bets of one group as they stood at an instant. Every method reads the log, and nothing that is derived.

    `measures` are all that will be asked for: the group is summed up once for them.
    """

    connection: psycopg.Connection
    group: Group
    key: str
    at: datetime
    measures: tuple[str, ...]

    @cached_property
    def totals(self) -> dict[str, Any]:
        """The sums that the measures are made of, but for windows; and how many bets add to them, by column."""
        summed = [name for each in self.measures if each not in WINDOWS for name in names_in(MEASURE_FORMULAS[each])]
        names = dict.fromkeys([*summed, *(ADDING_COLUMNS[each] for each in self.measures)])
        sums = sql.SQL(", ").join(sql.SQL("sum({0}) as {0}").format(sql.Identifier(name)) for name in names)
        return {name: total or 0 for name, total in self._row("group_totals", sums=sums).items()}

    def calculations(self, view: GroupedView, names: Collection[str]) -> dict[str, Calculation]:
        """These features of a view of the group, worked out of the bets that count."""
        calculations = {}
        for feature in view.declared:
            if feature.name in names:
                size = WINDOWS.get(feature.measure)
                sums = self.totals if size is None else self._window_totals(size)
                calculations[feature.name] = calculate(MEASURE_FORMULAS[feature.measure], sums, feature.dtype)
                if feature.measure == COUNT.name and not self.totals["graded"] and not self._has_ever_counted(view):
                    calculations[feature.name] = Calculation(None, "no bet of the group has ever counted", {})
        return calculations

    def versions(self, measures: Sequence[str], limit: int | None) -> tuple[list[BehindVersion], int]:
        """Versions that add to one of these measures, the newest first, at most `limit`; and how many there are.

        Without a limit also those that add nothing, and those that count no more or never did, and at most MOST_LISTED.
        A single window ends with its last bet.
        """
        size = WINDOWS.get(measures[0]) if len(measures) == 1 else None
        is_listed = sql.SQL("true") if limit is None else sql.SQL("is_counted and {}").format(_adds(measures))
        query = self._query("listed_versions", is_listed=is_listed)
        rows: list[dict[str, Any]] = []
        if limit != 0:
            with self.connection.cursor(row_factory=dict_row) as cursor:
                most = MOST_LISTED if limit is None else min(limit, MOST_LISTED)
                rows = cursor.execute(query, self._parameters | {"limit": most}).fetchall()
        if size is not None:
            rows = _to_last_of_window(rows, size)
        added = _added_columns(measures)
        listed = [_behind(row, added) for row in rows]
        return listed, self._listed_in_all(len(listed), size) if limit is None else self._adding(measures, size)

    def _listed_in_all(self, listed: int, size: int | None) -> int:
        """How many versions a whole list has, of which so many were read."""
        return listed if size is not None or listed < MOST_LISTED else int(self._row("count_versions")["count"])

    def _adding(self, measures: Sequence[str], size: int | None) -> int:
        """How many versions add to one of these measures; of a single window those within it."""
        if size is not None:
            return int(self._window_totals(size)["bets"])
        columns = {ADDING_COLUMNS[measure] for measure in measures}
        return int(self.totals[columns.pop() if len(columns) == 1 else "adding"])

    def changing_versions(self, instants: Sequence[datetime], limit: int) -> dict[datetime, tuple[list[int], int]]:
        """Instant -> the versions that came into the group or left it then, by seq; at most `limit`, and how many."""
        query = sql.SQL(feast_statement("changing_versions")).format(
            same_group=same_group(self.group, self._parts, "version"),
            same_group_before=same_group(self.group, self._parts, "before"),
        )
        changing: dict[datetime, tuple[list[int], int]] = {}
        parameters = self._parameters | {"instants": list(instants), "limit": limit}
        for known_at, seq, in_all in self.connection.execute(query, parameters):
            changing.setdefault(known_at, ([], in_all))[0].append(seq)
        return changing

    def _has_ever_counted(self, view: GroupedView) -> bool:
        """Whether a version ever added to a measure of the view, up to the end of an instant at least."""
        return bool(self._row("has_ever_counted", adds=_adds([each.measure for each in view.declared]))["exists"])

    def _window_totals(self, size: int) -> dict[str, Any]:
        return self._row("window_totals", size=size)

    def _row(self, name: str, size: int | None = None, **parts: sql.Composable) -> dict[str, Any]:
        with self.connection.cursor(row_factory=dict_row) as cursor:
            row = cursor.execute(self._query(name, **parts), self._parameters | {"size": size}).fetchone()
        return row or {}

    def _query(self, name: str, **parts: sql.Composable) -> sql.Composed:
        versions = sql.SQL(feast_statement("group_versions")).format(
            same_group=same_group(self.group, self._parts, "version"), moved_on=self._may_have_moved_on
        )
        return sql.SQL(feast_statement(name)).format(versions=versions, **parts)

    @property
    def _parts(self) -> Sequence[str | None]:
        return split_key(self.key)

    @property
    def _parameters(self) -> dict[str, Any]:
        log_position, moved_on = self._bounds
        bounds = {"at": self.at, "log_position": log_position, "moved_on": moved_on}
        return group_parameters(self.group, self._parts) | bounds

    @property
    def _may_have_moved_on(self) -> sql.Composable:
        """The condition that something may be known of the bet of `version` past what is looked at."""
        moved_on = len(self._bounds[1])
        if moved_on > _MOST_MOVED_ON:
            return sql.SQL("true")
        return sql.SQL("version.id = any(%(moved_on)s::text[])") if moved_on else sql.SQL("false")

    @cached_property
    def _bounds(self) -> tuple[int | None, list[str]]:
        """Up to which version the features follow the log, and bets that moved on from what is looked at."""
        parameters = {"at": self.at, "limit": _MOST_MOVED_ON + 1}
        return self.connection.execute(feast_statement("log_bounds"), parameters).fetchone() or (None, [])


def group_parameters(group: Group, parts: Sequence[str | None]) -> dict[str, str | None]:
    """The parameters of `same_group`: column -> its part of a key. As text of the query a percent sign would be one."""
    return dict(zip(group.columns, parts, strict=True))


def same_group(group: Group, parts: Sequence[str | None], alias: str) -> sql.Composable:
    """The condition that a row is of the group with these parts of a key, given as `group_parameters`."""
    conditions = [
        sql.SQL("{} is null").format(sql.Identifier(alias, column))
        if part is None
        else sql.SQL("{} = {}").format(sql.Identifier(alias, column), sql.Placeholder(column))
        for column, part in zip(group.columns, parts, strict=True)
    ]
    return sql.SQL("({})").format(sql.SQL(" and ").join(conditions))


def _adds(measures: Collection[str]) -> sql.Composable:
    return sql.SQL("({})").format(
        sql.SQL(" or ").join(
            sql.Identifier(f"adds_to_{column}")
            for column in dict.fromkeys(ADDING_COLUMNS[measure] for measure in measures)
        )
    )


def _added_columns(measures: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for measure in measures for name in names_in(MEASURE_FORMULAS[measure])))


def _to_last_of_window(rows: list[dict[str, Any]], size: int) -> list[dict[str, Any]]:
    """The rows, the newest first, up to the one with which `size` graded bets count."""
    graded = 0
    for place, row in enumerate(rows):
        graded += row["state"] == "counts" and row["graded"]
        if graded == size:
            return rows[: place + 1]
    return rows


def _behind(row: Mapping[str, Any], added: Sequence[str]) -> BehindVersion:
    names = ("seq", "known_at", "status", "american_odds", "run_id", "state", "replaced_by", "replaced_at")
    bet = A_FORGOTTEN_BET if row["is_forgotten"] else row["id"]
    return BehindVersion(
        id=bet, **{name: row[name] for name in names}, adds={name: plain_number(row[name]) for name in added}
    )
