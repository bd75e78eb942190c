"""Numbers of rows that are kept beside what a count of all rows gives, whatever happened to the store."""

from __future__ import annotations

import uuid
from pathlib import Path

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_repo.declarations.views import STORED_VIEWS
from feature_repo.errors import GateRefused
from feature_repo.servers.connections import Connections
from ingestion import pipeline
from ingestion.database.access import connect, statement
from ingestion.features.refresh import refresh, withhold_refused
from ingestion.runs.status import store_status
from ingestion.sources.files.file_source import open_file
from tests.builders.bet_files import NOW, bet, jsonl, lost
from tests.builders.bet_logs import logs
from tests.ingestion.features.test_refresh import LATER, batches_of, write_log
from tests.rigs.lenient_pipeline import run, run_backfill

TABLES = ("raw.bet_versions", "processed.bet_versions", "processed.bets", "quarantine.bets", "features.vocabulary")


def counted_anew(connection: psycopg.Connection) -> dict[str, int]:
    """Rows by table, and bets with change rows by view, each by a plain count."""
    queries = {table: f"select count(*) from {table}" for table in TABLES}
    queries |= {
        view: f"select count(distinct bet_id) from features.{view}_changes"
        for view in ("bet_facts", "bet_closing_line")
    }
    return {name: value for name, query in queries.items() for (value,) in connection.execute(query)}  # type: ignore[call-overload]


def told(connections: Connections) -> dict[str, int]:
    """The same as `pikkit status` has it."""
    found = store_status(connections, NOW).contents
    assert found is not None
    keys = {view.name: view.keys for view in found.views if view.name in ("bet_facts", "bet_closing_line")}
    return {table: found.rows[table] for table in TABLES} | keys


def kept(connection: psycopg.Connection) -> dict[str, int]:
    return dict(connection.execute("select counted, rows from ops.row_counts").fetchall())


def test_counts_after_runs_syncs_refusals_deletes_and_backfills_are_those_of_all_rows(
    prepared: Connections, tmp_path: Path
) -> None:
    def file(*rows: dict[str, object]) -> object:
        return open_file(jsonl(tmp_path / "bets.jsonl", *rows))

    rows = [bet("a", 1, clv_percentage=2.0), lost("b", 2), bet("refused", 3, status="?")]
    with connect(prepared.postgres, purpose="test", autocommit=True) as connection:

        def check() -> None:
            assert told(prepared) == counted_anew(connection)

        check()
        run(prepared, file(*rows))
        check()
        assert kept(connection)["processed.bet_versions"] == 2
        pipeline.run_sync(prepared, file(*rows, lost("a", 4), bet("c", 5)))
        check()
        assert kept(connection)["processed.bet_versions"] == 2
        run(prepared, file(*rows, lost("a", 4), bet("c", 5)))
        check()
        assert kept(connection)["processed.bet_versions"] == 4
        with pytest.raises(GateRefused):
            # With the thresholds of gates as they are, so small a batch of faults is refused.
            pipeline.run_pipeline(prepared, file(*(bet(f"odd{n}", 6, status="?") for n in range(9)), bet("d", 7)))
        check()
        connection.execute("delete from features.bet_closing_line_changes")
        assert "features.bet_closing_line_changes" not in kept(connection)
        check()
        run_backfill(prepared)
        check()
        connection.execute("delete from raw.bet_versions where id = 'refused'")
        check()
        run(prepared, file(bet("e", 8, clv_percentage=1.0)))
        check()
        assert len(kept(connection)) == 4


@settings(max_examples=8)
@given(logs(max_size=40), st.lists(st.integers(0, 99), min_size=1, max_size=3), st.integers(0, 3))
def test_counts_beside_a_log_that_is_only_partly_refreshed_are_those_of_all_rows(
    database: psycopg.Connection, log: list[dict[str, object]], cuts: list[int], refreshed: int
) -> None:
    parameters = {
        "views": [view.name for view in STORED_VIEWS],
        "key_sources": [getattr(view, "group", view).name for view in STORED_VIEWS],
    }
    with database.transaction(force_rollback=True):
        for number, batch in enumerate(batches_of(log, cuts)):
            write_log(database, batch)
            withhold_refused(database)
            if number < refreshed:
                refresh(database, run_id=uuid.uuid4(), now=LATER, chunk_size=20)
            found = database.execute(statement("status_rows")).fetchone() or ()
            keys = {
                view.name: row[0]
                for view, row in zip(STORED_VIEWS, database.execute(statement("status_views"), parameters), strict=True)
            }
            expected = counted_anew(database)
            assert (found[1], found[2]) == (expected["processed.bet_versions"], expected["processed.bets"])
            assert {name: keys[name] for name in ("bet_facts", "bet_closing_line")} == {
                name: expected[name] for name in ("bet_facts", "bet_closing_line")
            }
