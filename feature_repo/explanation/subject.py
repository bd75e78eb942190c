"""What is to be explained: features by name, of a group by its key or of a bet by its id, as of an instant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

import psycopg
from psycopg import sql

from feature_repo.declarations.feature_lists import FEATURE_LISTS
from feature_repo.declarations.groups import INSTITUTION, Group
from feature_repo.declarations.views import (
    ON_DEMAND_DECLARATIONS,
    STORED_VIEWS,
    BetView,
    GroupedView,
    OnDemandDeclaration,
)
from feature_repo.errors import ConfigurationError
from feature_repo.explanation.group_bets import group_parameters, same_group
from feature_repo.explanation.single_bets import SingleBet
from feature_repo.group_keys import make_key, split_key
from feature_repo.near_names import did_you_mean
from feature_repo.postgres.queries import feast_statement

AnyView = GroupedView | BetView | OnDemandDeclaration

# What stands for the instant at which the bet was placed.
PLACEMENT: Final = "placement"
_NOTHING: Final = "Nothing was explained"
_VIEWS: Final[tuple[AnyView, ...]] = (*STORED_VIEWS, *ON_DEMAND_DECLARATIONS.values())


@dataclass(frozen=True)
class ExplainRequest:
    """What somebody asks.

    `name` is a feature, `view:feature`, a view or a service; `bet` an id, or `key` a group's key. `at` is an instant,
    `placement`, or null for now. `limit` versions are listed of each view, the newest; null: all, those that count no
    more too.
    """

    name: str
    bet: str | None = None
    key: str | None = None
    at: datetime | str | None = None
    limit: int | None = 20


class ChosenFeatures(NamedTuple):
    """Features of one view, in order."""

    view: AnyView
    features: tuple[str, ...]


def chosen_features(name: str) -> list[ChosenFeatures]:
    """The features that a name stands for, by view; those of a service in its order.

    Raises ConfigurationError for a name that is neither feature, view nor service.
    """
    for published in FEATURE_LISTS:
        if name == published.service:
            by_name = {view.name: view for view in _VIEWS}
            return [ChosenFeatures(by_name[view], features) for view, features in published.features.items()]
    wanted_view, _, wanted = name.rpartition(":")
    chosen = []
    for view in _VIEWS:
        features = tuple(feature.name for feature in view.declared)
        if name == view.name:
            chosen.append(ChosenFeatures(view, features))
        elif wanted in features and wanted_view in ("", view.name):
            chosen.append(ChosenFeatures(view, (wanted,)))
    if chosen:
        return chosen
    raise ConfigurationError(
        f"There is no feature, view or service {name}{did_you_mean(wanted, _known_names())}",
        _NOTHING,
        "`pikkit features` lists them",
    )


def _known_names() -> Iterable[str]:
    yield from dict.fromkeys(feature.name for view in _VIEWS for feature in view.declared)
    yield from (view.name for view in _VIEWS)
    yield from (published.service for published in FEATURE_LISTS)


def check_one_subject(request: ExplainRequest) -> None:
    """Raise ConfigurationError for a request that gives a bet and a key: the bet has keys of its own."""
    if request.bet is not None and request.key is not None:
        raise ConfigurationError("A bet and a key were given", _NOTHING, "Give one: --bet ID, or --key KEY")


def explained_instant(request: ExplainRequest, bet: SingleBet | None, now: datetime) -> datetime:
    """The instant as of which is explained. Raises ConfigurationError for a placement that is not known."""
    if request.at is None or isinstance(request.at, datetime):
        return request.at or now
    if bet is None:
        raise ConfigurationError("A group has no placement", _NOTHING, "Give the bet with --bet, or an instant")
    placed_at: datetime | None = bet.counted[-1]["time_placed"]
    if placed_at is None:
        raise ConfigurationError(f"When bet {bet.id} was placed is not known", _NOTHING, "Give an instant")
    return placed_at


def key_for(view: AnyView, request: ExplainRequest, bet: SingleBet | None, at: datetime) -> str:
    """The key under which a view is looked up; of one on demand the bet's id.

    That of a bet's group is made of what was known of the bet at the instant, or else of its first version. Raises
    ConfigurationError where the request does not say which.
    """
    if isinstance(view, GroupedView):
        if bet is None:
            return _checked_key(view.group, request.key)
        version = bet.as_of(at)
        return make_key([version[column] for column in view.group.columns])
    if bet is None:
        raise ConfigurationError(
            f"{view.name} is about single bets, and no bet was given", _NOTHING, "Give its id with --bet"
        )
    return bet.id


def _checked_key(group: Group, key: str | None) -> str:
    spelling = "|".join(group.columns)
    if key is None:
        raise ConfigurationError(
            f"Of which {group.name}?", _NOTHING, f"Give a bet with --bet ID, or the group with --key '{spelling}'"
        )
    try:
        parts: Sequence[str | None] = split_key(key)
    except ValueError:
        parts = ()
    if len(parts) != len(group.columns):
        raise ConfigurationError(
            f"{key!r} is no key of a {group.name}",
            _NOTHING,
            f"Write it as {spelling}, with a backslash before each backslash and bar of a name, and \\N for none",
        )
    return key


def check_known(connection: psycopg.Connection, group: Group, key: str) -> None:
    """Raise ConfigurationError for a group that no bet ever belonged to, with the one that may have been meant."""
    of_group = sql.SQL("select exists (select from processed.bet_versions as version where {})").format(
        same_group(group, split_key(key), "version")
    )
    if connection.execute(of_group, group_parameters(group, split_key(key))).fetchone() == (True,):
        return
    parts = sql.SQL(feast_statement("known_group_parts")).format(
        columns=sql.SQL(", ").join(map(sql.Identifier, group.columns))
    )
    known = [make_key(row) for row in connection.execute(parts)]
    kind = "book" if group is INSTITUTION else group.name
    raise ConfigurationError(
        f"No bet is or was of the {group.name} {key}{did_you_mean(key, known)}",
        _NOTHING,
        f"`pikkit groups {kind}` lists those that there are",
    )
