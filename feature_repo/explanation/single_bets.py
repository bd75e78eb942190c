"""One bet: its versions, and the one that its features were made of as of an instant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row

from feature_repo.declarations.features import DeclaredFeature
from feature_repo.errors import ConfigurationError
from feature_repo.explanation.formulas import Calculation, bet_formula, calculate
from feature_repo.explanation.result import BehindVersion, VersionState
from feature_repo.near_names import did_you_mean
from feature_repo.postgres.queries import feast_statement

BetVersion = Mapping[str, Any]


@dataclass(frozen=True)
class SingleBet:
    """A bet by its versions, in the order in which they became known; superseded ones are among `versions` only."""

    id: str
    versions: Sequence[BetVersion]

    @property
    def counted(self) -> list[BetVersion]:
        """The versions that ever counted."""
        return [version for version in self.versions if not version["is_superseded"]]

    def known_at(self, at: datetime) -> BetVersion | None:
        """The version that was the newest known at an instant."""
        known = [version for version in self.counted if version["known_at"] <= at]
        return known[-1] if known else None

    def as_of(self, at: datetime) -> BetVersion:
        """The same; before anything was known of the bet its first version, which says what was placed."""
        return self.known_at(at) or self.counted[0]

    def placed_by(self, at: datetime) -> BetVersion | None:
        """The version that bet_facts has: whoever placed the bet knew the first one from then on."""
        first = self.counted[0]
        placed_at = first["time_placed"] or first["known_at"]
        return self.known_at(at) or (first if not first["is_deleted"] and placed_at <= at else None)

    def behind(self, shown: BetVersion | None, at: datetime, columns: Sequence[str]) -> list[BehindVersion]:
        """Its versions as of an instant and the one that is `shown`, the newest first, with these columns of each."""
        known = [version for version in self.versions if version["known_at"] <= at or version is shown]
        return [self._behind(version, at, columns) for version in reversed(known)]

    def _behind(self, version: BetVersion, at: datetime, columns: Sequence[str]) -> BehindVersion:
        later = [
            other
            for other in self.counted
            if other["previous_seq"] == version["seq"] and other["known_at"] <= at and not version["is_superseded"]
        ]
        state: VersionState = "replaced" if later else "counts"
        if version["is_superseded"] or version["is_deleted"]:
            state = "superseded" if version["is_superseded"] else "deleted"
        names = ("seq", "id", "known_at", "status", "american_odds", "run_id")
        return BehindVersion(
            **{name: version[name] for name in names},
            state=state,
            replaced_by=later[0]["seq"] if later else None,
            replaced_at=later[0]["known_at"] if later else None,
            adds={name: version[name] for name in columns if name in version},
        )


def bet_calculations(version: BetVersion | None, declared: Iterable[DeclaredFeature]) -> dict[str, Calculation]:
    """Features of a single bet, worked out of the columns of a version; null where there is none, or it is deleted."""
    if version is None or version["is_deleted"]:
        reason = "nothing was known of the bet" if version is None else "the bet is deleted"
        return {feature.name: Calculation(None, reason, {}) for feature in declared}
    return {
        feature.name: calculate(bet_formula(feature.name, version["american_odds"]), version, feature.dtype)
        for feature in declared
    }


def single_bet(connection: psycopg.Connection, bet: str) -> SingleBet:
    """The bet with this id. Raises ConfigurationError where the features know none."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(feast_statement("versions_of_bet"), {"bet": bet}).fetchall()
    if any(not row["is_superseded"] for row in rows):
        return SingleBet(bet, rows)
    similar = [name for (name,) in connection.execute(feast_statement("similar_ids"), {"bet": bet})]
    raise ConfigurationError(
        f"No published bet has the id {bet}{did_you_mean(bet, similar)}",
        "Nothing was explained",
        f"`pikkit quarantine show --id {bet}` shows one that was refused; `pikkit run` takes in and publishes new ones",
    )
