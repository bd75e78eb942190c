"""A store put back from an older dump, beside a Redis that went on: status, explain and materialize tell the truth."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import psycopg
import redis

from feature_repo.servers.connections import Connections, Postgres
from tests.builders.bet_files import NOW, bet, jsonl, lost
from tests.rigs.commands import environ_of, pikkit_here

HOUR = timedelta(hours=1)


def disconnected(postgres: Postgres) -> Postgres:
    """The same, with no session in it, so that it can be copied."""
    with psycopg.connect(**postgres.conninfo | {"dbname": "postgres"}, autocommit=True) as connection:
        connection.execute(
            "select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = %s", [postgres.database]
        )
    return postgres


def test_a_store_put_back_from_an_older_dump_is_told_of_until_the_online_copy_is_mended(
    new_applied: Callable[[], Connections], clone: Callable[[Postgres | None], Postgres], tmp_path: Path
) -> None:
    store = new_applied()
    first = environ_of(store, tmp_path / "home", PIKKIT_NOW=NOW.isoformat())
    later = first | {"PIKKIT_NOW": (NOW + HOUR / 2).isoformat()}
    run = ("run", "--source", jsonl(tmp_path / "a.jsonl", bet("a", 1), lost("b", 2)))
    assert pikkit_here(*run, environ=first).returncode == 0
    dump = clone(disconnected(store.postgres))
    run = ("run", "--source", jsonl(tmp_path / "b.jsonl", bet("c", 900), bet("d", 901)))
    assert pikkit_here(*run, environ=later).returncode == 0
    put_back = Connections(dump, store.redis, embedded=False)
    rewound = environ_of(put_back, tmp_path / "home", PIKKIT_NOW=(NOW + HOUR / 2).isoformat())

    def said(*arguments: str) -> tuple[int, str]:
        done = pikkit_here(*arguments, environ=rewound)
        return done.returncode, " ".join(done.stdout.split())

    exit_code, verdict = said("status", "--check")
    assert exit_code == 3
    assert "8 of 8 views do not stand online as Postgres has them" in verdict
    assert "2026-05-24T15:30:00Z, lies past all that was ever refreshed" in verdict
    exit_code, explained = said("explain", "sport_win_rate", "--key", "Soccer")
    assert exit_code == 0
    assert "offline 0.5" in explained
    assert "online, now 0.75" in explained
    assert "Redis has other values of sport_win_rate: `pikkit materialize`" in explained
    _, changed = said("diff", NOW.isoformat(), (NOW + HOUR / 2).isoformat())
    assert "No feature differs" in changed
    assert "0 versions became known" in changed
    assert said("materialize")[0] == 0
    with redis.Redis.from_url(store.redis.url) as client:
        bets = [key for key in client.scan_iter() if b"bet_id" in key]
    assert len(bets) == 2  # of the bets that the dump has, and none that it lost
    exit_code, verdict = said("status", "--check")
    assert (exit_code, "All 8 views are fresh" in verdict) == (0, True)
    assert "online, now 0.5" in said("explain", "sport_win_rate", "--key", "Soccer")[1]
