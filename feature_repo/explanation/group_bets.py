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

# Measure -> how many of the newest graded bets it is over.
WINDOWS: Final = {"recent_win_rate": RECENT, "recent_win_rate_50": RECENT_LONG}


@dataclass(frozen=True)
class GroupBets:
    """The bets of one group as they stood at an instant. Every method reads the log, and nothing that is derived."""

    connection: psycopg.Connection
    group: Group
    key: str
    at: datetime

    @cached_property
    def totals(self) -> dict[str, Any]:
        """The columns of group_totals.sql."""
        return {name: total or 0 for name, total in self._row("group_totals").items()}

    def calculations(self, view: GroupedView, names: Collection[str]) -> dict[str, Calculation]:
        """These features of a view of the group, worked out of the bets that count."""
        calculations = {}
        for feature in view.declared:
            if feature.name in names:
                size = WINDOWS.get(feature.measure)
                sums = self.totals if size is None else self._row("window_totals", size=size)
                calculations[feature.name] = calculate(MEASURE_FORMULAS[feature.measure], sums, feature.dtype)
                if feature.measure == COUNT.name and not self.totals["graded"] and not self._has_ever_counted(view):
                    calculations[feature.name] = Calculation(None, "no bet of the group has ever counted", {})
        return calculations

    def versions(self, measures: Sequence[str], limit: int | None) -> tuple[list[BehindVersion], int]:
        """Versions that add to one of these measures, the newest first, at most `limit`; and how many there are.

        Without a limit also those that add nothing, and those that count no more or never did. A single window ends
        with its last bet.
        """
        size = WINDOWS.get(measures[0]) if len(measures) == 1 else None
        is_listed = sql.SQL("true") if limit is None else sql.SQL("state = 'counts' and {}").format(_adds(measures))
        query = self._query("listed_versions", is_listed=is_listed)
        rows: list[dict[str, Any]] = []
        if limit != 0:
            with self.connection.cursor(row_factory=dict_row) as cursor:
                rows = cursor.execute(query, self._parameters | {"limit": limit}).fetchall()
        if size is not None:
            rows = _to_last_of_window(rows, size)
        added = _added_columns(measures)
        listed = [_behind(row, added) for row in rows]
        columns = {ADDING_COLUMNS[measure] for measure in measures}
        adding = self.totals[columns.pop() if len(columns) == 1 else "adding"]
        return listed, len(listed) if limit is None else min(adding, size or adding)

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

    def _row(self, name: str, size: int | None = None, **parts: sql.Composable) -> dict[str, Any]:
        with self.connection.cursor(row_factory=dict_row) as cursor:
            row = cursor.execute(self._query(name, **parts), self._parameters | {"size": size}).fetchone()
        return row or {}

    def _query(self, name: str, **parts: sql.Composable) -> sql.Composed:
        versions = sql.SQL(feast_statement("group_versions")).format(
            same_group=same_group(self.group, self._parts, "version")
        )
        return sql.SQL(feast_statement(name)).format(versions=versions, **parts)

    @property
    def _parts(self) -> Sequence[str | None]:
        return split_key(self.key)

    @property
    def _parameters(self) -> dict[str, Any]:
        return group_parameters(self.group, self._parts) | {"at": self.at}


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
            sql.SQL("{} = 1").format(sql.Identifier(column))
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
