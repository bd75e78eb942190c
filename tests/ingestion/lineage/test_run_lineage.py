"""The lineage record of real runs: which events there are, that they keep to the spec, and what a kill leaves."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from feature_repo import clock
from feature_repo.declarations.views import STORED_VIEWS
from feature_repo.errors import GateRefused, SourceRejected, Unreachable
from feature_repo.servers.connections import Connections, Postgres
from ingestion import pipeline
from ingestion.database.access import connect
from ingestion.pipeline import run_materialize, run_reconcile
from ingestion.progress import silent
from ingestion.quarantine.refused_rows import Selection
from ingestion.quarantine.retry import retry_quarantined
from ingestion.runs.record import recorded_run
from ingestion.sources.files.file_source import open_file
from ingestion.sources.postgres.postgres_table import open_postgres
from ingestion.sources.settings import SourcePostgres
from tests.builders.bet_files import NOW, bet, jsonl, lost
from tests.builders.hostile_text import TEXTS
from tests.builders.source_table import create_bets, put
from tests.ingestion.conftest import conninfo
from tests.ingestion.lineage.conftest import events_of, facets_of, the_event, told
from tests.rigs.commands import environ_of, pikkit_here
from tests.rigs.forked_commands import forked_command
from tests.rigs.lenient_pipeline import run, run_backfill
from tests.rigs.processes import wait_until

HOUR = timedelta(hours=1)
GONE = "redis://127.0.0.1:1/0"


def without_redis(store: Connections) -> Connections:
    return dataclasses.replace(store, redis=type(store.redis)(GONE))


def test_every_event_and_facet_of_every_kind_of_run_keeps_to_the_spec(
    prepared: Connections,
    tmp_path: Path,
    spec_problems: Callable[[dict[str, Any]], list[str]],
    clone: Callable[[Postgres | None], Postgres],
) -> None:
    good = open_file(jsonl(tmp_path / "good.jsonl", bet("a", 1, clv_percentage=2.0), lost("b", 2)))
    run(prepared, good)
    run_backfill(prepared)
    clock.set_now(NOW + HOUR)
    with pytest.raises(GateRefused):
        pipeline.run_pipeline(prepared, open_file(jsonl(tmp_path / "bad.jsonl", bet("c", 3, status="?"))))
    with pytest.raises(Unreachable):
        run_materialize(without_redis(prepared))
    with connect(prepared.postgres, purpose="test", autocommit=True) as connection:
        connection.execute(
            "update ops.runs set state = 'running' where run_id = (select max(run_id::text)::uuid from ops.runs)"
        )
    run_materialize(prepared, rebuild=True)
    # An override, a retry of what was refused, a failure, and a table that is read and compared; names are hostile.
    hostile = 'it\'s "<b>" %s {x}\n' + TEXTS["right to left"]
    odd = jsonl(tmp_path / 'o\'dd "%s" <b>.jsonl', bet(hostile, 4, sport=hostile, market=hostile))
    pipeline.run_pipeline(prepared, open_file(odd), override=hostile)
    retry_quarantined(prepared, Selection())
    with pytest.raises(SourceRejected), recorded_run(prepared.postgres, "run", source=hostile):
        raise SourceRejected(hostile, "postgresql://me:hush@db", "", path=odd)
    table = clone(None)
    create_bets(table)
    put(table, bet("of the table", 1))
    source = open_postgres(SourcePostgres(conninfo(table), "public", "bets"), HOUR, silent)
    run_reconcile(prepared, source)
    events = events_of(prepared)
    begun = [
        e["run"]["facets"]["tags"]["tags"] for e in events if (e["job"]["name"], e["eventType"]) == ("pikkit", "START")
    ]
    assert {tag["value"] for tags in begun for tag in tags} == {
        "run", "backfill", "materialize", "reconcile", "quarantine retry",
    }  # fmt: skip
    assert "hush" not in json.dumps(events)
    assert {event["eventType"] for event in events} == {"START", "RUNNING", "COMPLETE", "FAIL", "ABORT"}
    names = {name for event in events for holder in facet_holders(event) for name in holder}
    assert names >= {
        "nominalTime", "processing_engine", "jobType", "parent", "errorMessage", "schema", "symlinks", "columnLineage",
        "dataQualityMetrics", "dataQualityAssertions", "outputStatistics", "inputStatistics", "version", "tags",
    }  # fmt: skip
    assert [problem for event in events for problem in spec_problems(event)] == []


def facet_holders(event: dict[str, Any]) -> list[dict[str, Any]]:
    holders = [event["run"], event["job"], *event["inputs"], *event["outputs"]]
    return [holder.get(name, {}) for holder in holders for name in ("facets", "inputFacets", "outputFacets")]


def test_an_event_with_a_broken_facet_does_not_keep_to_the_spec(
    prepared: Connections, tmp_path: Path, spec_problems: Callable[[dict[str, Any]], list[str]]
) -> None:
    run(prepared, open_file(jsonl(tmp_path / "bets.jsonl", bet("a", 1))))
    for event in events_of(prepared):
        for facet in facets_of(event):
            facet.pop("_producer")
            assert spec_problems(event)
            return


def test_a_run_tells_a_job_for_each_view_with_the_run_as_parent(prepared: Connections, tmp_path: Path) -> None:
    done = run(prepared, open_file(jsonl(tmp_path / "bets.jsonl", bet("a", 1, clv_percentage=2.0))))
    events = events_of(prepared)
    assert told(events, "pikkit") == ["START", "RUNNING", "COMPLETE"]
    assert {e["run"]["runId"] for e in events if e["job"]["name"] == "pikkit"} == {str(done.run_id)}
    (tag,) = the_event(events, "pikkit", "START")["run"]["facets"]["tags"]["tags"]
    assert (tag["key"], tag["value"]) == ("verb", "run")
    parts = [f"{kind}.{view.name}" for kind in ("features", "online") for view in STORED_VIEWS]
    for job in ("intake", "gate", *parts):
        assert told(events, job) == ["START", "COMPLETE"]
        parent = the_event(events, job, "COMPLETE")["run"]["facets"]["parent"]
        assert (parent["run"]["runId"], parent["job"]["name"]) == (str(done.run_id), "pikkit")


def test_datasets_have_physical_names_and_symlinks_and_form_a_connected_graph(
    prepared: Connections, tmp_path: Path
) -> None:
    run(prepared, open_file(jsonl(tmp_path / "bets.jsonl", bet("a", 1, clv_percentage=2.0))))
    events = events_of(prepared)
    database, redis = prepared.postgres.database, prepared.redis
    intake = the_event(events, "intake", "COMPLETE")
    (written,) = the_event(events, "features.sport_stats", "COMPLETE")["outputs"]
    (copied,) = the_event(events, "online.sport_stats", "COMPLETE")["outputs"]
    assert [(each["namespace"], each["name"]) for each in intake["inputs"]] == [("file", "bets.jsonl")]
    assert written["name"] == f"{database}.features.sport_stats"
    assert written["facets"]["symlinks"]["identifiers"] == [
        {"namespace": "pikkit", "name": "sport_stats", "type": "VIEW"}
    ]
    assert (copied["namespace"], copied["name"]) == (
        f"redis://{redis.host}:{redis.port}",
        f"{redis.number}/sport_stats",
    )
    assert copied["outputFacets"]["outputStatistics"]["rowCount"] == 1
    # From the file to Redis, each step's output is the next one's input.
    (log,) = the_event(events, "features.sport_stats", "COMPLETE")["inputs"]
    assert log["name"] in [each["name"] for each in intake["outputs"]]
    (history,) = the_event(events, "online.sport_stats", "COMPLETE")["inputs"]
    assert (history["namespace"], history["name"]) == (written["namespace"], written["name"])
    # No directory of this machine, nor a self-loop.
    text = json.dumps(events)
    assert prepared.postgres.host not in text
    assert str(tmp_path) not in text
    for event in events:
        assert not {(d["namespace"], d["name"]) for d in event["inputs"]} & {
            (d["namespace"], d["name"]) for d in event["outputs"]
        }


def test_columns_of_an_event_are_those_of_the_column_lineage(prepared: Connections, tmp_path: Path) -> None:
    run(prepared, open_file(jsonl(tmp_path / "bets.jsonl", bet("a", 1))))
    (output,) = the_event(events_of(prepared), "features.sport_stats", "COMPLETE")["outputs"]
    lineage = output["facets"]["columnLineage"]
    columns = {each["field"] for each in lineage["fields"]["sport_roi"]["inputFields"]}
    assert columns == {"is_deleted", "status", "amount_cents", "profit_cents"}
    assert {each["field"] for each in lineage["dataset"]} == {"sport", "known_at"}
    assert set(lineage["fields"]) == {field["name"] for field in output["facets"]["schema"]["fields"][2:]}


def test_a_refused_run_tells_failed_checks_and_has_no_view_on_record(prepared: Connections, tmp_path: Path) -> None:
    with pytest.raises(GateRefused) as refused:
        pipeline.run_pipeline(prepared, open_file(jsonl(tmp_path / "bets.jsonl", bet("a", 1), bet("b", status="?"))))
    events = events_of(prepared)
    assert (told(events, "pikkit"), told(events, "gate")) == (["START", "RUNNING", "FAIL"], ["START", "FAIL"])
    assert not [event for event in events if event["job"]["name"].startswith("features.")]
    (log,) = the_event(events, "gate", "FAIL")["inputs"]
    assertions = {each["name"]: each for each in log["inputFacets"]["dataQualityAssertions"]["assertions"]}
    verdict = refused.value.failed[0]
    assertion = assertions[f"{verdict['gate']} of the {verdict['scope']}"]
    assert (assertion["success"], assertion["severity"]) == (False, "error")
    assert (assertion["expected"], assertion["content"]) == (verdict["threshold"], verdict["query"])
    assert assertion.get("actual") == (None if verdict["value"] is None else repr(verdict["value"]))
    assert {each["severity"] for each in assertions.values()} == {"error", "warn"}
    with connect(prepared.postgres, purpose="test") as connection:
        steps = connection.execute("select step from ops.run_steps order by position").fetchall()
    assert [step for (step,) in steps] == ["sync", "anomalies", "features", "gates", "lineage", "commit"]


def test_a_run_killed_after_the_commit_is_closed_by_the_next_run_and_served(
    prepared: Connections, tmp_path: Path
) -> None:
    environ = environ_of(prepared, tmp_path / "home", PIKKIT_NOW=NOW.isoformat())
    file = jsonl(tmp_path / "bets.jsonl", bet("a", 1))
    with connect(prepared.postgres, purpose="test") as obstacle, connect(prepared.postgres, purpose="test") as looker:
        # The copy asks this table first what it lacks, once the run is committed.
        obstacle.execute("lock table ops.materializations")
        with forked_command("pikkit", ["run", "--source", file], environ=environ, cwd=tmp_path) as process:
            wait_until(lambda: waits(looker), process)
            process.kill()
            process.wait()
    events = events_of(prepared)
    begun = ["START", "RUNNING"]
    assert (told(events, "pikkit"), told(events, "features.sport_stats")) == (begun, ["START", "COMPLETE"])
    run_materialize(prepared)
    assert told(events_of(prepared), "pikkit") == [*begun, "ABORT", "START", "COMPLETE"]
    assert told(events_of(prepared), "online.sport_stats") == ["START", "COMPLETE"]
    with connect(prepared.postgres, purpose="test") as connection:
        steps = connection.execute(
            "select step, seconds is null from ops.run_steps join ops.runs using (run_id) where state = 'died' "
            "order by position"
        ).fetchall()
    assert steps[-1] == ("materialize", True)
    assert not any(unended for _, unended in steps[:-1])


def waits(connection: psycopg.Connection) -> bool:
    query = "select 1 from pg_locks where not granted and relation = 'ops.materializations'::regclass"
    with connection.transaction():
        return connection.execute(query).fetchone() is not None


def test_rows_without_a_lineage_record_are_refused_by_the_copy_until_a_backfill(
    prepared: Connections, tmp_path: Path
) -> None:
    run(prepared, open_file(jsonl(tmp_path / "bets.jsonl", bet("a", 1))))
    with connect(prepared.postgres, purpose="test", autocommit=True) as connection:
        connection.execute("delete from ops.lineage_events")
    with pytest.raises(GateRefused, match="its lineage is not on record"):
        run_materialize(prepared, rebuild=True)
    run_backfill(prepared)
    assert run_materialize(prepared, rebuild=True).summary.online.total > 0


def test_a_password_in_an_error_reaches_neither_record_nor_event(
    prepared: Connections, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUPABASE_KEY", "planted-secret-1")

    def fails(*_: Any, **__: Any) -> None:
        raise RuntimeError(
            "no answer from postgresql://me:planted-secret-2@db/x with planted-secret-1 (password=planted-secret-3)"
        )

    monkeypatch.setattr(pipeline, "refresh", fails)
    with pytest.raises(RuntimeError):
        run(prepared, open_file(jsonl(tmp_path / "bets.jsonl", bet("a", 1))))
    with connect(prepared.postgres, purpose="test") as connection:
        kept = connection.execute("select error from ops.runs").fetchone()
    failure = the_event(events_of(prepared), "pikkit", "FAIL")["run"]["facets"]["errorMessage"]["message"]
    assert kept == (failure,)
    assert "no answer from" in failure
    assert "planted" not in failure


@pytest.mark.parametrize("view", [view.name for view in STORED_VIEWS])
def test_a_flipped_bit_of_any_column_changes_the_digest_and_order_does_not(
    database: psycopg.Connection, view: str
) -> None:
    columns = database.execute(
        "select column_name, data_type from information_schema.columns where table_schema = 'features' "
        "and table_name = %s and column_name not in ('run_id', 'created_timestamp') order by ordinal_position",
        [f"{view}_changes"],
    ).fetchall()
    first = {
        "text": "'aa'", "double precision": "1.5", "bigint": "4", "integer": "4", "boolean": "true",
        "timestamp with time zone": "'2026-05-01 12:00:00.000000Z'",
    }  # fmt: skip
    # The same value but for its last bit.
    flipped = {
        "text": "'a`'", "double precision": "1.5000000000000002", "bigint": "5", "integer": "5", "boolean": "false",
        "timestamp with time zone": "'2026-05-01 12:00:00.000001Z'",
    }  # fmt: skip
    key = columns[0][0]
    others = {name: "null" for name, _ in columns} | {"event_timestamp": "now()", key: "'other'"}
    row = {name: first[kind] for name, kind in columns}

    def digest(*rows: dict[str, str]) -> Any:
        names = ", ".join(columns_of := list(rows[0]))
        values = ", ".join(f"({', '.join(each[name] for name in columns_of)}, now(), '{RUN}')" for each in rows)
        try:
            database.execute("savepoint before")
            database.execute(
                f"insert into features.{view}_changes ({names}, created_timestamp, run_id) values {values}"  # type: ignore[arg-type]
            )
            return database.execute("select rows, checksum from features.digests(%s, null)", [view]).fetchone()
        finally:
            database.execute("rollback to before")

    before = digest(row, others)
    assert digest(others, row) == before
    for name, kind in columns:
        assert digest(row | {name: flipped[kind]}, others) != before, name
        assert digest(row | {name: "null"}, others) != before if name not in (key, "event_timestamp") else True, name


RUN = "00000000-0000-7000-8000-000000000001"


def test_runs_show_and_lineage_run_print_inputs_outputs_and_versions(prepared: Connections, tmp_path: Path) -> None:
    environ = environ_of(prepared, tmp_path / "home", PIKKIT_NOW=NOW.isoformat())
    pikkit_here("run", "--source", jsonl(tmp_path / "bets.jsonl", bet("a", 1, clv_percentage=2.0)), environ=environ)
    shown = pikkit_here("runs", "--json", environ=environ).stdout
    run_id = json.loads(shown)["runs"][0]["run_id"]
    text = pikkit_here("runs", "show", run_id[:13], environ=environ).stdout
    for part in (
        "file:bets.jsonl",
        f"Run {run_id}, run of file:bets.jsonl: done.",
        "accepted 1, ",
        "sport_stats",
        "features.sport_stats  COMPLETE",
        "Checks:",
        "Sent nowhere",
    ):
        assert part in text
    assert "quarantined" not in text.split("Checks:")[0]  # a count of zero
    document = json.loads(pikkit_here("lineage", "--run", run_id, "--json", environ=environ).stdout)
    assert [job["state"] for job in document["jobs"] if job["job"] == "features.sport_stats"] == ["COMPLETE"]
    written = json.loads(pikkit_here("runs", "show", run_id, "--json", environ=environ).stdout)["written"]
    assert written["sport_stats"]["feature_versions"]["sport_roi"] == 1
