"""The quality gate over the pipeline, on real servers: what it refuses is not published, everything else is kept."""

from __future__ import annotations

import dataclasses
import doctest
import json
import re
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta

import polars as pl
import psycopg
import pytest
import redis
from psycopg import sql

from feature_repo import clock
from feature_repo.declarations.views import STORED_VIEWS
from feature_repo.errors import GateRefused
from feature_repo.servers.connections import Connections
from feature_repo.servers.environment import feast_environment
from ingestion import pipeline
from ingestion.database.access import connect
from ingestion.gates.config_file import gates_of
from ingestion.gates.results import verdicts
from ingestion.pipeline import compare, run_backfill, run_materialize
from ingestion.runs import actor
from ingestion.runs.actor import current_actor
from ingestion.runs.status import store_status
from ingestion.runs.store_verdict import store_problem, store_verdict
from ingestion.sample.sample import generate_sample
from ingestion.sources.files.file_source import open_file
from tests.builders.bet_files import NOW
from tests.rigs.commands import environ_of, pikkit_here
from tests.rigs.databases import (
    create_database,
    disconnect,
    drop_database,
    dumped,
    emptied_redis,
    restore,
    temporary_database,
)

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def history():
    """3,000 bets as a source sends them, the last ones an hour old."""
    return generate_sample(3000, NOW - HOUR, seed=4)


@pytest.fixture(scope="module")
def loaded_template(applied_template, servers, history, tmp_path_factory):
    """A database of the history, loaded an hour ago by a run, and what that run put into Redis: key -> its dump."""
    with temporary_database(servers.postgres, applied_template) as postgres:
        store = Connections(postgres, emptied_redis(servers.redis), embedded=False)
        with pytest.MonkeyPatch.context() as environment:
            for variable in feast_environment(store):
                environment.setenv(variable, "")  # put back what a run sets
            clock.set_now(NOW - HOUR)
            pipeline.run_pipeline(store, open_file(written(tmp_path_factory.mktemp("history"), history)))
        disconnect(store.postgres)
        with redis.Redis.from_url(store.redis.url) as client:
            online = dumped(client)
        yield store.postgres, online


@pytest.fixture
def loaded(prepared, servers, loaded_template):
    """The prepared store, as the first run over the history left it; the clock stands at that run."""
    template, online = loaded_template
    drop_database(prepared.postgres)
    create_database(servers.postgres, prepared.postgres.database, template)
    with redis.Redis.from_url(prepared.redis.url) as client:
        restore(client, online)
    clock.set_now(NOW - HOUR)
    return prepared


@pytest.fixture
def load(prepared, tmp_path):
    """Runs the pipeline over rows, as of an instant."""

    def load(rows, *, now=NOW, **options):
        clock.set_now(now)
        return pipeline.run_pipeline(prepared, open_file(written(tmp_path, rows)), **options)

    return load


def written(directory, rows):
    path = directory / "bets.parquet"
    rows.write_parquet(path)
    return path


def good(history, rows=150, *, minutes=30, name="new"):
    """Bets like the newest of the history, under ids of their own, placed half an hour later."""
    later = timedelta(minutes=minutes)
    newest = history.unique("id", keep="last", maintain_order=True).tail(rows)
    shifted = [pl.col(column) + later for column in ("created_at", "updated_at", "time_placed", "settled_at")]
    return newest.with_columns(*shifted, id=pl.lit(f"{name}-") + pl.col("id")).with_columns(
        pl.min_horizontal(column, pl.lit(NOW)).alias(column) for column in ("created_at", "updated_at", "settled_at")
    )


def bad(history):
    """The same with a status that no bet has, in one row of ten."""
    nth = pl.int_range(pl.len()) % 10 == 0
    return good(history).with_columns(status=pl.when(nth).then(pl.lit("HALF WON")).otherwise("status"))


def published(connections):
    """Everything that is served, or tells Feast what to serve, byte by byte."""
    found = {}
    with psycopg.connect(**connections.postgres.conninfo) as database:
        tables = database.execute(
            "select schemaname, tablename from pg_tables where schemaname in ('features', 'feast') order by 1, 2"
        ).fetchall()
        for schema, table in tables:
            rows = sql.SQL("select md5(string_agg(t::text, '' order by t::text)) from {} as t")
            found[f"{schema}.{table}"] = database.execute(rows.format(sql.Identifier(schema, table))).fetchone()
    with redis.Redis.from_url(connections.redis.url) as client:
        found |= dumped(client)
    return found


def count(connections, query):
    with connect(connections.postgres, purpose="test") as connection:
        return connection.execute(query).fetchone()[0]


# ---- refusal -------------------------------------------------------------------------------------------------------


def test_a_refused_refresh_changes_no_served_value(loaded, load, history):
    before = published(loaded)
    with pytest.raises(GateRefused):
        load(bad(history))
    assert published(loaded) == before
    assert len(before) > 30


def test_a_refused_run_keeps_rows_verdicts_and_record(loaded, load, history):
    raw = count(loaded, "select count(*) from raw.bet_versions")
    with pytest.raises(GateRefused) as refused:
        load(bad(history))
    assert count(loaded, "select count(*) from raw.bet_versions") == raw + 150
    assert count(loaded, "select count(*) from quarantine.bets where state = 'open'") == 15
    with connect(loaded.postgres, purpose="test") as connection:
        found = verdicts(connection)
        state, exit_code, error = connection.execute(
            "select state, exit_code, error from ops.runs order by run_id desc limit 1"
        ).fetchone()
    assert [check.gate for check in found.checks if check.state == "failed"] == ["schema_pass_rate"]
    assert (found.gate.state, state, exit_code, error) == ("refused", "refused", 3, str(refused.value))


def test_a_refusal_names_each_failed_check_with_value_threshold_and_rows(loaded, load, history):
    with pytest.raises(GateRefused) as refused:
        load(bad(history))
    message = str(refused.value)
    assert "schema_pass_rate of the batch: 0.9, must be >= 0.99" in message
    query = message[message.index("      select") : message.index(";")]
    with connect(loaded.postgres, purpose="test") as connection:
        assert len(connection.execute(query).fetchall()) == 15


def test_every_query_of_every_verdict_runs(loaded, load, history):
    with pytest.raises(GateRefused):
        load(bad(history))
    with connect(loaded.postgres, purpose="test") as connection:
        for check in verdicts(connection).checks:
            connection.execute(check.query)


def test_run_after_a_corrected_source_publishes_everything(loaded, load, history):
    with pytest.raises(GateRefused):
        load(bad(history))
    minute = timedelta(minutes=1)
    mended = good(history).with_columns(pl.col("updated_at") + minute)
    load(mended, now=NOW + 2 * minute)
    assert count(loaded, "select state from ops.gates order by run_id desc limit 1") == "passed"
    assert (
        count(loaded, "select count(*) from ops.alerts where resolved_at is null and cause = 'quality gate of run'")
        == 0
    )
    assert not sum(compared.differences for compared in compare(loaded))


def test_refused_bets_corrected_later_leave_published_history_unchanged(loaded, load, history):
    """Otherwise a training frame for the minutes between would hold values that the gate kept from being served."""
    with connect(loaded.postgres, purpose="test") as connection:
        earlier = connection.execute("select * from features.institution_stats_changes").fetchall()
    regraded = (
        history.unique("id", keep="last", maintain_order=True)
        .tail(150)
        .with_columns(
            updated_at=pl.lit(NOW - HOUR / 2),
            status=pl.lit("SETTLED_WIN"),
            profit=pl.col("amount") * 50,
            roi=pl.lit(None),
        )
    )
    with pytest.raises(GateRefused):
        load(regraded.select(history.columns).cast(history.schema))
    as_before = history.filter(pl.col("id").is_in(regraded["id"].implode())).unique("id", keep="last")
    load(as_before.with_columns(updated_at=NOW))
    with connect(loaded.postgres, purpose="test") as connection:
        rows = "select * from features.institution_stats_changes where event_timestamp < %s"
        assert sorted(connection.execute(rows, [NOW]).fetchall()) == sorted(earlier)
    assert not sum(compared.differences for compared in compare(loaded))


def test_a_refused_file_mended_under_old_stamps_is_published(loaded, load, history):
    with pytest.raises(GateRefused):
        load(bad(history))
    load(good(history))
    assert count(loaded, "select count(*) from quarantine.bets where state = 'open'") == 0


def test_a_backfill_between_refusal_and_correction_keeps_refused_rows_out_of_the_past(loaded, load, history):
    with connect(loaded.postgres, purpose="test") as connection:
        earlier = connection.execute("select * from features.institution_stats_changes").fetchall()
    newest = history.unique("id", keep="last", maintain_order=True).tail(150)
    with pytest.raises(GateRefused):
        load(newest.with_columns(updated_at=NOW - HOUR / 2, american_odds=pl.lit(None), odds=pl.lit(None)))
    run_backfill(loaded)
    assert (
        count(loaded, "select count(*) from ops.alerts where resolved_at is null and cause = 'quality gate of run'")
        == 1
    )
    load(newest.with_columns(updated_at=NOW))
    with connect(loaded.postgres, purpose="test") as connection:
        rows = "select * from features.institution_stats_changes where event_timestamp < %s"
        assert sorted(connection.execute(rows, [NOW]).fetchall()) == sorted(earlier)


def test_refused_rows_are_published_with_a_later_batch_of_enough_good_rows(loaded, load, history):
    with pytest.raises(GateRefused):
        load(bad(history))
    load(good(history, 2000, minutes=45, name="more"), now=NOW + HOUR)
    assert (
        count(
            loaded,
            "select count(*) from processed.bet_versions where seq > (select log_position from features.watermark)",
        )
        == 0
    )
    assert not sum(compared.differences for compared in compare(loaded))


def test_small_batches_are_judged_together_and_a_refusal_ends_with_the_first_good_batch(loaded, load, history):
    """An hourly feed of 60 rows is never a batch of 100. A refusal ends with the first good one, and stays ended."""
    broken = good(history, 60).with_columns(status=pl.lit("?"))
    with pytest.raises(GateRefused, match="schema_pass_rate"):
        load(broken)
    load(good(history, 60, minutes=40, name="good"), now=NOW + HOUR)
    load(good(history, 60, minutes=50, name="better"), now=NOW + 2 * HOUR)


def test_corrections_of_wins_to_losses_pass_the_outcome_gates(loaded, load, history):
    won = history.unique("id", keep="last", maintain_order=True).filter(pl.col("status") == "SETTLED_WIN").tail(80)
    lost = won.with_columns(
        updated_at=NOW,
        status=pl.lit("SETTLED_LOSS"),
        profit=-pl.col("amount"),
        roi=pl.lit(-100.0),
        is_win=pl.lit(False),
    )
    load(lost.cast(history.schema))


def test_gate_refusal_opens_an_alert(loaded, load, history):
    with pytest.raises(GateRefused):
        load(bad(history))
    assert (
        count(loaded, "select count(*) from ops.alerts where resolved_at is null and cause = 'quality gate of run'")
        == 1
    )


def test_a_truncated_load_is_refused(prepared, history, tmp_path):
    whole = open_file(written(tmp_path, history))
    clock.set_now(NOW)
    truncated = dataclasses.replace(whole, row_count=27_222)
    with pytest.raises(GateRefused, match="source_rows"):
        pipeline.run_pipeline(prepared, truncated)


@pytest.mark.parametrize(
    "changes", [{"status": pl.lit("?")}, {"amount": pl.lit(900_000.0), "profit": pl.lit(None), "roi": pl.lit(None)}]
)
def test_refresh_with_a_single_odd_row_is_published(loaded, load, history, changes):
    odd = pl.int_range(pl.len()) == 0
    load(
        good(history, 120).with_columns(
            pl.when(odd).then(value.cast(history.schema[name])).otherwise(name).alias(name)
            for name, value in changes.items()
        )
    )


# ---- what a batch is measured against ------------------------------------------------------------------------------


def test_refused_rows_never_enter_the_baseline(loaded, load, history):
    """Stakes in cents are refused again and again, however often they are sent."""
    for number in range(3):
        cents = good(history, 1000, name=f"cents{number}").with_columns(pl.col("amount", "profit") * 100)
        with pytest.raises(GateRefused, match="amount_level"):
            load(cents, now=NOW + number * timedelta(minutes=1))


@pytest.mark.long
def test_real_bets_pass_the_gates_in_any_batches(prepared, load, real_sample):
    rows, before = pl.read_parquet(real_sample), datetime(2026, 4, 1, tzinfo=UTC)
    for day in (datetime(2026, 4, 24, tzinfo=UTC), *(NOW - timedelta(days=days) for days in (20, 13, 12, 7, 2, 1, 0))):
        load(rows.filter((pl.col("updated_at") > before) & (pl.col("updated_at") <= day)), now=day)
        before = day
    assert count(prepared, "select count(*) from ops.gates where state = 'passed'") == 8
    high = "select count(distinct seq) from ops.anomalies where severity in ('high', 'critical')"
    assert count(prepared, high) < 0.005 * rows.height
    assert count(prepared, "select count(*) from ops.anomalies where severity = 'critical'") == 0
    assert not sum(compared.differences for compared in compare(prepared))


def test_drift_of_every_stored_feature_is_kept_for_every_refresh(loaded, load, history):
    load(good(history))
    load(good(history, minutes=40, name="later"))
    features = sum(len(view.features) for view in STORED_VIEWS)
    assert count(loaded, "select count(*) from ops.drift") == 2 * features
    assert count(loaded, "select count(*) from ops.drift where has_drifted") == 0


def test_a_rewrite_of_the_whole_history_is_compared_with_the_published_history(loaded, load, history):
    cents = history.unique("id", keep="last", maintain_order=True).with_columns(pl.col("amount", "profit") * 100)
    with pytest.raises(GateRefused, match="amount_level"):
        load(cents.with_columns(updated_at=NOW - HOUR / 2))


def test_features_of_a_source_without_closing_lines_count_as_complete(prepared, load, history):
    without = history.with_columns(
        pl.lit(None).alias(name) for name in ("clv_percentage", "clv_ev", "clv_current_odds")
    )
    load(without.cast(history.schema))
    assert count(prepared, "select value from ops.gate_results where gate = 'feature_completeness'") > 0.95


def test_drift_is_measured_from_the_values_of_the_last_accepted_refresh(loaded, load, history):
    """Not from what the batch made of it: a rewrite of all bets would be compared with itself."""
    rewritten = history.unique("id", keep="last", maintain_order=True).with_columns(pl.col("amount", "profit") * 3)
    load(rewritten.with_columns(updated_at=NOW - HOUR / 2), override="a test")
    assert count(loaded, "select has_drifted from ops.drift where feature = 'amount'")


def test_an_alert_keeps_the_opening_instant_until_cleared(loaded, load, history):
    alerts = (
        "select count(*), min(opened_at), max(resolved_at) from ops.alerts where cause = 'gate data_age_alert_hours'"
    )
    for hours in (50, 51):
        load(history, now=NOW + hours * HOUR)
        with connect(loaded.postgres, purpose="test") as connection:
            assert connection.execute(alerts).fetchone() == (1, NOW + 50 * HOUR, None)
    load(good(history), now=NOW + 52 * HOUR)
    with connect(loaded.postgres, purpose="test") as connection:
        assert connection.execute(alerts).fetchone() == (1, NOW + 50 * HOUR, NOW + 52 * HOUR)


@pytest.mark.parametrize(("odd", "is_open"), [(10, False), (11, True)])
def test_more_than_ten_critical_anomalies_open_an_alert_that_clears_when_none_is_left(
    loaded, load, history, tmp_path, odd, is_open
):
    def change(prices):
        with connect(loaded.postgres, purpose="test") as connection:
            newest = "(select max(seq) - %s from processed.bet_versions)"
            connection.execute(f"update processed.bet_versions set {prices} where seq > {newest}", [odd])
            connection.commit()

    still_open = "select count(*) from ops.alerts where resolved_at is null and cause = 'gate critical_anomalies_alert'"
    clock.set_now(NOW)
    pipeline.run_sync(loaded, open_file(written(tmp_path, good(history))))
    change("league = american_odds, american_odds = 50")  # a price that the schema lets nobody send
    for _ in range(2):
        with pytest.raises(GateRefused, match="max_critical_anomalies"):
            load(good(history))
        assert count(loaded, still_open) == int(is_open)
    change("american_odds = league::integer")
    load(good(history), now=NOW + HOUR / 2)
    assert count(loaded, still_open) == 0
    assert count(loaded, "select count(*) from ops.alerts where cause = 'gate critical_anomalies_alert'") == is_open


# ---- override ------------------------------------------------------------------------------------------------------


def test_an_override_publishes_and_stays_in_the_record(loaded, load, history):
    done = load(bad(history), override="half wins come later")
    assert done.summary.gates.state == "overridden"
    assert any("schema_pass_rate" in warning for warning in done.summary.warnings)
    with connect(loaded.postgres, purpose="test") as connection:
        found = verdicts(connection, done.run_id)
    assert (found.gate.state, found.gate.reason) == ("overridden", "half wins come later")
    assert [check.gate for check in found.checks if check.state == "failed"] == ["schema_pass_rate"]
    assert not sum(compared.differences for compared in compare(loaded))


def test_actor_of_an_override_has_the_ci_actor_beside_user_and_host() -> None:
    assert doctest.testmod(actor).failed == 0
    assert current_actor({"GITHUB_ACTOR": "", "CIRCLE_USERNAME": "bo"})["ci_actor"] == "bo"
    assert current_actor({})["ci_actor"] is None


def test_an_override_of_a_passing_refresh_is_recorded_as_passed(prepared, load, history):
    done = load(history, override="just in case")
    assert done.summary.gates.state == "passed"
    assert [warning for warning in done.summary.warnings if "--override-gate was not needed" in warning]


def test_a_published_refresh_without_an_override_is_told_of_none(prepared, load, history):
    assert not [warning for warning in load(history).summary.warnings if "override" in warning]


def test_status_says_that_the_last_refresh_was_overridden_and_stays_healthy_until_a_refresh_passes(
    loaded, load, history
):
    def verdict(now):
        status = store_status(loaded, now)
        assert store_problem(status) is None
        return store_verdict(status)

    load(bad(history), override="half <wins> come\nlater.")
    said = verdict(NOW)
    assert said.startswith("The last refresh was published over 1 failed check by ")
    assert "for this reason: half <wins> come\\nlater. `pikkit gate --failed` shows them. All 8 views are" in said
    load(good(history, 12, minutes=45, name="after"), now=NOW + HOUR)
    assert verdict(NOW + HOUR).startswith("All 8 views are fresh")


def test_overridden_rows_refuse_neither_the_same_file_again_nor_a_small_file_later(loaded, load, history):
    load(bad(history), override="half wins come later")
    again = load(bad(history), now=NOW + HOUR)
    after = load(good(history, 12, minutes=45, name="after"), now=NOW + 2 * HOUR)
    assert [done.summary.gates.state for done in (again, after)] == ["passed", "passed"]
    with pytest.raises(GateRefused, match="schema_pass_rate"):
        load(good(history, name="bad").with_columns(status=pl.lit("?")), now=NOW + 3 * HOUR)


def test_refused_rows_are_named_by_reasons_with_counts_the_most_frequent_first(loaded, load, history):
    rows = good(history, 100)
    place = pl.int_range(pl.len())
    hurt = rows.with_columns(
        status=pl.when(place % 10 == 0).then(pl.lit("HALF WON")).otherwise("status"),
        amount=pl.when(place % 20 == 0).then(pl.lit(-1.0)).otherwise("amount"),
    )
    with pytest.raises(GateRefused) as refused:
        load(hurt)
    (failed,) = [verdict for verdict in refused.value.failed if verdict["gate"] == "schema_pass_rate"]
    with connect(loaded.postgres, purpose="test") as connection:
        reasons = [each for (each,) in connection.execute("select reasons from quarantine.bets where state = 'open'")]
    counts = Counter(reason for each in reasons for reason in each)
    named = ", ".join(f"{reason} ({rows:,})" for reason, rows in sorted(counts.items(), key=lambda c: (-c[1], c[0])))
    assert len(counts) == 2
    assert failed["note"].endswith(f" are quarantined, for {named}")
    assert failed["note"] in str(refused.value)


# ---- backfill ------------------------------------------------------------------------------------------------------


def test_backfill_refused_by_a_gate_publishes_nothing(prepared, load, history, tmp_path):
    load(history)
    with connect(prepared.postgres, purpose="test") as connection:
        connection.execute("update features.sport_stats_changes set sport_win_rate = 2")
        connection.commit()
    before = published(prepared)
    strict = tmp_path / "gates.toml"
    strict.write_text("[min_records]\nthreshold = 1000000\n")
    with pytest.raises(GateRefused, match="min_records"):
        run_backfill(prepared, gates=gates_of(strict))
    assert published(prepared) == before
    run_backfill(prepared)
    assert not sum(compared.differences for compared in compare(prepared))


def test_a_backfill_is_not_judged_on_versions_that_wait_in_the_log(loaded, load, history):
    with pytest.raises(GateRefused):
        load(good(history, 1000).with_columns(pl.col("amount", "profit") * 100))
    with connect(loaded.postgres, purpose="test") as connection:
        connection.execute("update features.sport_stats_changes set sport_win_rate = 2")
        connection.execute("update features.bet_counts set without_price = bets")
        connection.commit()
    run_backfill(loaded)
    assert not sum(compared.differences for compared in compare(loaded))


@pytest.mark.parametrize("state", [None, "refused"])
def test_a_backfill_takes_over_sound_rows_that_no_gate_let_through(prepared, load, history, state):
    load(history)
    stray = uuid.uuid4()
    with connect(prepared.postgres, purpose="test") as connection:
        connection.execute("update features.sport_stats_changes set run_id = %s where sport = 'Soccer'", [stray])
        if state:
            connection.execute(
                "insert into ops.runs (run_id, verb, state, code_version, now, started_at) "
                "values (%s, 'run', 'refused', '0', now(), now())",
                [stray],
            )
            connection.execute(
                "insert into ops.gates (run_id, state, judged_at, since_seq, until_seq) values (%s, %s, now(), 0, 0)",
                [stray, state],
            )
        connection.commit()
    with pytest.raises(GateRefused, match=str(stray)):
        run_materialize(prepared, rebuild=True)
    run_backfill(prepared)
    run_materialize(prepared)


def test_seals_fit_after_a_backfill_replaced_rows_of_earlier_runs(loaded, load, history):
    load(good(history))
    with connect(loaded.postgres, purpose="test") as connection:
        connection.execute("delete from features.institution_stats_changes where institution_count > 20")
        connection.commit()
    run_backfill(loaded)
    run_materialize(loaded)
    for view in STORED_VIEWS:
        seals = f"select run_id, rows, checksum from ops.seals where view = '{view.name}'"
        digests = f"select run_id, rows, checksum from features.digests('{view.name}', null)"
        assert count(loaded, f"select count(*) from (({seals}) except ({digests})) as stale") == 0


# ---- the command line ----------------------------------------------------------------------------------------------


@pytest.fixture
def command(prepared, tmp_path):
    def command(*arguments, now=NOW, **differs):
        environ = environ_of(prepared, tmp_path / "home", PIKKIT_NOW=now.isoformat(), PIKKIT_GATES="", COLUMNS="80")
        return pikkit_here(*arguments, environ=environ | differs)

    return command


def test_run_gate_and_runs_commands_report_a_refusal_and_an_override(command, history, tmp_path):
    assert command("run", "--source", written(tmp_path, history), now=NOW - HOUR).returncode == 0
    # When nothing new comes, most checks have nothing to judge.
    again = command("run", "--source", written(tmp_path, history), now=NOW - HOUR)
    counts = json.loads(command("gate", "--json").stdout)["counts"]
    assert counts["judged"] + counts["not_judged"] == counts["checks"] == 37
    assert counts["not_judged_because"] == {"no new rows": counts["not_judged"]}
    told = f"{counts['not_judged']} not judged: no new rows"
    assert re.search(rf"^gates +{counts['judged']} .*checks judged: passed; {told}$", again.stdout, re.MULTILINE)
    assert told in " ".join(command("gate").stdout.split())

    refused = command("run", "--source", written(tmp_path, bad(history)))
    assert refused.returncode == 3
    told = " ".join(refused.stderr.split())
    assert "GateRefused: The quality gate refused this refresh: 1 of 37 checks failed (schema_pass_rate)" in told
    gate = command("gate").stdout
    assert [line for line in gate.splitlines() if len(line) > 80] == []
    assert gate.startswith("FAILED  schema_pass_rate of the batch: 0.9, must be >= 0.99, over 150 rows\n")
    assert "was refused: " in " ".join(gate.split())
    assert "Gate      refused, run" in command("status").stdout

    rows = written(tmp_path, bad(history))
    assert command("run", "--source", rows, "--override-gate", " ").returncode == 2
    overridden = command("run", "--source", rows, "--override-gate", "half wins come later", GITLAB_USER_LOGIN="ann")
    assert overridden.returncode == 0, overridden.stderr
    assert "Published over a failed check: schema_pass_rate" in " ".join(overridden.stderr.split())
    newest = command("runs").stdout.splitlines()[1].split()[0]
    whole = " ".join(command("runs", newest).stdout.split())
    assert re.search(r"gate overridden by ann in CI \(.*\) reason half wins come later", whole)
    assert "Gate      overridden, run" in command("status").stdout
    status = " ".join(command("status", "--all").stdout.split())
    assert re.search(r", by ann in CI \(.*\): half wins come later; 1 run published over it", status)
    gate = " ".join(command("gate", "--failed").stdout.split())
    assert gate.startswith("FAILED schema_pass_rate of the batch: 0.9")
    assert "min_records" not in gate
    assert re.search(r"published over the gate by ann in CI \(.*\), for this reason: half wins come later\.", gate)
    told = json.loads(command("gate", "--json").stdout)
    assert (told["state"], told["reason"]) == ("overridden", "half wins come later")
    assert told["overridden_by"] == current_actor({"GITLAB_USER_LOGIN": "ann"})
    (failed,) = json.loads(command("gate", "--failed", "--json").stdout)["checks"]
    quarantined = bad(history).filter(status="HALF WON")["id"].to_list()
    assert len(failed["examples"]) == 3
    assert set(failed["examples"]) <= set(quarantined)
    assert all(example in refused.stderr for example in failed["examples"])
    assert {"gate", "scope", "severity", "state", "value", "threshold", "query"} <= told["checks"][0].keys()
    runs = json.loads(command("runs", "--json").stdout)["runs"]
    assert [run["gate"] for run in runs] == ["overridden", "refused", "passed", "passed"]
    assert [run["overridden_by"] and run["overridden_by"]["ci_actor"] for run in runs] == ["ann", None, None, None]


def test_the_gate_command_of_a_store_without_a_judgement_fails_with_advice(command):
    done = command("gate")
    assert done.returncode == 2
    assert "No refresh was judged yet" in done.stderr


def test_all_faults_of_a_gates_file_are_named_at_once(prepared, tmp_path, history):
    file = tmp_path / "gates.toml"
    file.write_text('[min_recods]\nthreshold = 1\n[min_records]\ntreshold = 2\n[schema_pass_rate]\nseverity = "fial"\n')
    environ = environ_of(prepared, tmp_path / "home", PIKKIT_NOW=NOW.isoformat(), PIKKIT_GATES=str(file))
    done = pikkit_here("run", "--source", written(tmp_path, history), environ=environ)
    assert done.returncode == 2
    assert all(name in done.stderr for name in ("min_recods", "treshold", "fial"))
