"""Bets turned into the feature vectors that a model sees when it scores them, with the age of every view beside them.

A bet is read by the same schema as at ingestion (quality/schema), so that it meets the groups that history knows.
"""

from __future__ import annotations

import json
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from feature_repo.bets.bet_types import BetType
from feature_repo.bets.frame import NEEDED
from feature_repo.bets.odds import american_of_decimal
from feature_repo.declarations.views import BET_VIEWS, STORED_VIEWS
from feature_repo.errors import ConfigurationError, SourceRejected, Unreachable
from feature_repo.near_names import did_you_mean, nearest_names
from feature_repo.servers.connections import Connections
from ingestion.database.access import connect, statement
from ingestion.database.rollout import check_readable
from quality.advice import ADVICE
from quality.schema.bet import BET_COLUMNS, KINDS, judge_row
from quality.schema.grammar import HAS_OFFSET, NUMBER
from quality.schema.kinds import cleaned

if TYPE_CHECKING:
    from feature_repo.scoring import Model, Scorer, Vectors
    from ingestion.sources.files.formats.known_formats import FileFormat

Bet = Mapping[str, Any]

# What a model may use that decides on a bet: a bet's own closing line is unknown when the bet is placed.
DEFAULT_SERVICE: Final = "market_profitability_at_placement_v1"
# What the schema asks of a stored bet, and what nobody can or need say of one that is being placed.
_STAND_INS: Final = {"id": "-", "status": "PENDING", "bet_type": "straight"}
# What a bet in JSON may say: all that the schema knows, and what Feast calls its id.
_KEYS: Final = (*BET_COLUMNS, "bet_id")
_EXAMPLE: Final = """Write it like {"sport": "Soccer", "league": null, "american_odds": -110, ...}"""
# Taken where a bet has them.
_OPTIONAL: Final = ("id", "clv_percentage")
_TTLS: Final = {view.name: view.ttl for view in STORED_VIEWS}
_BET_VIEWS: Final = {view.name for view in BET_VIEWS}
# Bets asked of the online store at once, and reasons printed before "and so many more".
_BATCH: Final = 500
_TOLD: Final = 10
# Unknown names for which the nearest known ones are looked for: each takes some milliseconds among thousands.
_HINTED: Final = 100


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
    """The features of one bet, in the order of the service, and the age of each stored view they came from.

    `unknown_names`: column -> the name that the bet has there, of those names that no stored bet has.
    `names_known_group`: whether its sport or its book is one that a stored bet has.
    """

    bet_id: str | None
    values: dict[str, Any]
    views: tuple[ViewAge, ...]
    unknown_names: dict[str, str]
    names_known_group: bool
    #: By the model, null without a price; null without a model too, as are the next three.
    win_probability: float | None = None
    #: The price as offered, as a probability: 1 / decimal odds.
    offered_probability: float | None = None
    #: The calibrated price.
    calibrated_probability: float | None = None
    #: What the model expects a stake of 1 to return beyond itself at the offered odds.
    promised_return: float | None = None


@dataclass(frozen=True)
class UnknownName:
    """A name that no stored bet has in this column, how many of the scored bets have it, and the known ones nearest."""

    column: str
    name: str
    bets: int
    nearest: tuple[str, ...]


@dataclass(frozen=True)
class Scored:
    """Vectors in the order of the bets; `feature_views` is the view of each feature, in the order of the service.

    `unknown_names`: each name that the store does not know once, in the order of the columns and of the bets.
    """

    service: str
    feature_views: dict[str, str]
    vectors: tuple[Vector, ...]
    unknown_names: tuple[UnknownName, ...]
    #: The name of the model that was asked; null without one.
    model: str | None = None

    @property
    def is_by_id(self) -> bool:
        """Whether the service looks bets up by their id, and asks for nothing else of them."""
        return set(self.feature_views.values()) <= _BET_VIEWS

    @property
    def unknown(self) -> list[str]:
        """The ids that a service of single bets was asked for in vain."""
        if not self.is_by_id:
            return []
        return [str(one.bet_id) for one in self.vectors if not any(age.event_timestamp for age in one.views)]


def check(bets: Sequence[Bet], *, service: str, now: datetime) -> None:
    """Raise ConfigurationError for bets that `score` would refuse, before Feast is imported, which takes seconds.

    What another service than the default needs, only Feast's registry knows; `score` finds out.
    """
    if service == DEFAULT_SERVICE:
        _typed(bets, NEEDED, now)


def score_bets(
    connections: Connections,
    bets: Sequence[Bet],
    *,
    service: str = DEFAULT_SERVICE,
    now: datetime,
    model: Model | None = None,
) -> Scored:
    """Look up the features of bets in the online store. `time_placed` is `now` where a bet has none.

    Raises ConfigurationError that names all that is missing or wrong in the bets, Unreachable when a store is silent.
    """
    with _serving(connections, service, model) as scorer:
        typed = _typed(bets, _needed(set(scorer.feature_views.values())), now)
        batches = [typed[start : start + _BATCH] for start in range(0, len(typed), _BATCH)]
        vectors = [vector for batch in batches for vector in _vectors(scorer(batch, now=now), batch)]
        unknown = _unknown_names(connections, vectors)
        return Scored(service, dict(scorer.feature_views), tuple(vectors), unknown, model.name if model else None)


def naive_instants(bets: Sequence[Bet]) -> list[str]:
    """The different texts in `time_placed` that name no zone, in the order of the bets. They are read as UTC."""
    placed = [bet["time_placed"] for bet in bets if isinstance(bet.get("time_placed"), str) and bet["time_placed"]]
    return [text for text in dict.fromkeys(placed) if not re.search(HAS_OFFSET, text.strip())]


def parse_bets(text: str) -> list[dict[str, Any]]:
    """The bets of a JSON text: an object, or an array of them.

    Raises ConfigurationError for a text that is neither, and for keys that no bet has.
    """
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
    if unknown := [key for key in dict.fromkeys(key for bet in bets for key in bet) if key not in _KEYS]:
        named = ", ".join(f"{key!r}{did_you_mean(key, _KEYS)}" for key in unknown)
        raise ConfigurationError(
            f"A bet has no {named}",
            "Nothing was scored",
            f"Mend the name, or leave it out. What is scored is {', '.join(NEEDED)}; known as well are "
            f"{', '.join(name for name in _KEYS if name not in NEEDED)}",
        )
    return bets


def read_bets(path: Path, mapping: FileFormat | None = None) -> list[dict[str, Any]]:
    """The bets in a Parquet, JSON or CSV file, as they stand there, or as its format makes them of what stands there.

    Raises SourceRejected.
    """
    from ingestion.sources.files.file_source import open_file

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
        advice = dict.fromkeys(
            text for bet, (_, reasons) in zip(bets, judged, strict=True) for text in _advice(bet, reasons, needed, now)
        )
        raise ConfigurationError(
            f"This cannot be scored: {'; '.join(wrong[:_TOLD])}{more}",
            "Nothing was scored",
            "".join(f"{text}. " for text in list(advice)[:_TOLD])
            + "Give what is missing (null or an empty text where it is unknown), and mend the rest; a --file with "
            "other columns needs --mapping FILE.toml (docs/formats.md)",
        )
    return [bet for bet, _ in judged]


def _judged(bet: Bet, needed: Sequence[str], now: datetime) -> tuple[dict[str, Any], list[str]]:
    """The typed columns of a bet, and every reason why it cannot be scored: those of the schema, and what it lacks."""
    given = {**bet, "id": bet.get("id", bet.get("bet_id")), "time_placed": bet.get("time_placed") or now}
    used = {name: given.get(name) for name in (*needed, *_OPTIONAL)}
    unasked = {
        name: value
        for name, value in _STAND_INS.items()
        if cleaned(KINDS[name], used.get(name)) is None and (name not in needed or (name in bet and name != "id"))
    }
    typed, reasons = judge_row({**used, **unasked, "created_at": now, "updated_at": now}, now)
    missing = [f"{name}: missing" for name in needed if name not in given]
    sound = {
        name: None if name in unasked else typed[name]
        for name in used
        if name in typed and (name in needed or name not in unasked)
    }
    return sound, list(dict.fromkeys((*missing, *reasons)))


def _advice(bet: Bet, reasons: Sequence[str], needed: Sequence[str], now: datetime) -> Iterator[str]:
    """What would be right where a bet has something else, a sentence each, without its full stop."""
    yield from (ADVICE[reason] for reason in reasons if reason in ADVICE)
    name = "odds" if bet.get("american_odds") is None else "american_odds"
    price = str(bet.get(name)).strip()
    if "american_odds" in needed and re.fullmatch(NUMBER, price):
        american = american_of_decimal(float(price)) if abs(float(price)) < 100 else None
        if american is not None:
            yield f"As a decimal price {price} is american_odds {american:+d}"
        elif name == "odds":
            yield f"A price is given as american_odds; {price} stands in odds"
    if any(reason == f"time_placed: {limit.reason}" for reason in reasons for limit in KINDS["time_placed"].limits):
        yield f"The clock stands at {now:%Y-%m-%dT%H:%M:%SZ}, and --now moves it"
    if f"bet_type: {KINDS['bet_type'].unreadable}" in reasons and (
        nearest := nearest_names(str(bet.get("bet_type")), BetType, most=1)
    ):
        yield f"{bet['bet_type']!r} may be {nearest[0]}"


def _vectors(scored: Vectors, bets: Sequence[Bet]) -> Iterator[Vector]:
    instants, ages, unknown = scored.as_of, scored.ages, scored.unknown_names
    by_model = scored.chances
    chances = (
        zip(by_model.model, by_model.offered, by_model.calibrated, by_model.promised_returns, strict=True)
        if by_model
        else repeat((None, None, None, None), len(scored))
    )
    for position, (bet, values, of_bet) in enumerate(zip(bets, scored.to_dicts(), chances, strict=True)):
        views = (ViewAge(view, instants[view][position], ages[view][position], _TTLS[view]) for view in instants)
        known = any(
            bet.get(name) is not None and name not in unknown[position] for name in ("sport", "institution_name")
        )
        yield Vector(bet.get("id"), values, tuple(views), unknown[position], known, *of_bet)


def _unknown_names(connections: Connections, vectors: Sequence[Vector]) -> tuple[UnknownName, ...]:
    """The unknown names of all vectors, each once, with the known ones of their columns that are nearest."""
    counts = Counter(named for vector in vectors for named in vector.unknown_names.items())
    if not counts:
        return ()
    columns = list(dict.fromkeys(column for column, _ in counts))
    known: dict[str, list[str]] = {column: [] for column in columns}
    with connect(connections.postgres, purpose="score", autocommit=True) as connection:
        for column, name in connection.execute(statement("vocabulary_names"), {"columns": columns}):
            known[column].append(name)
    return tuple(
        UnknownName(column, name, bets, nearest_names(name, known[column]) if position < _HINTED else ())
        for position, ((column, name), bets) in enumerate(counts.items())
    )


@contextmanager
def _serving(connections: Connections, service: str, model: Model | None) -> Iterator[Scorer]:
    """A scorer of the service, without Feast's warnings, and with trouble of the stores in our words."""
    from feature_repo.scoring import scorer
    from feature_repo.store import store_at

    with connect(connections.postgres, purpose="score", autocommit=True) as connection:
        check_readable(connection)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield scorer(service, store=store_at(connections), model=model)
    except Unreachable as error:
        error.state = "Nothing was scored"
        raise
