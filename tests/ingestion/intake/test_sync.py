"""What becomes of the rows of a source: nothing lost, nothing twice, knowledge time only forward."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta

import polars as pl
import pytest

from ingestion.intake.load import CONFLICT, load_rows
from ingestion.sources.files.file_source import open_file
from tests.builders.bet_files import NOW, T0, at, bet, jsonl, lost
from tests.conftest import REPOSITORY

DIRTY = REPOSITORY.parent / "shared" / "data" / "dirty_examples"


@pytest.fixture
def load(database, tmp_path):
    """Load rows as one file, or a file, and return the counts."""

    def load(*bets, path=None, now=NOW, first_known_by="updated_at"):
        file = path or jsonl(tmp_path / f"{uuid.uuid4()}.jsonl", *bets)
        counts = load_rows(database, open_file(file), run_id=uuid.uuid4(), now=now, first_known_by=first_known_by)
        database.commit()
        return counts

    return load


def current(rows, column="profit_cents"):
    return dict(rows(f"select id, {column} from processed.bets"))


def test_every_row_is_in_raw_and_either_typed_or_quarantined(load, rows):
    load(bet("a"), bet("b", status="WON?"), bet("c", amount=-1))
    assert rows("select count(*) from raw.bet_versions") == [(3,)]
    assert rows("select id, reasons from quarantine.bets order by 1") == [
        ("b", ["status: unknown value"]),
        ("c", ["amount: below 0"]),
    ]
    assert current(rows) == {"a": 1500}


def test_refused_row_keeps_the_payload_as_sent(load, rows, tmp_path):
    line = '{"status": "WON?", "id" : "b", "amount": 1.50, "note": "\\u0000 \\"quoted\\"", "x": 1e2}'
    file = tmp_path / "bets.jsonl"
    file.write_text(json.dumps(bet("a")) + "\n" + line + "\n")
    load(path=file)
    assert rows("select payload::text from quarantine.bets") == [(line,)]


def test_a_file_loaded_twice_changes_nothing(load, rows):
    bets = (bet("a", 1), lost("b", 2), bet("c", status="?"))
    load(*bets)
    before = rows("select * from raw.bet_versions order by seq")
    assert load(*bets).seen_before == 3
    assert rows("select * from raw.bet_versions order by seq") == before


def test_a_file_loaded_half_and_then_whole_is_loaded_once(load, rows):
    bets = [bet(f"b{n}", n) for n in range(10)]
    load(*bets[:5])
    assert load(*bets).accepted == 5
    assert rows("select count(*), count(distinct id) from processed.bets") == [(10, 10)]


def test_zero_and_negative_zero_give_the_same_version(load, tmp_path):
    """JSON spells the negative zero that Parquet and COPY bring, and it is a zero."""
    rows = [bet("a", status="SETTLED_PUSH", profit=0.0, clv_percentage=0.0)]
    load(*rows)
    file = tmp_path / "bets.parquet"
    pl.DataFrame([row | {"clv_percentage": -0.0, "profit": -0.0} for row in rows]).write_parquet(file)
    assert load(path=file).seen_before == 1


def test_the_same_bet_in_another_spelling_is_the_same_version(load):
    load(bet("a"))
    again = bet("a", american_odds="+150", amount="10.00", updated_at=at(0).replace("+00:00", "Z"), sport=" Soccer ")
    assert load(again).seen_before == 1


def test_exact_copies_in_a_batch_collapse(load, rows):
    assert load(bet("a"), bet("a"), bet("a")).copies == 2
    assert current(rows) == {"a": 1500}


def test_all_copies_that_differ_under_the_same_updated_at_are_refused(load, rows):
    counts = load(bet("a", profit=15.0), bet("a", profit=16.0), bet("b"))
    assert (counts.quarantined, counts.reasons) == (2, {CONFLICT: 2})
    assert current(rows) == {"b": 1500}


def test_copy_refused_for_another_reason_conflicts_with_a_sound_copy(load, rows):
    load(bet("a"), bet("a", amount=-1))
    assert rows("select reasons from quarantine.bets order by seq") == [([CONFLICT],), (["amount: below 0", CONFLICT],)]


def test_the_latest_updated_at_wins_whatever_the_order_of_the_file(load, rows):
    load(lost("a", 30), bet("a", 10), bet("a", 20, profit=14.0))
    assert current(rows) == {"a": -1000}
    assert [s for (s,) in rows("select is_current from processed.bet_versions order by seq")] == [False, False, True]


def test_version_that_arrives_after_a_newer_version_is_logged_as_superseded(load, rows):
    load(lost("a", 30))
    assert load(bet("a", 10)).superseded == 1
    assert current(rows) == {"a": -1000}


def test_correction_is_known_from_the_updated_at_of_the_new_row(load, rows):
    load(bet("a", 10))
    load(lost("a", 40))
    assert rows("select known_at from processed.bet_versions order by seq") == [
        (T0 + timedelta(minutes=10),),
        (T0 + timedelta(minutes=40),),
    ]


def test_late_row_is_known_just_past_the_newest_known_at(load, rows):
    load(bet("a", 60))
    load(bet("b", 5), bet("c", 90))
    microsecond = timedelta(microseconds=1)
    assert current(rows, "known_at") == {
        "a": T0 + timedelta(minutes=60),
        "b": T0 + timedelta(minutes=60) + microsecond,
        "c": T0 + timedelta(minutes=90),
    }


def test_row_stamped_before_the_last_refresh_is_known_just_past_that_refresh(load, rows, database):
    """A run at minute 60 answered for minute 50 without this bet, so training must answer the same for ever."""
    load(bet("a", 30))
    watermark = T0 + timedelta(minutes=60)
    database.execute("insert into features.watermark values (true, 1, %s, %s)", [watermark, uuid.uuid4()])
    assert load(bet("b", 45), bet("c", 90)).late == 1
    assert current(rows, "known_at") == {
        "a": T0 + timedelta(minutes=30),
        "b": watermark + timedelta(microseconds=1),
        "c": T0 + timedelta(minutes=90),
    }


def test_load_after_a_first_run_without_accepted_rows_counts_as_first_load(load, rows, database):
    load(bet("z", status="nonsense"))
    database.execute("insert into features.watermark values (true, 0, %s, %s)", [NOW, uuid.uuid4()])
    counts = load(bet("a", 10), bet("b", 20), now=NOW + timedelta(minutes=1))
    assert (counts.first_load, counts.late) == (True, 0)
    assert current(rows, "known_at") == {"a": T0 + timedelta(minutes=10), "b": T0 + timedelta(minutes=20)}


def test_known_at_is_never_before_time_placed(load, rows):
    load(bet("a", -10, time_placed=at(0), created_at=at(-20)))
    assert current(rows, "known_at") == {"a": T0 + timedelta(microseconds=1)}


def test_an_updated_at_ahead_of_the_clock_counts_from_the_clock(load, rows):
    ahead = (NOW + timedelta(minutes=3)).isoformat()
    load(bet("a", updated_at=ahead))
    assert current(rows, "known_at") == {"a": NOW}


def test_known_at_never_decreases_along_the_log(load, rows):
    for batch in (range(0, 50, 7), range(50, 0, -3), range(20, 70, 5)):
        load(*(bet(f"b{n}-{batch.step}", n) for n in batch))
    known = [k for (k,) in rows("select known_at from processed.bet_versions order by seq")]
    assert known == sorted(known)


def test_first_load_by_settled_at_is_known_from_settled_at(load, rows):
    load(bet("a", 500, settled_at=at(30)), bet("b", 500), first_known_by="settled_at")
    assert current(rows, "known_at") == {"a": T0 + timedelta(minutes=30), "b": T0 + timedelta(minutes=500)}


def test_settled_at_does_not_set_known_at_after_the_first_load(load, rows):
    load(bet("a", 10), first_known_by="settled_at")
    load(bet("b", 500, settled_at=at(30)), first_known_by="settled_at")
    assert current(rows, "known_at")["b"] == T0 + timedelta(minutes=500)


def test_sync_state_is_written_with_the_rows(load, rows, tmp_path):
    load(path=jsonl(tmp_path / "one.jsonl", bet("a", 10), bet("b", 20, status="?")))
    assert rows("select stream, source_watermark, total_versions from ops.sync_state") == [
        ("file:one.jsonl", T0 + timedelta(minutes=10), 2)
    ]


@pytest.mark.skipif(not DIRTY.exists(), reason="the dirty examples are test material beside the project")
class TestDirtyExamples:
    NOW = NOW.replace(year=2025, month=3, day=15, hour=18)

    def ids(self, example, kind):
        issues = json.loads((DIRTY / f"{example}.json").read_text())["issues"]
        return {i for issue in issues if issue["kind"] == kind for i in issue["ids"]}

    def test_exact_duplicates_keep_a_single_copy_and_conflicting_duplicates_none(self, load, rows):
        load(path=DIRTY / "01_duplicate_ids.parquet", now=self.NOW)
        refused = {i for (i,) in rows("select id from quarantine.bets")}
        conflicting = self.ids("01_duplicate_ids", "conflicting_duplicate_same_updated_at")
        assert refused == conflicting
        assert not conflicting & current(rows).keys()
        assert self.ids("01_duplicate_ids", "exact_duplicate") <= current(rows).keys()

    def test_correction_with_the_latest_updated_at_is_the_current_version(self, load, rows):
        file = DIRTY / "15_settlement_corrections.parquet"
        load(path=file, now=self.NOW + timedelta(hours=1))  # the last corrections are dated past 18:05
        newest = pl.read_parquet(file).sort("updated_at").unique("id", keep="last")
        assert current(rows, "status") == dict(newest.select("id", "status").iter_rows())
