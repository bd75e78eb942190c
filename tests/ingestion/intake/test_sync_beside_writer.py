"""An app that writes while syncs read: at the end the store holds what the table holds, each state once."""

from __future__ import annotations

import json
import random
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from psycopg import sql

from feature_repo.errors import Unreachable
from ingestion.database.access import connect
from ingestion.features.refresh import refresh
from ingestion.features.verify import verify_offline
from ingestion.sources import retry
from quality.schema import BET_COLUMNS

OPERATIONS = 3_000
# How often the app writes, at most. A sync takes a fraction of a second, so it is written into everywhere.
PER_SECOND = 300
# How many syncs it writes beside, at least, however slow the machine is.
SYNCS = 8
# What clocks of the app's servers are off by, and how long a slow transaction stays open: both within the overlap.
SKEW_SECONDS = 2
OVERLAP = timedelta(seconds=30)

INSERT = """
    insert into public.bets (
        id, bet_type, status, american_odds, amount, profit, sport, league, market, institution_name, is_live,
        created_at, updated_at, time_placed
    )
    select %(prefix)s || n, 'straight', 'PENDING', -110, 10, 0, %(sport)s, 'League', 'Moneyline', 'Book', false,
           {created}, {stamp}, now() - interval '1 hour'
    from generate_series(1, %(rows)s) as n
    on conflict (id) do nothing
"""
CHANGES = (
    "status = 'SETTLED_WIN', profit = 9.09, amount = 10",
    "status = 'SETTLED_LOSS', profit = -amount",
    "status = 'SETTLED_VOID', profit = 0",
    "status = 'PENDING', profit = 0",
    "status = 'SETTLED_LOSS', amount = 25, profit = -25",
    "market = 'Spread'",
    "sport = 'Tennis'",
    "status = 'NO SUCH STATUS'",
)
STAMPS = ("clock_timestamp()", "now()", "clock_timestamp() + %(skew)s * interval '1 second'", "null")


class Writer:
    """Places, settles, regrades, renames, breaks, deletes and restores bets, some in transactions that commit late."""

    def __init__(self, postgres, seed):
        self.postgres, self.random = postgres, random.Random(seed)

    def write(self, operations, read_often):
        """Write `operations` times, and on until `read_often` is set."""
        with connect(self.postgres, purpose="writer", autocommit=True) as connection:
            while operations > 0 or not read_often.is_set():
                operations -= self._operate(connection)
                time.sleep(self.random.expovariate(PER_SECOND))

    def _operate(self, connection):
        kind = self.random.choices(["insert", "bulk", "change", "many", "delete", "late"], [30, 1, 50, 4, 10, 2])[0]
        if kind == "insert":
            return self._insert(connection, 1)
        if kind == "bulk":
            return self._insert(connection, 500)
        if kind == "late":
            with connection.transaction():  # its now() is old when it commits
                done = self._insert(connection, 1, "now()") + self._change(connection, 1, "now()")
                time.sleep(0.2)
            return done
        if kind == "delete":
            return connection.execute(
                "delete from public.bets where id = (select id from public.bets order by random() limit 1)"
            ).rowcount
        return self._change(connection, 1 if kind == "change" else 40)

    def _insert(self, connection, rows, stamp=None):
        params = {
            # Of single bets there are few enough for deleted ones to come back.
            "prefix": f"b{self.random.randrange(400)}-" if rows == 1 else f"bulk{self.random.getrandbits(64):x}-",
            "sport": self.random.choice(["Soccer", "Tennis", None]),
            "rows": rows,
            "skew": self._skew(),
        }
        stamp = stamp or self._stamp()
        # Without an updated_at a bet is found by its created_at.
        created = "clock_timestamp()" if stamp == "null" else "now() - interval '1 hour'"
        return connection.execute(INSERT.format(stamp=stamp, created=created), params).rowcount

    def patch(self, rows):
        """Change rows, and leave their updated_at as it is."""
        with connect(self.postgres, purpose="writer", autocommit=True) as connection:
            self._change(connection, rows, "updated_at")

    def _change(self, connection, rows, stamp=None):
        # One in ten leaves the stamp alone: within the overlap a sync sees that too, later only a reconciliation.
        stamp = stamp or ("updated_at" if self.random.random() < 0.1 else self._stamp(without_null=True))
        command = f"""
            update public.bets set {self.random.choice(CHANGES)}, updated_at = {stamp}
            where id in (select id from public.bets order by random() limit {rows})
        """
        return connection.execute(command, {"skew": self._skew()}).rowcount

    def _stamp(self, *, without_null=False):
        return self.random.choice(STAMPS[:3] if without_null else STAMPS)

    def _skew(self):
        return self.random.uniform(-SKEW_SECONDS, SKEW_SECONDS)


def held_by_table(postgres):
    columns = sql.SQL(", ").join(map(sql.Identifier, BET_COLUMNS))
    query = sql.SQL("select id, row_to_json(bet)::text from (select {} from public.bets) as bet").format(columns)
    with connect(postgres, purpose="test", autocommit=True) as connection:
        return {name: json.loads(row) for name, row in connection.execute(query)}


def held_by_store(database):
    newest = "select distinct on (id) id, payload::text from raw.bet_versions order by id, seq desc"
    return {name: json.loads(row) for name, row in database.execute(newest) if row != "null"}


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 2])
def test_syncs_beside_a_writer_lose_no_bet_and_duplicate_none(source, sync, compare, database, seed, monkeypatch):
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.01)  # each fault has passed by the next request
    if source.proxy:
        source.proxy.storm(0.1, seed)
    syncs, read_often = 0, threading.Event()
    writer = Writer(source.postgres, seed)
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(writer.write, OPERATIONS, read_often)
        try:
            while not writing.done():
                try:
                    sync(now=datetime.now(UTC), overlap=OVERLAP)
                except Unreachable:  # never two counts alike, or more failures in a row than are retried: all is undone
                    database.rollback()
                    continue
                if (syncs := syncs + 1) % 5 == 0:
                    refresh(database, run_id=uuid.uuid4(), now=datetime.now(UTC))
                    database.commit()
                if syncs == SYNCS:
                    read_often.set()
        finally:
            read_often.set()
        writing.result()

    time.sleep(SKEW_SECONDS)  # rows stamped ahead of the clock are read then
    sync(now=datetime.now(UTC), overlap=OVERLAP)
    table, store = held_by_table(source.postgres), held_by_store(database)
    stamped = {name: row for name, row in table.items() if store.get(name, row)["updated_at"] != row["updated_at"]}
    assert not stamped, "a change did not arrive"
    assert table.keys() <= store.keys(), "an insert did not arrive"
    for _ in range(3):
        writer.patch(40)
    patched = {name for name, row in held_by_table(source.postgres).items() if row != store[name]}
    assert patched
    counts = compare(now=datetime.now(UTC), most_deletes=OPERATIONS)
    assert counts.missed + counts.quarantined == len(patched)
    assert held_by_store(database) == held_by_table(source.postgres), "a delete or a patch did not arrive"
    assert compare(now=datetime.now(UTC)).differing == 0

    twice = """
        select id
        from (select id, content_hash, lag(content_hash) over (partition by id order by seq) from raw.bet_versions) as v
        where content_hash = lag
    """
    assert database.execute(twice).fetchall() == []
    refresh(database, run_id=uuid.uuid4(), now=datetime.now(UTC))
    assert not sum(found.differences for found in verify_offline(database))
    if source.proxy:
        assert source.proxy.injected.total() > 10
