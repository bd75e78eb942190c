"""A store with one row per group of a few awkward bets: real Postgres, Redis and registry, applied and materialized.

features_of    what each bet's groups hold; every group has a count of its own, so that a value tells whose it is
stocked        the services, for a whole module
store          Feast's store over them, with the environment it needs, the clock at REFRESHED_AT
retry_waits    how long clients of Redis wait between two attempts
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
import redis
from psycopg import sql

from feature_repo import REPOSITORY, clock
from feature_repo.declarations.views import GROUPED_VIEWS
from feature_repo.group_keys import make_key
from feature_repo.servers.connections import Connections, Postgres, Redis
from feature_repo.servers.environment import feast_environment
from ingestion.database.access import connect
from tests.builders.judgements import pass_gates
from tests.rigs.databases import temporary_database
from tests.rigs.published_store import gated, published, published_template

__all__ = ["gated", "published", "published_template"]

REFRESHED_AT = datetime.now(UTC).replace(microsecond=0)
PLACED_AT = REFRESHED_AT - timedelta(minutes=10)


def bet(
    sport: str | None, league: str | None, market: str | None, institution: str | None, **other: Any
) -> dict[str, Any]:
    columns = {"sport": sport, "league": league, "market": market, "institution_name": institution}
    usual = {
        "bet_type": "straight",
        "american_odds": -110,
        "is_live": False,
        "time_placed": PLACED_AT,
        "clv_percentage": 2.5,
    }
    return columns | usual | other


# Pairs that Feast's own keys, a careless join of parts, or a careless null would take for one another.
BETS = [
    bet("NBA", "East", "1H Total", "DraftKings"),
    bet("NBA1", "East", "H Total", "draftkings"),
    bet("a|b", "c", "d", "x|y"),
    bet("a", "b|c", "d", "x\\|y"),
    bet("a\\", "b", "|c", "x\\"),
    bet("a", "\\b", "c", "\\N"),
    bet(None, None, None, None),
    bet("\\N", "\\N", "\\N", "nil"),
    bet("Soccer", None, "Moneyline", 'O\'Neil "Books"'),
    bet("Soccer", "nil", "Moneyline", "line one\nline two"),
    bet("⚽️ Fußball", "Серия A", "Über 2½", "賭博🎲"),
    bet("s" * 200, "l" * 200, "m" * 200, "i" * 200),
    bet("s" * 199 + "t", "l" * 200, "m" * 200, "'; drop table features.watermark; --"),
]

FACTS = {
    "full": {
        "american_odds": 100_000,
        "decimal_odds": 1001.0,
        "implied_prob": 100 / 100_100,
        "is_live": True,
        "bet_type": "parlay",
        "sport": "a|b",
        "league": 'O\'Neil "Cup"',
        "market": "Über 2½ ⚽️",
        "institution_name": "line one\nline two",
        "amount": 0.07,
    },
    "empty": {},
}
CLOSING_LINES = {"full": {"clv_percentage": -66.0979, "clv_ev": -0.066, "clv_current_odds": -105.2632}, "empty": {}}


@pytest.fixture(scope="session")
def features_of() -> dict[tuple[str, str], int]:
    """(view, key) -> the number that every feature of that group holds."""
    keys = [
        (view.name, key)
        for view in GROUPED_VIEWS
        for key in dict.fromkeys(make_key([bet[column] for column in view.group.columns]) for bet in BETS)
    ]
    return {key: number for number, key in enumerate(keys, start=1)}


@pytest.fixture(scope="module")
def stocked(
    servers: Connections, applied_template: Postgres, features_of: dict[tuple[str, str], int]
) -> Iterator[Connections]:
    with temporary_database(servers.postgres, applied_template) as database_of_a_module:
        postgres = dataclasses.replace(database_of_a_module, password="unused")
        connections = Connections(postgres, Redis(servers.redis.url.removesuffix("/0") + "/0"), embedded=False)
        with pytest.MonkeyPatch.context() as environment, connect(postgres, purpose="test") as database:
            for variable, value in feast_environment(connections).items():
                environment.setenv(variable, value)
            _fill(database, features_of)
            pass_gates(database)
            database.commit()
            with redis.Redis.from_url(connections.redis.url) as client:
                client.flushdb()  # other modules were served from it
            _materialize()
        yield connections


@pytest.fixture
def retry_waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that clients of Redis waited between two attempts, or would have: here they go on at once."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr("redis.retry.sleep", waits.append)
    monkeypatch.setattr("redis.asyncio.retry.sleep", sleep)
    return waits


@pytest.fixture
def store(stocked: Connections, monkeypatch: pytest.MonkeyPatch) -> Any:
    from feast import FeatureStore

    for variable, value in feast_environment(stocked).items():
        monkeypatch.setenv(variable, value)
    clock.set_now(REFRESHED_AT)
    return FeatureStore(str(REPOSITORY))


_numbers = itertools.count(1)


def _materialize() -> None:
    from feast import FeatureStore

    FeatureStore(str(REPOSITORY)).materialize(REFRESHED_AT - timedelta(days=2), REFRESHED_AT)


def _fill(database: psycopg.Connection, features_of: dict[tuple[str, str], int]) -> None:
    known_at = REFRESHED_AT - timedelta(hours=30)
    database.execute("insert into features.watermark values (true, 1, %s, gen_random_uuid())", [REFRESHED_AT])
    for view in GROUPED_VIEWS:
        for (name, key), number in features_of.items():
            if name == view.name:
                row = {view.group.join_key: key, "event_timestamp": known_at, "created_timestamp": known_at}
                _insert(database, f"features.{name}_changes", row | dict.fromkeys(view.features, number))
    placed = {"event_timestamp": PLACED_AT, "created_timestamp": PLACED_AT}
    for bet_id, fact in FACTS.items():
        _insert(database, "features.bet_facts_changes", {"bet_id": bet_id} | placed | fact)
    for bet_id, line in CLOSING_LINES.items():
        _insert(database, "features.bet_closing_line_changes", {"bet_id": bet_id} | placed | line)
    for code, value in enumerate(("NBA", "a|b", "Soccer"), start=1):
        database.execute("insert into features.vocabulary values ('sport', %s, %s)", [value, code])
    database.execute("insert into features.vocabulary values ('league', 'East', 1), ('market', 'Moneyline', 1)")
    database.execute(
        "insert into features.vocabulary values ('institution_name', 'x|y', 1), ('bet_type', 'straight', 1)"
    )


def _insert(database: psycopg.Connection, table: str, row: dict[str, Any]) -> None:
    command = sql.SQL("insert into {} ({}, run_id) values ({}, gen_random_uuid())").format(
        sql.Identifier(*table.split(".")),
        sql.SQL(", ").join(map(sql.Identifier, row)),
        sql.SQL(", ").join([sql.Placeholder()] * len(row)),
    )
    database.execute(command, list(row.values()))
