"""Bets turned into the feature vectors that a model sees when it scores them, with the age of every view beside them.

A bet is read by the same schema as at ingestion (quality/schema), so that it meets the groups that history knows.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from feature_repo.bets import NEEDED
from feature_repo.connections import Connections
from feature_repo.groups import BET_VIEWS, STORED_VIEWS
from feature_repo.vocabulary import VocabularyUnavailable
from ingestion.database import connect
from ingestion.errors import ConfigurationError, SourceRejected, Unreachable
from ingestion.preparation import check_prepared
from quality.schema.bet import judge

if TYPE_CHECKING:
    from feature_repo.scoring import Scorer, Vectors
    from ingestion.sources.files.formats.registry import FileFormat

Bet = Mapping[str, Any]

# What a model may use that decides on a bet: a bet's own closing line is unknown when the bet is placed.
DEFAULT_SERVICE: Final = "market_profitability_at_placement_v1"
# What the schema asks of a stored bet, and what nobody can or need say of one that is being placed.
_STAND_INS: Final = {"id": "-", "status": "PENDING", "bet_type": "straight"}
_EXAMPLE: Final = """Write it like {"sport": "Soccer", "league": null, "american_odds": -110, ...}"""
# Taken where a bet has them.
_OPTIONAL: Final = ("id", "clv_percentage")
_TTLS: Final = {view.name: view.ttl for view in STORED_VIEWS}
_BET_VIEWS: Final = {view.name for view in BET_VIEWS}
# Bets asked of the online store at once, and reasons printed before "and so many more".
_BATCH: Final = 500
_TOLD: Final = 10


@dataclass(frozen=True)
class ViewAge:
    """As of when the values of one view are. `event_timestamp` is null where the view holds nothing for the bet."""

    view: str
    event_timestamp: datetime | None
    age: timedelta | None
    ttl: timedelta

    @property
    def is_stale(self) -> bool:
        """Whether the view is null for being older than its TTL: the pipeline was silent for too long (rule R6)."""
        return self.age is not None and self.age > self.ttl


@dataclass(frozen=True)
class Vector:
    """The features of one bet, in the order of the service, and the age of each stored view they came from."""

    bet_id: str | None
    values: dict[str, Any]
    views: tuple[ViewAge, ...]


@dataclass(frozen=True)
class Scored:
    """Vectors in the order of the bets; `homes` is the view of each feature, in the order of the service."""

    service: str
    homes: dict[str, str]
    vectors: tuple[Vector, ...]

    @property
    def unknown(self) -> list[str]:
        """The ids that a service of single bets was asked for in vain."""
        if not set(self.homes.values()) <= _BET_VIEWS:
            return []
        return [str(one.bet_id) for one in self.vectors if not any(age.event_timestamp for age in one.views)]


def check(bets: Sequence[Bet], *, service: str, now: datetime) -> None:
    """Raise ConfigurationError for bets that `score` would refuse, before Feast is imported, which takes seconds.

    What another service than the default needs, only Feast's registry knows; `score` finds out.
    """
    if service == DEFAULT_SERVICE:
        _typed(bets, NEEDED, now)


def score(connections: Connections, bets: Sequence[Bet], *, service: str = DEFAULT_SERVICE, now: datetime) -> Scored:
    """Look up the features of bets in the online store. `time_placed` is `now` where a bet has none.

    Raises ConfigurationError that names all that is missing or wrong in the bets, Unreachable when a store is silent.
    """
    with _serving(connections, service) as scorer:
        typed = _typed(bets, _needed(set(scorer.homes.values())), now)
        batches = [typed[start : start + _BATCH] for start in range(0, len(typed), _BATCH)]
        vectors = [vector for batch in batches for vector in _vectors(scorer(batch, now=now), batch)]
        return Scored(service, dict(scorer.homes), tuple(vectors))


def parse_bets(text: str) -> list[dict[str, Any]]:
    """The bets of a JSON text: an object, or an array of them."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ConfigurationError(
            f"The bet is not readable as JSON: {error}",
            "Nothing was scored",
            f"{_EXAMPLE}; for a file of bets there is --file",
        ) from None
    bets = value if isinstance(value, list) else [value]
    if not bets or not all(isinstance(bet, dict) for bet in bets):
        raise ConfigurationError("The JSON is neither a bet nor an array of bets", "Nothing was scored", _EXAMPLE)
    return bets


def read_bets(path: Path, mapping: FileFormat | None = None) -> list[dict[str, Any]]:
    """The bets in a Parquet, JSON or CSV file, as they stand there, or as its format makes them of what stands there.

    Raises SourceRejected.
    """
    from ingestion.sources.files import open_file

    bets: list[dict[str, Any]] = []
    file = open_file(path, required=(), mapping=mapping)
    for page in file.pages():
        for number, problem in enumerate(page.problems, start=len(bets) + 1):
            if problem:
                raise SourceRejected(
                    f"Bet {number} of {path} cannot be read: {problem}",
                    "Nothing was scored",
                    "Mend it there",
                    path=path,
                )
        if file.format is None:
            bets += map(json.loads, page.payload)
        else:
            # What a format leaves out is null, as it is at ingestion.
            bets += page.rows.iter_rows(named=True)
    return bets


def _needed(views: set[str]) -> tuple[str, ...]:
    """The columns that a bet must have. A service of single bets needs nothing but their id."""
    return (*(["id"] if views & _BET_VIEWS else []), *(NEEDED if views - _BET_VIEWS else []))


def _typed(bets: Sequence[Bet], needed: Sequence[str], now: datetime) -> list[dict[str, Any]]:
    """The columns of the bets that are needed, as the schema types them. ConfigurationError has all that is wrong."""
    judged = [_judged(bet, needed, now) for bet in bets]
    wrong = [
        f"bet {number}: {reason}" if len(bets) > 1 else reason
        for number, (_, reasons) in enumerate(judged, start=1)
        for reason in reasons
    ]
    if wrong:
        more = f"; and {len(wrong) - _TOLD:,} more" if wrong[_TOLD:] else ""
        raise ConfigurationError(
            f"This cannot be scored: {'; '.join(wrong[:_TOLD])}{more}",
            "Nothing was scored",
            "Give what is missing (null or an empty text where it is unknown), and mend the rest; a --file with other "
            "columns needs --mapping FILE.toml (docs/formats.md)",
        )
    return [bet for bet, _ in judged]


def _judged(bet: Bet, needed: Sequence[str], now: datetime) -> tuple[dict[str, Any], list[str]]:
    """The typed columns of a bet, and every reason why it cannot be scored: those of the schema, and what it lacks."""
    given = {**bet, "id": bet.get("id", bet.get("bet_id")), "time_placed": bet.get("time_placed") or now}
    used = {name: given.get(name) for name in (*needed, *_OPTIONAL)}
    unasked = {name: value for name, value in _STAND_INS.items() if name not in needed and used.get(name) is None}
    typed, reasons = judge({**used, **unasked, "created_at": now, "updated_at": now}, now)
    missing = [f"{name}: missing" for name in needed if name not in given]
    return {name: typed.get(name) for name in used if name not in unasked}, list(dict.fromkeys((*missing, *reasons)))


def _vectors(scored: Vectors, bets: Sequence[Bet]) -> Iterator[Vector]:
    instants, ages = scored.as_of, scored.ages
    for position, (bet, values) in enumerate(zip(bets, scored.to_dicts(), strict=True)):
        views = (ViewAge(view, instants[view][position], ages[view][position], _TTLS[view]) for view in instants)
        yield Vector(bet.get("id"), values, tuple(views))


@contextmanager
def _serving(connections: Connections, service: str) -> Iterator[Scorer]:
    """A scorer of the service, without Feast's warnings, and with trouble of the stores in our words."""
    from feature_repo.refusals import NotScorable, OnlineStoreUnavailable
    from feature_repo.scoring import scorer
    from feature_repo.store import store_at

    with connect(connections.postgres, purpose="score", autocommit=True) as connection:
        check_prepared(connection)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield scorer(service, store=store_at(connections))
    except NotScorable as error:
        raise ConfigurationError(error.what, error.state, error.next_step) from None
    except OnlineStoreUnavailable as error:
        raise Unreachable(error.what, "Nothing was scored", error.next_step, service="Redis") from error
    except VocabularyUnavailable as error:
        raise Unreachable(str(error), "Nothing was scored", "Look at `pikkit doctor`", service="Postgres") from error
