"""Leaks that were planted, one of each kind, and the look that finds each; and a store without any."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl
import psycopg
import pytest

from feature_repo.declarations import availability
from feature_repo.declarations.feature_lists import MARKET_PROFITABILITY_AT_PLACEMENT_V1
from feature_repo.servers.connections import Connections
from feature_repo.store import store_at
from ingestion.database.access import connect
from ingestion.features import running_sums
from ingestion.progress import silent
from ingestion.report.contents import report_contents
from ingestion.report.page import report_page
from ingestion.runs.record import uuid7
from ingestion.runs.status import store_status
from tests.builders.json_documents import check_documents
from tests.rigs.commands import digests, environ_of, pikkit_here
from tests.rigs.lenient_pipeline import run_backfill
from tests.training.audit.conftest import AUDITED_AT
from training.audit.columns import column_values
from training.audit.knowledge import knowledge_times, rows_resting_on
from training.audit.perturbation import earlier_outcomes, later_outcomes, perturber
from training.audit.result import Audit, AuditCheck
from training.audit.score import offset_score, score_check
from training.dataset import TrainingSet, training_set

SERVICE = MARKET_PROFITABILITY_AT_PLACEMENT_V1.service


def moved_by_later_outcomes(connections: Connections, audited_set: TrainingSet) -> AuditCheck:
    """What outcomes known after an instant amid the bets of a day move in the 100 placed last before."""
    cut: datetime = audited_set.frame["time_placed"][audited_set.frame.height // 2 + 10]
    rows = audited_set.frame.filter(pl.col("time_placed") <= cut).tail(100)
    with perturber(connections, store_at(connections), audited_set) as source:
        return later_outcomes(source, [cut], lambda _: rows, silent)


def execute(connections: Connections, command: str) -> None:
    with psycopg.connect(**connections.postgres.conninfo) as database:
        database.execute(command)


@pytest.fixture(scope="module")
def honest_set(honest_store: Connections) -> TrainingSet:
    return training_set(honest_store, SERVICE, log_position=10**9)


def test_honest_store_is_clean_and_nothing_but_the_record_is_written(honest_store: Connections, tmp_path: Path) -> None:
    before = digests(honest_store)
    environ = environ_of(honest_store, tmp_path, PIKKIT_NOW=AUDITED_AT.isoformat())
    done = pikkit_here("audit", "--rows", "200", "--cuts", "2", "--json", environ=environ)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    leaking = pikkit_here("audit", "--service", "market_profitability_v1", "--json", environ=environ)
    check_documents("audit", document, json.loads(leaking.stdout))
    assert {check["name"]: check["state"] for check in document["checks"]} == {
        "columns": "clean",
        "known_at": "clean",
        "served vectors": "not judged",
        "values": "clean",
        "as-of times": "clean",
        "later outcomes": "clean",
        "earlier outcomes": "clean",
        "score": "clean",
        "shift by created_at": "shown",
    }
    after = digests(honest_store)
    assert {name for name in after if after[name] != before[name]} == {"ops.audits"}
    with psycopg.connect(**honest_store.postgres.conninfo) as database:
        record, _ = database.execute("select is_clean, sentence, checks from ops.audits order by audit_id").fetchall()
    assert record[:2] == (True, document["sentence"])
    assert [check["name"] for check in record[2]] == [check["name"] for check in document["checks"]]
    assert "bet-0" not in json.dumps(record[2])
    page = report_page(report_contents(honest_store, store_status(honest_store, AUDITED_AT)))
    assert document["sentence"] in page
    assert "market_profitability_v1 leaks: columns says so." in page


def test_perturbed_replay_can_write_to_no_table_of_the_store(
    honest_store: Connections, honest_set: TrainingSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def writing(connection: psycopg.Connection, *_: Any, **__: Any) -> None:
        connection.execute("delete from features.sport_stats_changes")

    monkeypatch.setattr("training.audit.perturbation.replay_into_tables", writing)
    with (
        perturber(honest_store, store_at(honest_store), honest_set) as source,
        pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
    ):
        source.features(honest_set.frame.head(5), pl.lit(True))


def test_view_with_change_rows_dated_190_minutes_early_is_found(spoilt_store: Connections) -> None:
    execute(
        spoilt_store,
        "update features.sport_stats_changes set event_timestamp = event_timestamp - interval '190 minutes', "
        "created_timestamp = created_timestamp - interval '190 minutes'",
    )
    spoilt_set = training_set(spoilt_store, SERVICE, log_position=10**9)
    check = moved_by_later_outcomes(spoilt_store, spoilt_set)
    assert check.state == "leak"
    assert {each.feature for each in check.findings} <= {*MARKET_PROFITABILITY_AT_PLACEMENT_V1.features["sport_stats"]}
    with connect(spoilt_store.postgres, purpose="test") as connection:
        assert rows_resting_on(connection, spoilt_set, spoilt_set.frame).state == "leak"


def test_feature_code_that_reads_outcomes_four_hours_early_is_found(
    spoilt_store: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = running_sums.events

    def early(versions: Any, after: int) -> Any:
        return events(versions, after).with_columns(known_at=nw.col("known_at") - timedelta(hours=4))

    monkeypatch.setattr(running_sums, "events", early)
    run_backfill(spoilt_store)
    check = moved_by_later_outcomes(spoilt_store, training_set(spoilt_store, SERVICE, log_position=10**9))
    assert check.state == "leak"
    with connect(spoilt_store.postgres, purpose="test") as connection:
        assert knowledge_times(connection, 10**9).state == "clean"


def test_log_in_which_every_known_at_lies_before_the_settlement_is_found_by_moving_rows(
    spoilt_store: Connections,
) -> None:
    execute(spoilt_store, "update processed.bet_versions set known_at = known_at - interval '170 minutes'")
    run_backfill(spoilt_store)
    check = moved_by_later_outcomes(spoilt_store, training_set(spoilt_store, SERVICE, log_position=10**9))
    assert check.state == "leak"


def test_version_that_claims_to_have_been_known_before_the_bet_was_settled_is_found(spoilt_store: Connections) -> None:
    execute(
        spoilt_store,
        "update processed.bet_versions set known_at = known_at - interval '2 hours' where id = 'bet-00100'",
    )
    with connect(spoilt_store.postgres, purpose="test") as connection:
        check = knowledge_times(connection, 10**9)
    assert (check.state, [finding.subject for finding in check.findings][:1]) == ("leak", ["bet-00100"])


def test_audit_of_a_service_with_a_column_known_after_placement_ends_with_1(
    honest_store: Connections, tmp_path: Path
) -> None:
    environ = environ_of(honest_store, tmp_path, PIKKIT_NOW=AUDITED_AT.isoformat())
    done = pikkit_here("audit", "--service", "market_profitability_v1", environ=environ)
    assert done.returncode == 1, done.stderr
    assert "bet_clv_features:has_clv" in done.stdout
    assert done.stdout.rstrip().endswith("market_profitability_v1 leaks: columns says so.")


def test_closing_line_under_a_name_declared_for_placement_is_found_by_the_values(
    honest_store: Connections, honest_set: TrainingSet
) -> None:
    returned = (100 * pl.col("profit_cents") / pl.col("amount_cents")).alias("sport_roi")
    disguised = dataclasses.replace(honest_set, frame=honest_set.frame.with_columns(returned))
    assert not availability.known_only_after_placement(honest_set.service)
    with connect(honest_store.postgres, purpose="test") as connection:
        assert column_values(connection, honest_set).state == "clean"
        check = column_values(connection, disguised)
    assert (check.state, [(each.feature, each.found) for each in check.findings]) == ("leak", [("sport_roi", "roi")])


def test_code_of_a_name_that_was_unknown_then_is_found(spoilt_store: Connections, honest_set: TrainingSet) -> None:
    execute(
        spoilt_store,
        "update features.vocabulary set known_at = known_at + interval '20 days' "
        "where column_name = 'sport' and value = 'Tennis'",
    )
    with connect(spoilt_store.postgres, purpose="test") as connection:
        check = rows_resting_on(connection, honest_set, honest_set.frame)
    assert check.state == "leak"
    assert {finding.feature for finding in check.findings} == {"sport_encoded"}


def test_label_in_disguise_raises_the_alarm_of_the_score_and_is_named(honest_set: TrainingSet) -> None:
    noise = np.random.default_rng(1).normal(scale=0.4, size=honest_set.frame.height)
    disguised = honest_set.frame.with_columns(recent_win_rate_50=pl.col("is_win").cast(pl.Float64) + pl.Series(noise))
    honest, alarmed = (
        score_check(each, offset_score(each)) for each in (honest_set, dataclasses.replace(honest_set, frame=disguised))
    )
    assert (honest.state, alarmed.state) == ("clean", "alarm")
    assert alarmed.findings[0].feature == "recent_win_rate_50"


def test_look_that_no_outcome_can_move_is_blind_and_proves_nothing(
    honest_store: Connections, honest_set: TrainingSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.audit.perturbation.other_outcomes", lambda log, seqs: log)
    with perturber(honest_store, store_at(honest_store), honest_set) as source:
        check = earlier_outcomes(source, honest_set.frame["time_placed"][400], honest_set.frame.tail(100), silent)
    audit = Audit(uuid7(), AUDITED_AT, SERVICE, 800, 800, 100, [check])
    assert (check.state, audit.is_clean) == ("blind", False)
    assert audit.sentence == f"Nothing is proved about {SERVICE}: earlier outcomes could not have found a leak."
