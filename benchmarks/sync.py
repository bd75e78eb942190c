"""Reading a table of bets: a first load over REST and by COPY, and the hourly sync beside histories of two sizes.

    python -m benchmarks.sync [rows over REST] [history ...]

The source is a real PostgREST behind the tests' gateway, and a Postgres; the store is another database of the same
server, so both share two cores with the tool. The floors: the same pages fetched by plain HTTP and thrown away, the
same table copied out as text and thrown away. The hourly sync brings 1,000 changes; each size is measured several times
in turn.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import polars as pl
import psycopg

from benchmarks.measuring import Row, Sample, show, timed
from benchmarks.stores import database, settle
from feature_repo.servers.connections import Postgres
from ingestion.database.access import connect
from ingestion.database.migrate import apply_migrations
from ingestion.embedded import servers
from ingestion.features.refresh import refresh
from ingestion.intake.counts import IntakeCounts
from ingestion.intake.load import load_rows
from ingestion.intake.request import SyncRequest, requested_rows
from ingestion.progress import silent
from ingestion.sample.sample import generate_sample
from ingestion.sources.postgres.postgres_table import open_postgres
from ingestion.sources.settings import SourcePostgres
from ingestion.sources.supabase.supabase_table import open_supabase
from ingestion.sources.table import SourceTable
from tests.builders.source_table import create_bets, fill
from tests.rigs.gateway import token
from tests.rigs.keeper import temporary_homes
from tests.rigs.supabase import Supabase, running_supabase

NOW = datetime(2026, 5, 24, 15, tzinfo=UTC)
CHANGES = 1_000
ROUNDS = 5
PATIENCE = timedelta(seconds=60)


def first_load(server: Postgres, rows: int) -> list[Row]:
    """A first load, each way, against its floor."""
    with source(server, rows) as project:
        load_rest, _ = loaded(server, over_rest(project))
        load_copy, _ = loaded(server, by_copy(project.postgres))
        fetched, copied_out = pages(project), copied(project.postgres)
    work = f"first load of {rows:,} rows into the log"
    return [
        Row(
            f"{work}, {name}",
            Sample("ours", (taken,)),
            Sample(floor, (least,)),
            note=f"{rows / taken:,.0f} rows/s",
        )
        for name, taken, floor, least in (
            ("PostgREST", load_rest, "pages by plain HTTP", fetched),
            ("COPY", load_copy, "bare COPY out", copied_out),
        )
    ]


def hourly(server: Postgres, histories: list[int]) -> list[Row]:
    """A sync of CHANGES changed bets, and the refresh after it, beside histories of these sizes."""
    taken: dict[tuple[str, int], list[tuple[float, ...]]] = {}
    for rows in histories:
        with source(server, rows) as project:
            for name, table in (("PostgREST", over_rest(project)), ("COPY", by_copy(project.postgres))):
                _, store = loaded(server, table)
                with connect(store, purpose="benchmark") as connection:
                    refresh(connection, run_id=uuid.uuid4(), now=NOW)
                    connection.commit()
                    connection.autocommit = True
                    settle(connection)
                    connection.autocommit = False
                    hours = [one_hour(connection, project.postgres, table, hour) for hour in range(1, ROUNDS + 1)]
                taken[name, rows] = list(zip(*hours, strict=True))
    return [
        Row(
            f"{CHANGES:,} changed bets, {name}: {part}",
            Sample(f"beside {rows:,}", taken[name, rows][which]),
            Sample(f"beside {histories[0]:,}", taken[name, histories[0]][which]),
        )
        for name in ("PostgREST", "COPY")
        for which, part in enumerate(("sync", "features"))
        for rows in histories[1:]
    ]


def one_hour(connection: psycopg.Connection, source: Postgres, table: SourceTable, hour: int) -> tuple[float, float]:
    """Change bets at the source, sync, refresh: the seconds of the last two."""
    now = NOW + timedelta(hours=hour)
    with connect(source, purpose="benchmark", autocommit=True) as app:
        app.execute(
            "update public.bets"
            " set amount = amount + 1, profit = profit * (amount + 1) / amount, roi = null, updated_at = %s"
            " where id in (select id from public.bets where amount > 0 order by md5(id || %s) limit %s)",
            [now, str(hour), CHANGES],
        )
    started = time.perf_counter()
    counts = read(connection, table, now)
    synced = time.perf_counter()
    if counts.accepted < CHANGES * 0.98:
        raise RuntimeError(f"only {counts.accepted} of {CHANGES} changes were accepted: {counts.reasons}")
    refresh(connection, run_id=uuid.uuid4(), now=now)
    connection.commit()
    return synced - started, time.perf_counter() - synced


def read(connection: psycopg.Connection, table: SourceTable, now: datetime) -> IntakeCounts:
    """A sync of everything new."""
    with requested_rows(connection, table, SyncRequest()) as rows:
        counts = load_rows(connection, rows, run_id=uuid.uuid4(), now=now)
    connection.commit()
    return counts


# ---- both sides ----------------------------------------------------------------------------------------------------


@contextmanager
def source(server: Postgres, rows: int) -> Iterator[Supabase]:
    """A project whose table holds that many bets, an index on (updated_at, id), and statistics."""
    postgres = database(server)
    create_bets(postgres)
    bets = generate_sample(rows, NOW, 7).unique("id", keep="last", maintain_order=True)
    money = [pl.col(name).cast(pl.Decimal(12, 2)) for name in ("amount", "profit")]
    fill(postgres, bets.with_columns(money))
    with connect(postgres, purpose="benchmark", autocommit=True) as connection:
        settle(connection)
    with running_supabase(postgres) as project:
        yield project


def over_rest(project: Supabase) -> SourceTable:
    """The project's table over REST."""
    return open_supabase(project.project(), PATIENCE, silent)


def by_copy(postgres: Postgres) -> SourceTable:
    """The same table by COPY."""
    conninfo = psycopg.conninfo.make_conninfo(**postgres.conninfo)
    return open_postgres(SourcePostgres(conninfo, "public", "bets"), PATIENCE, silent)


def loaded(server: Postgres, table: SourceTable) -> tuple[float, Postgres]:
    """Seconds of a first load into an empty store, and that store."""
    store = database(server)
    with connect(store, purpose="benchmark") as connection:
        apply_migrations(connection)
        taken = timed(lambda: read(connection, table, NOW))
        connection.autocommit = True
        settle(connection)
    return taken, store


# ---- floors --------------------------------------------------------------------------------------------------------


def pages(project: Supabase) -> float:
    """Every page by offset, through the same gateway, unread."""

    def fetch() -> None:
        for offset in range(0, 10**9, 1000):
            url = f"{project.proxy.url}/rest/v1/bets?order=updated_at,id&limit=1000&offset={offset}"
            key = token("service_role")
            asked = urllib.request.Request(url, headers={"apikey": key, "Authorization": f"Bearer {key}"})
            with urllib.request.urlopen(asked) as answer:
                if not json.loads(answer.read()):
                    return

    return timed(fetch)


def copied(postgres: Postgres) -> float:
    """Seconds of a COPY of the table whose rows nobody looks at."""

    def copy_out() -> None:
        with (
            connect(postgres, purpose="benchmark") as connection,
            connection.cursor().copy("copy public.bets to stdout") as copy,
        ):
            for _ in copy:
                pass

    return timed(copy_out)


def compare(rows: int, histories: list[int]) -> list[Row]:
    """Print and return both comparisons, on a server of their own."""
    with temporary_homes() as homes:
        server = servers.start_servers(homes / "home").postgres
        found = [*first_load(server, rows), *hourly(server, histories)]
    show("sync: reading a table of bets", found)
    return found


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:]]
    compare(numbers[0] if numbers else 100_000, numbers[1:] or [20_000, 200_000])
