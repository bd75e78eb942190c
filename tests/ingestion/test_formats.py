"""Files of other columns through the whole pipeline: published, settled by a later export, tried again, scored."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from feature_repo import clock
from feature_repo.errors import ConfigurationError
from ingestion.database.access import connect
from ingestion.features.verify import verify_offline
from ingestion.intake.request import SyncRequest
from ingestion.pipeline import run_pipeline, run_sync
from ingestion.quarantine.refused_rows import Selection
from ingestion.quarantine.retry import retry_quarantined
from ingestion.sample.pikkit_export import as_pikkit_export
from ingestion.sample.sample import generate_sample, write_sample
from ingestion.serving.score import DEFAULT_SERVICE, check, read_bets
from ingestion.sources.files.file_source import open_file
from ingestion.sources.files.formats.known_formats import declared_format, read_mapping
from tests.builders.bet_files import NOW, bet, jsonl
from tests.rigs.commands import environ_of, pikkit_here

YESTERDAY = NOW - timedelta(days=1)
MAPPING = """
title = "My own sheet"
[bets.id]
from = "No"
[bets.bet_type]
constant = "straight"
[bets.status]
from = "Result"
[bets.american_odds]
from = "Price"
price = "decimal"
[bets.amount]
from = "Stake"
[bets.profit]
from = "Net"
[bets.time_placed]
from = "Placed"
[bets.updated_at]
from = "Placed"
plus = "3 h"
[bets.sport]
from = "Sport"
"""
CORRECTED = MAPPING.replace('from = "Result"', 'from = "Result"\nspellings = { Gewonnen = "SETTLED_WIN" }')
SHEET = "No,Result,Price,Stake,Net,Placed,Sport\n1,SETTLED_WIN,2.5,10,15,2026-05-01T10:00:00Z,Golf\n"
SHEET += "2,Gewonnen,2.5,20,30,2026-05-01T10:00:00Z,Golf\n3,SETTLED_WIN,0.5,20,30,2026-05-01T10:00:00Z,Golf\n"


@pytest.fixture
def sheet(tmp_path):
    path = tmp_path / "sheet.csv"
    path.write_text(SHEET)
    return path


def test_export_passes_the_default_gates_and_a_later_export_settles_open_bets(prepared, query, tmp_path):
    log, path = generate_sample(2_500, NOW, seed=3), tmp_path / "transactions.csv"

    def publish(until):
        clock.set_now(until)
        write_sample(as_pikkit_export(log, until, seed=3), path)
        return run_pipeline(prepared, open_file(path))

    first = publish(YESTERDAY)
    assert first.summary.sync.format.name == "pikkit-export"
    assert "market" in first.summary.sync.format.derived
    assert first.summary.sync.quarantined == 1
    opened = {id for (id,) in query("select id from processed.bets where status = 'PENDING'")}
    second = publish(NOW)
    still_open = {id for (id,) in query("select id from processed.bets where status = 'PENDING'")}
    assert opened - still_open
    # The one price that no straight has, settled now.
    assert second.summary.sync.quarantined == 1
    lines = query(
        "select count(*) from processed.bet_versions as version join processed.bet_versions as before "
        "on before.id = version.id and before.updated_at = version.updated_at and before.seq < version.seq "
        "where before.clv_percentage is null and version.clv_percentage is not null and version.is_current"
    )
    assert lines[0][0] > 0
    for until in (NOW, YESTERDAY):
        write_sample(as_pikkit_export(log, until, seed=3), path)
        again = run_pipeline(prepared, open_file(path))
        assert (again.summary.sync.accepted, again.summary.refresh.total) == (0, 0)
    with connect(prepared.postgres, purpose="test") as connection:
        assert sum(found.differences for found in verify_offline(connection)) == 0


def test_rows_that_a_corrected_mapping_mends_leave_the_quarantine(prepared, query, sheet):
    run_sync(prepared, open_file(sheet, mapping=declared_format(MAPPING)))
    assert query("select reasons from quarantine.bets order by seq") == [
        (["status: unknown value"],),
        (["Price: not a decimal price above 1"],),
    ]
    assert retry_quarantined(prepared, Selection()).summary.accepted == 0
    # The one row that is new keeps the mapping with the store; rows that were refused before are not read again.
    sheet.write_text(SHEET + "4,SETTLED_WIN,2.5,10,15,2026-05-01T10:00:00Z,Golf\n")
    run_sync(prepared, open_file(sheet, mapping=declared_format(CORRECTED)))
    done = retry_quarantined(prepared, Selection())
    assert done.summary.reasons == {"Price: not a decimal price above 1": 1}
    assert query("select id, american_odds, amount_cents from processed.bets order by id") == [
        ("1", 150, 1000),
        ("2", 150, 2000),
        ("4", 150, 1000),
    ]
    payload = query("select payload from quarantine.bets where state = 'open'")[0][0]
    assert payload["Price"] == "0.5"


def test_restored_mapping_restores_the_values_and_a_reread_by_the_same_mapping_adds_no_version(prepared, query, sheet):
    sheet.write_text("\n".join(SHEET.splitlines()[:2]))
    swapped = MAPPING.replace('from = "Net"', 'from = "Stake"')
    profits = []
    for declaration in (MAPPING, swapped, MAPPING, MAPPING, swapped, swapped, MAPPING):
        run_sync(prepared, open_file(sheet, mapping=declared_format(declaration)))
        profits.append(query("select profit_cents, (select count(*) from raw.bet_versions) from processed.bets")[0])
    assert profits == [(1500, 1), (1000, 2), (1500, 3), (1500, 3), (1000, 4), (1000, 4), (1500, 5)]


def test_older_row_of_an_id_in_a_file_adds_no_version_when_the_mapping_changes(prepared, query, sheet):
    header, row = SHEET.splitlines()[:2]
    sheet.write_text(f"{header}\n{row}\n{row.replace('05-01', '05-02')}")
    for declaration in (MAPPING, MAPPING + "# the same by another text", MAPPING):
        run_sync(prepared, open_file(sheet, mapping=declared_format(declaration)))
        assert query("select count(*) from raw.bet_versions") == [(2,)]


def test_refused_unmapped_row_is_retried_without_the_mapping_that_the_stream_has_since(prepared, query, tmp_path):
    path = jsonl(tmp_path / "sheet.jsonl", bet("a", 0, amount=-1.0), bet("b", 0))
    run_sync(prepared, open_file(path))
    path.write_text(json.dumps({"No": 9, "Result": "?", "Price": 2, "Stake": 1, "Net": 1, "Placed": "x", "Sport": "s"}))
    unmapped = {"clv_percentage", "league", "market", "institution_name", "is_live", "created_at", "settled_at"}
    run_sync(prepared, open_file(path, mapping=declared_format(MAPPING)), SyncRequest(without=frozenset(unmapped)))
    retry_quarantined(prepared, Selection())
    reasons = dict(query("select id, reasons from quarantine.bets order by id"))
    assert reasons["a"] == ["amount: below 0"]
    assert reasons["9"] == ["Placed: not a time"]


def test_the_command_line_reads_a_file_by_the_mapping_and_reports_the_mapping(prepared, sheet, tmp_path):
    environ = environ_of(prepared, tmp_path, PIKKIT_NOW=NOW.isoformat())
    (tmp_path / "mine.toml").write_text(CORRECTED)
    refused = pikkit_here("sync", "--source", sheet, environ=environ)
    assert (refused.returncode, "--mapping FILE.toml" in refused.stderr) == (2, True)
    done = pikkit_here("sync", "--source", sheet, "--mapping", tmp_path / "mine.toml", environ=environ)
    assert done.returncode == 0, done.stderr
    assert "The file was read by the mapping My own sheet. Derived: bet_type, american_odds, updated_at." in done.stderr
    assert "Not in it, and null: league, market, institution_name." in done.stderr
    wrong = pikkit_here("sync", "--source", "postgres", "--mapping", tmp_path / "mine.toml", environ=environ)
    assert (wrong.returncode, "--mapping is for files" in wrong.stderr) == (2, True)


def test_file_read_by_a_mapping_before_is_refused_without_the_mapping_by_name(prepared, query, tmp_path):
    """Whether it can be read without one, as a table of bets, or not."""
    environ = environ_of(prepared, tmp_path, PIKKIT_NOW=NOW.isoformat())
    mapped, plain = {"No": 9, "Result": "SETTLED_WIN", "Price": 2, "Stake": 1, "Net": 1, "Sport": "s"}, bet("a", 0)
    path = jsonl(tmp_path / "mine.jsonl", mapped | {"Placed": YESTERDAY.isoformat()})
    run_sync(prepared, open_file(path, mapping=declared_format(MAPPING, name="sheet-of-2026")))
    before = query("select count(*) from raw.bet_versions")
    for rows in (mapped, plain):
        done = pikkit_here("sync", "--source", jsonl(path, rows), "--json", environ=environ)
        error = json.loads(done.stdout)["error"]
        assert (done.returncode, error["kind"]) == (2, "MappingMissing")
        assert error["data"] == {"stream": "file:mine.jsonl", "mapping": "sheet-of-2026"}
        assert "was read by the mapping sheet-of-2026 so far" in done.stderr
    assert query("select count(*) from raw.bet_versions") == before


def test_bets_to_score_are_read_from_a_file_by_a_mapping(sheet, tmp_path):
    (tmp_path / "mine.toml").write_text(MAPPING)
    sheet.write_text("\n".join(SHEET.splitlines()[:2]))
    (scored,) = read_bets(sheet, read_mapping(tmp_path / "mine.toml"))
    assert (scored["id"], scored["american_odds"], scored["sport"]) == ("1", 150, "Golf")


def test_columns_without_a_mapping_are_null_when_bets_are_scored(sheet):
    sheet.write_text("\n".join(SHEET.splitlines()[:2]))
    check(read_bets(sheet, declared_format(MAPPING)), service=DEFAULT_SERVICE, now=NOW)


def test_file_of_unknown_columns_is_not_scored_and_the_refusal_names_the_mapping_option(sheet):
    with pytest.raises(ConfigurationError, match="columns needs --mapping"):
        check(read_bets(sheet), service=DEFAULT_SERVICE, now=NOW)
