"""Looking at a store beside histories of several sizes: explanations, differences, status, metrics, the report.

    python -m benchmarks.looking [history ...] [--full]

Each look is the function behind its command, in this process, without loading it: of the largest group (its sum, at now
and at an instant of the past; its window; twenty of its bets), what changed within a day, and what follows on each run.
Only the sum of a whole group may grow with it. `--full` adds a million bets.

What the index on `known_at` costs is measured beside the same table without it: all rows of processed.bet_versions
into an empty copy, and a hundred more rows into one that is full.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import psycopg
from psycopg import sql

from benchmarks.measuring import Row, Sample, in_turn, show, timed
from benchmarks.stores import NOW, Loaded, Stores, scratch, stores
from feature_repo import clock
from feature_repo.explanation.differences.instants import difference_of_instants
from feature_repo.explanation.explain import explain_features
from feature_repo.explanation.sessions import explaining_session
from feature_repo.explanation.subject import ExplainRequest
from feature_repo.group_keys import make_key
from ingestion.database.access import connect

ROUNDS, FEW_ROWS = 5, 100
DAY = timedelta(days=1)
SMALL, LARGE, LARGEST = 27_222, 100_000, 1_000_000
# Of what needs not grow with the history, beside one of four times or forty times as many bets.
BOUNDED, GROWS = 2.0, None


def looks(store: Loaded) -> Mapping[str, Callable[[], object]]:
    """Each look at a store by its name."""
    from ingestion.monitoring.measurements import measure
    from ingestion.report.written_report import write_report
    from ingestion.runs.status import status_by_clock

    connections, page = store.connections, scratch() / "report.html"
    look = partial(status_by_clock, connections)
    seen = look()
    with connect(connections.postgres, purpose="benchmark") as connection:
        sport, market = largest_group(connection)
    asked: dict[str, ExplainRequest] = {
        "sum of the largest group": ExplainRequest("sport_edge", key=make_key([sport]), limit=0),
        "the same a day ago": ExplainRequest("sport_edge", key=make_key([sport]), at=NOW - DAY, limit=0),
        "window of the largest group": ExplainRequest("recent_win_rate", key=make_key([sport, market])),
    }
    return {
        **{name: partial(explained, store, request) for name, request in asked.items()},
        "what changed in a day": partial(differed, store),
        "status": look,
        "metrics, after the status": lambda: measure(connections, lambda: seen),
        "report, after the status": lambda: write_report(connections, page, lambda: seen),
    }


def largest_group(connection: psycopg.Connection) -> tuple[str, str]:
    """Sport and market of the most bets."""
    row = connection.execute(
        "select sport, market from processed.bets where sport is not null and market is not null "
        "group by sport, market order by count(*) desc limit 1"
    ).fetchone()
    if row is None:
        raise LookupError("no bets")
    return row[0], row[1]


def explained(store: Loaded, request: ExplainRequest) -> None:
    """Explain it. Raises RuntimeError where what is stored is not what the bets give."""
    with (
        connect(store.connections.postgres, purpose="benchmark") as connection,
        explaining_session(connection, store.connections) as client,
    ):
        if not explain_features(connection, client, request).agrees:
            raise RuntimeError(f"{request} does not agree with its bets")


def differed(store: Loaded) -> None:
    """Compare now with a day ago."""
    with connect(store.connections.postgres, purpose="benchmark") as connection:
        difference_of_instants(connection, NOW - DAY, NOW, 3)


def looking(of: Stores, histories: Sequence[int]) -> list[Row]:
    """Each look beside each history, against the same beside the first."""
    clock.set_now(NOW)
    taken = {bets: in_turn(ROUNDS, looks(of(bets))) for bets in histories}
    least, rows = histories[0], []
    for bets in histories[1:]:
        for name, ours in taken[bets].items():
            ours, first = (
                Sample(f"beside {size:,}", sample.values)
                for size, sample in ((bets, ours), (least, taken[least][name]))
            )
            is_sum = name.startswith(("sum", "the same"))
            rows.append(Row(name, ours, first, target=GROWS if is_sum else BOUNDED))
    show("looking", rows)
    return rows


def indexed(store: Loaded) -> list[Row]:
    """What the index on known_at costs whoever writes: all rows, and a few more."""
    with connect(store.connections.postgres, purpose="benchmark", autocommit=True) as connection:
        sides = {"with the index": True, "without": False}
        all_rows: dict[str, list[float]] = {side: [] for side in sides}
        few_rows: dict[str, list[float]] = {side: [] for side in sides}
        for _ in range(ROUNDS):
            for side, has_index in sides.items():
                empty_copy(connection, has_index)
                all_rows[side].append(timed(partial(copied, connection, "true")))
                connection.execute(
                    "delete from bench.copy where seq > (select max(seq) - %s from bench.copy)", [FEW_ROWS]
                )
                newest = f"seq > (select max(seq) - {FEW_ROWS} from processed.bet_versions)"
                few_rows[side].append(timed(partial(copied, connection, newest)))
        connection.execute("drop schema bench cascade")
    rows = [
        Row(f"{work} into processed.bet_versions", *(Sample(side, tuple(taken[side])) for side in sides), target=1.15)
        for work, taken in ((f"all rows of {store.bets:,} bets", all_rows), (f"{FEW_ROWS} rows", few_rows))
    ]
    show("index on known_at", rows)
    return rows


def empty_copy(connection: psycopg.Connection, has_index: bool) -> None:
    """A table like processed.bet_versions, with all of its indexes but, if so, the one on known_at."""
    connection.execute("drop schema if exists bench cascade")
    connection.execute("create schema bench")
    connection.execute("create table bench.copy (like processed.bet_versions including all)")
    query = "select indexrelid::regclass::text from pg_index where indrelid = 'bench.copy'::regclass"
    of_known_at: list[Any] = [name for (name,) in connection.execute(query) if name.endswith("copy_known_at_idx")]
    for name in [] if has_index else of_known_at:
        connection.execute(sql.SQL("drop index {}").format(sql.Identifier(*name.split("."))))
    if len(of_known_at) != 1:
        raise LookupError("processed.bet_versions has no index on known_at alone")


def copied(connection: psycopg.Connection, condition: str) -> None:
    """Rows of processed.bet_versions into the copy."""
    connection.execute(f"insert into bench.copy select * from processed.bet_versions where {condition} order by seq")


def compare(of: Stores, histories: Sequence[int]) -> list[Row]:
    """Print and return the rows of both."""
    return [*looking(of, histories), *indexed(of(histories[-1]))]


if __name__ == "__main__":
    sizes = [int(argument) for argument in sys.argv[1:] if argument.isdigit()] or [SMALL, LARGE]
    with stores() as made:
        compare(made, [*sizes, LARGEST] if "--full" in sys.argv[1:] else sizes)
