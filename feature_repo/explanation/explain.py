"""Features explained: what is stored, what their bets give, what changed them last."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import psycopg

from feature_repo import clock
from feature_repo.declarations.features import DeclaredFeature
from feature_repo.declarations.groups import Group
from feature_repo.declarations.views import BET_FACTS, BetView, GroupedView, OnDemandDeclaration
from feature_repo.explanation.formulas import Calculation, values_agree
from feature_repo.explanation.group_bets import GroupBets
from feature_repo.explanation.origins import arrived_versions, runs_behind
from feature_repo.explanation.requested_features import requested_calculations, requested_values, versions_since
from feature_repo.explanation.result import BehindVersion, Change, ExplainedFeature, ExplainedView, Explanation
from feature_repo.explanation.single_bets import BetVersion, SingleBet, bet_calculations, single_bet
from feature_repo.explanation.stored_values import (
    FeatureChange,
    ServedRow,
    StoredView,
    feature_change,
    offline_row,
    online_row,
)
from feature_repo.explanation.subject import (
    ChosenFeatures,
    ExplainRequest,
    check_known,
    check_one_subject,
    chosen_features,
    explained_instant,
    key_for,
)
from feature_repo.postgres.queries import feast_statement

# Versions that are named of one change.
CHANGING_VERSIONS: Final = 5

# The instants of changes -> the versions that made each, by seq, and how many these are.
_Changing = Callable[[Sequence[datetime]], Mapping[datetime, tuple[list[int], int]]]


def explain_features(connection: psycopg.Connection, client: Any, request: ExplainRequest) -> Explanation:
    """Explain what the request asks for. `client` is redis-py's; nothing is written anywhere.

    Codes of names are read by the variables of the environment, as in serving. Raises ConfigurationError for a name,
    key, bet or instant that does not exist.
    """
    chosen, now = chosen_features(request.name), clock.now()
    check_one_subject(request)
    bet = single_bet(connection, request.bet) if request.bet is not None else None
    explainer = _Explainer(connection, client, request, bet, explained_instant(request, bet, now), now, chosen)
    watermark = connection.execute(feast_statement("features_watermark")).fetchone()
    views = tuple(explainer.view(each) for each in chosen)
    return Explanation(request.name, explainer.at, now, watermark[0] if watermark else None, request.bet, views)


@dataclass(frozen=True)
class _Behind:
    """The bets behind some features of a view: what they give, the versions to list, and those that made a change."""

    calculations: Mapping[str, Calculation]
    versions: Sequence[BehindVersion]
    in_all: int
    changing: _Changing


@dataclass(frozen=True)
class _Explainer:
    connection: psycopg.Connection
    client: Any
    request: ExplainRequest
    bet: SingleBet | None
    at: datetime
    now: datetime
    chosen: Sequence[ChosenFeatures]
    # By grouping and key: two views may be over the same bets.
    groups: dict[tuple[str, str], GroupBets] = field(default_factory=dict)

    def view(self, chosen: ChosenFeatures) -> ExplainedView:
        view, key = chosen.view, key_for(chosen.view, self.request, self.bet, self.at)
        declared = [feature for feature in view.declared if feature.name in chosen.features]
        if isinstance(view, OnDemandDeclaration):
            return self._on_demand(view, declared)
        behind = self._of_group(view, key, chosen) if isinstance(view, GroupedView) else self._of_bet(view, declared)
        return self._stored(view, key, declared, behind)

    # ---- the bets behind features ----------------------------------------------------------------------------------

    def _of_group(self, view: GroupedView, key: str, chosen: ChosenFeatures) -> _Behind:
        if self.bet is None:
            check_known(self.connection, view.group, key)
        asked = self._measures_of(view.group)
        bets = self.groups.setdefault(
            (view.group.name, key), GroupBets(self.connection, view.group, key, self.at, asked)
        )
        measures = [feature.measure for feature in view.declared if feature.name in chosen.features]
        versions, in_all = bets.versions(measures, self.request.limit)
        calculations = bets.calculations(view, chosen.features)
        return _Behind(
            calculations, versions, in_all, lambda instants: bets.changing_versions(instants, CHANGING_VERSIONS)
        )

    def _measures_of(self, group: Group) -> tuple[str, ...]:
        """What is asked of a group, in all views over it."""
        return tuple(
            feature.measure
            for view, names in self.chosen
            if isinstance(view, GroupedView) and view.group is group
            for feature in view.declared
            if feature.name in names
        )

    def _of_bet(self, view: BetView, declared: Sequence[DeclaredFeature]) -> _Behind:
        bet = self._bet
        version = bet.placed_by(self.at) if view is BET_FACTS else bet.known_at(self.at)
        # The row at the placement says what the first version did, which became known later.
        known = {each["known_at"]: each["seq"] for each in bet.counted}
        first: int = bet.counted[0]["seq"]
        return self._of_version(
            version,
            bet_calculations(version, declared),
            lambda instants: {instant: ([known.get(instant, first)], 1) for instant in instants},
        )

    def _of_version(
        self, version: BetVersion | None, calculations: Mapping[str, Calculation], changing: _Changing
    ) -> _Behind:
        columns = tuple(dict.fromkeys(name for each in calculations.values() for name in each.numbers))
        versions = self._bet.behind(version, self.at, columns)
        if self.request.limit is not None:
            versions = [each for each in versions if version is not None and each.seq == version["seq"]]
        return _Behind(calculations, versions, len(versions), changing)

    @property
    def _bet(self) -> SingleBet:
        if self.bet is None:
            raise LookupError("no bet, which key_for refuses")
        return self.bet

    # ---- what is stored, and computed on demand --------------------------------------------------------------------

    def _stored(
        self, view: StoredView, key: str, declared: Sequence[DeclaredFeature], behind: _Behind
    ) -> ExplainedView:
        offline = offline_row(self.connection, view, key, self.at)
        online = online_row(self.client, view, key, self.now)
        changes = {feature.name: self._change(view, feature.name, key, offline) for feature in declared}
        features = tuple(
            _explained(view.name, feature, behind.calculations[feature.name], offline, online, changes[feature.name])
            for feature in declared
        )
        return ExplainedView(
            view=view.name,
            key=key,
            ttl_seconds=view.ttl.total_seconds(),
            as_of=offline.until,
            change_row_at=offline.changed_at,
            online_as_of=online.until,
            features=features,
            versions=tuple(behind.versions),
            versions_in_all=behind.in_all,
            changes=self._changes(features, behind.changing),
        )

    def _on_demand(self, view: OnDemandDeclaration, declared: Sequence[DeclaredFeature]) -> ExplainedView:
        """Of the version that was known of the bet: the value is the same in training and in serving, and of no age."""
        version = self._bet.as_of(self.at)
        calculations = requested_calculations(self.connection, version, declared)
        computed = ServedRow("PRESENT", requested_values(view, version))
        since = versions_since(view, self._bet, version, computed.values)
        changes = {name: FeatureChange(each["known_at"], each["run_id"]) for name, each in since.items()}
        features = tuple(
            _explained(view.name, feature, calculations[feature.name], computed, computed, changes[feature.name])
            for feature in declared
        )
        known = {each["known_at"]: each["seq"] for each in since.values()}
        behind = self._of_version(
            version, calculations, lambda instants: {instant: ([known[instant]], 1) for instant in instants}
        )
        return ExplainedView(
            view=view.name,
            key=None,
            ttl_seconds=None,
            as_of=None,
            change_row_at=None,
            online_as_of=None,
            features=features,
            versions=tuple(behind.versions),
            versions_in_all=behind.in_all,
            changes=self._changes(features, behind.changing),
        )

    # ---- what changed them last ------------------------------------------------------------------------------------

    def _change(self, view: StoredView, feature: str, key: str, offline: ServedRow) -> FeatureChange | None:
        if offline.changed_at is None:
            return None
        return feature_change(self.connection, view, feature, key, offline.changed_at)

    def _changes(self, features: Sequence[ExplainedFeature], changing: _Changing) -> tuple[Change, ...]:
        """What changed these features last, the newest first."""
        by_row: dict[tuple[datetime, UUID], list[str]] = {}
        for feature in features:
            if feature.changed_at is not None and feature.changed_by is not None:
                by_row.setdefault((feature.changed_at, feature.changed_by), []).append(feature.feature)
        if not by_row:
            return ()
        made_by = changing([instant for instant, _ in by_row])
        runs = runs_behind(self.connection, [run_id for _, run_id in by_row])
        arrived = arrived_versions(self.connection, [seq for seqs, _ in made_by.values() for seq in seqs])
        return tuple(
            Change(
                instant,
                tuple(names),
                runs.get(run_id),
                tuple(version for version in arrived if version.seq in made_by.get(instant, ((), 0))[0]),
                made_by.get(instant, ((), 0))[1],
            )
            for (instant, run_id), names in sorted(by_row.items(), reverse=True)
        )


def _explained(
    view: str,
    feature: DeclaredFeature,
    again: Calculation,
    offline: ServedRow,
    online: ServedRow,
    change: FeatureChange | None,
) -> ExplainedFeature:
    name = feature.name
    is_computed = offline is online
    return ExplainedFeature(
        view=view,
        feature=name,
        dtype=feature.dtype,
        offline=offline.values[name],
        offline_status="PRESENT" if is_computed else offline.status_of(name),
        online=online.values[name],
        online_status="PRESENT" if is_computed else online.status_of(name),
        stored=offline.row[name],
        recomputed=again.value,
        calculation=again.text,
        sums=again.numbers,
        agrees=values_agree(offline.row[name], again.value, feature.dtype),
        changed_at=change.event_timestamp if change else None,
        changed_by=change.run_id if change else None,
    )
