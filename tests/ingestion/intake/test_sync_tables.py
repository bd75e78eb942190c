"""What a table shows now is true now: returns, refusals, clocks that are wrong, the cursor."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import uuid
from datetime import timedelta

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from ingestion.intake.load import load_rows
from ingestion.sources.files.file_source import open_file
from tests.builders.bet_files import NOW, T0, bet, jsonl, lost


@pytest.fixture
def show(database, tmp_path):
    """Sync from a table that shows these rows, in this order."""

    def show(*bets, now=NOW, **differs):
        file = open_file(jsonl(tmp_path / f"{uuid.uuid4()}.jsonl", *bets))
        rows = dataclasses.replace(file, path=file.path, is_table=True)
        counts = load_rows(database, rows, run_id=uuid.uuid4(), now=now, **differs)
        database.commit()
        return counts

    return show


CURRENT = "select id, profit_cents from processed.bets order by id"
LOG = "select id, status, is_superseded, previous_seq from processed.bet_versions order by seq"


def test_table_rows_read_again_change_nothing(show, rows):
    show(bet("a"), bet("b", status="?"))
    before = rows("select * from raw.bet_versions order by seq")
    counts = show(bet("b", status="?"), bet("a"), bet("a"))
    assert (counts.accepted, counts.quarantined, counts.seen_before) == (0, 0, 2)
    assert rows("select * from raw.bet_versions order by seq") == before


def test_regrade_taken_back_under_the_earlier_updated_at_counts(show, rows):
    """The source flipped a bet and flipped it back, and touched updated_at neither time."""
    show(bet("a"))
    show(lost("a"))
    assert show(bet("a")).returned == 1
    assert rows(CURRENT) == [("a", 1500)]
    assert show(bet("a")).accepted == 0
    assert [status for _, status, _, _ in rows(LOG)] == ["SETTLED_WIN", "SETTLED_LOSS", "SETTLED_WIN"]


def test_row_of_a_table_counts_when_updated_at_went_back(show, rows):
    show(lost("a", 30))
    show(bet("a", 20))
    assert rows(CURRENT) == [("a", 1500)]
    assert rows(LOG) == [("a", "SETTLED_LOSS", False, None), ("a", "SETTLED_WIN", False, 1)]


def test_row_with_the_newest_stamp_of_an_id_counts_in_any_order(show, rows):
    counts = show(bet("a", 10), lost("a", 20), bet("a", 15))
    assert (counts.accepted, counts.seen_before) == (1, 2)
    assert rows(LOG) == [("a", "SETTLED_LOSS", False, None)]
    assert show(lost("a", 20), bet("a", 15), bet("a", 10)).accepted == 0


def test_of_rows_that_share_id_and_stamp_the_same_counts_in_any_order(show, rows):
    legs = [bet("a", league=league) for league in ("Serie A", "NBA", "NHL")]
    show(*legs)
    first = rows("select seq, league from processed.bets")
    for order in itertools.permutations(legs):
        assert show(*order).accepted == 0
    assert rows("select seq, league from processed.bets") == first
    assert len(rows(LOG)) == 1


def test_bet_is_unchanged_when_the_newest_row_of_a_repeated_id_is_broken(show, rows):
    show(bet("a", 5))
    show(lost("a", 10), bet("a", 20, status="?"))
    assert rows(CURRENT) == [("a", 1500)]
    assert rows("select reasons from quarantine.bets") == [(["status: unknown value"],)]


def test_sound_row_settles_the_refused_rows_of_the_same_bet(show, rows):
    show(bet("a", status="?"), bet("b", status="?"))
    show(bet("a", 5))
    states = "select id, state, settled_by from quarantine.bets order by id"
    assert rows(states) == [("a", "superseded", 3), ("b", "open", None)]


def test_bet_with_a_broken_version_keeps_the_last_sound_version_until_the_row_is_sound_again(show, rows):
    show(bet("a"))
    show(bet("a", 5, status="?"))
    assert rows(CURRENT) == [("a", 1500)]
    assert show(bet("a")).returned == 1
    assert rows("select state from quarantine.bets") == [("superseded",)]
    assert show(bet("a")).accepted == 0


def test_row_stamped_in_the_future_stays_quarantined_until_the_clock_passes_the_stamp(show, rows):
    """A source five hours ahead: its rows are refused today, and the very same rows are sound later."""
    ahead = bet("a", updated_at=(NOW + timedelta(hours=5)).isoformat())
    assert show(ahead).future == 1
    assert rows("select reasons from quarantine.bets") == [(["updated_at: in the future"],)]
    show(ahead, now=NOW + timedelta(hours=5))
    assert rows("select state from quarantine.bets") == [("superseded",)]
    assert rows(CURRENT) == [("a", 1500)]


def test_no_row_from_the_future_moves_the_cursor(show, rows):
    show(bet("a", 30), bet("b", 10), bet("c", updated_at="2099-01-01T00:00:00Z"))
    assert rows("select cursor_updated_at, cursor_id from ops.sync_state") == [(T0 + timedelta(minutes=30), "a")]


def test_the_cursor_never_moves_back(show, rows):
    show(bet("a", 30))
    show(bet("b", 10))
    assert rows("select cursor_updated_at, cursor_id from ops.sync_state where stream = 'file:x'") == []
    assert max(rows("select cursor_updated_at from ops.sync_state")) == (T0 + timedelta(minutes=30),)


def test_a_retried_row_is_known_from_now(show, rows):
    show(bet("a", 10))
    show(bet("b", 20), known_from=NOW)
    assert rows("select id, known_at from processed.bets order by id") == [
        ("a", T0 + timedelta(minutes=10)),
        ("b", NOW),
    ]


def test_file_with_versions_older_than_the_table_row_changes_no_current_bet(show, rows, database, tmp_path):
    show(bet("a", 10))
    show(lost("a", 20))
    file = open_file(jsonl(tmp_path / "old.jsonl", bet("a", 10), bet("a", 15, amount=20.0)))
    counts = load_rows(database, file, run_id=uuid.uuid4(), now=NOW)
    assert (counts.seen_before, counts.superseded) == (1, 1)
    assert rows(CURRENT) == [("a", -1000)]


SHOWN = st.lists(
    st.lists(
        st.builds(
            lambda name, minute, kind: {
                "win": bet(name, minute), "loss": lost(name, minute), "broken": bet(name, minute, status="?")
            }[kind],
            st.sampled_from("abc"), st.integers(0, 3), st.sampled_from(["win", "loss", "broken"]),
        ),
        max_size=5,
    ),
    max_size=6,
)  # fmt: skip


def newest_by_id(shown):
    """Of rows that share an id the one with the newest stamp; of several of one stamp any, as they are given."""
    newest = {}
    for row in shown:
        newest.setdefault(row["id"], []).append(row)
    return {
        name: [r for r in rows if r["updated_at"] == max(r["updated_at"] for r in rows)]
        for name, rows in newest.items()
    }


@pytest.mark.long
@given(SHOWN)
@settings(max_examples=60)
def test_the_store_holds_the_newest_row_of_each_id_that_was_shown_last(new_database, tmp_path, syncs):
    """By an oracle in plain loops: it is the newest raw version, and the last sound one of these is current."""
    last, sound, changes = {}, {}, 0
    with new_database() as database:
        for sync in syncs:
            if not sync:
                continue
            file = dataclasses.replace(open_file(jsonl(tmp_path / f"{uuid.uuid4()}.jsonl", *sync)), is_table=True)
            load_rows(database, file, run_id=uuid.uuid4(), now=NOW)
            for name, rows in newest_by_id(sync).items():
                row = max(rows, key=digest_of)
                changes += last.get(name) != row
                last[name] = row
                if row["status"] != "?":
                    sound[name] = row
        newest = database.execute(
            "select distinct on (id) id, payload from raw.bet_versions order by id, seq desc"
        ).fetchall()
        current = database.execute("select id, profit_cents, updated_at from processed.bets").fetchall()
        order = database.execute("select known_at from processed.bet_versions order by seq").fetchall()
        chain = database.execute(
            "select seq, previous_seq, lag(seq) over (partition by id order by seq) from processed.bet_versions"
        ).fetchall()
        (versions,) = database.execute("select count(*) from raw.bet_versions").fetchone()
    assert dict(newest) == last
    assert {name: cents for name, cents, _ in current} == {
        name: int(row["profit"] * 100) for name, row in sound.items()
    }
    assert versions == changes
    assert order == sorted(order)
    assert all(previous == before for _, previous, before in chain)


def digest_of(row):
    return int.from_bytes(hashlib.md5(json.dumps(row).encode()).digest()[:8], signed=True)
