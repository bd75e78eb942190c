"""Refused rows: looked at, tried again, let be. On a real store, through the log, to the features."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta

import polars as pl
import pytest

from feature_repo import clock
from feature_repo.errors import ClockRewound, ConfigurationError, LockHeld, Unreachable
from ingestion.cli.documents import error_documents, print_json, print_json_with_rows
from ingestion.database.access import connect, hold_run_lock, statement
from ingestion.features.refresh import refresh
from ingestion.features.verify import verify_offline
from ingestion.intake.load import CONFLICT, load_rows
from ingestion.quarantine.refused_rows import Selection, dismiss_quarantined, listing, reopen, values_of
from ingestion.quarantine.retry import OUTDATED, retry_quarantined
from ingestion.sources.files.file_source import open_file
from ingestion.sources.json_rows import page_of
from tests.builders.bet_files import NOW, T0, bet, lost
from tests.rigs.commands import environ_of, pikkit

LATER = NOW + timedelta(hours=2)
IN_AN_HOUR = (NOW + timedelta(hours=1)).isoformat()


@pytest.fixture
def store(new_applied):
    clock.set_now(NOW)
    return new_applied()


@pytest.fixture
def rows(store):
    def rows(query, *params):
        with connect(store.postgres, purpose="test") as connection:
            return connection.execute(query, params or None).fetchall()

    return rows


@pytest.fixture
def load(store, tmp_path):
    """Load bets (or lines of text) as one file at an instant, and refresh the features."""

    def load(*bets, now=NOW):
        file = tmp_path / f"{uuid.uuid4()}.jsonl"
        file.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in bets))
        with connect(store.postgres, purpose="test") as connection:
            load_rows(connection, open_file(file), run_id=uuid.uuid4(), now=now)
            refresh(connection, run_id=uuid.uuid4(), now=now)
            connection.commit()

    return load


@pytest.fixture
def at_the_table(store):
    """Take bets in as a table shows them."""

    def show(*bets, now=NOW):
        source = Shown(*bets)
        with connect(store.postgres, purpose="test") as connection:
            load_rows(connection, source, run_id=uuid.uuid4(), now=now)
            connection.commit()

    return show


class Shown:
    """Rows of a table, as a sync would read them."""

    name, is_table, is_partial, row_count = "postgres:test/public.bets", True, False, None

    def __init__(self, *bets):
        self.bets = bets

    def pages(self):
        yield page_of([json.dumps(row).encode() for row in self.bets])


@pytest.fixture
def listed(store):
    def listed(**filters):
        with connect(store.postgres, purpose="test") as connection:
            return listing(connection, Selection(**filters))

    return listed


def refresh_at(store, now):
    with connect(store.postgres, purpose="test") as connection:
        refresh(connection, run_id=uuid.uuid4(), now=now)
        differences = {c.name: c.differences for c in verify_offline(connection) if c.differences}
        connection.commit()
    return differences


# ---- looking --------------------------------------------------------------------------------------------------------


def test_reasons_are_counted_and_the_newest_row_comes_first(load, listed):
    load(bet("a", status="?"), bet("b", status="?", amount=-1))
    load(bet("c", amount=-1))
    found = listed()
    assert found.reasons == {"amount: below 0": 2, "status: unknown value": 2}
    assert [row.id for row in found.rows] == ["c", "b", "a"]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, ["b", "a"]),
        ({"reason": "UNKNOWN"}, ["a"]),
        ({"reason": "100%"}, []),
        ({"id": "b"}, ["b"]),
        ({"id": "nobody"}, []),
        ({"source": "file:x"}, []),
        ({"since": NOW}, ["b", "a"]),
        ({"until": NOW}, []),
        ({"state": "dismissed"}, []),
        ({"state": None}, ["b", "a"]),
    ],
)
def test_each_quarantine_filter_selects_the_matching_rows(load, listed, filters, found):
    load(bet("a", status="?"), bet("b", amount=-1))
    assert [row.id for row in listed(**filters).rows] == found


def test_absent_quarantine_row_is_an_error_that_names_the_seq(load, listed):
    load(bet("a", status="?"))
    with pytest.raises(ConfigurationError, match=r"no row 7, 9\."):
        listed(seqs=(7, 1, 9))


@pytest.mark.parametrize(
    ("payload", "values"),
    [
        ('{"a": 1.50, "b" : 1e2,"c":"x\\u0041"}', [("a", "1.50"), ("b", "1e2"), ("c", '"x\\u0041"')]),
        ('{"a":1,"a":[1, {"b": 2}]}', [("a", "1"), ("a", '[1, {"b": 2}]')]),
        (' { } ', []),
        ('{\n"a"\t:\nnull\n}', [("a", "null")]),
        ('"{\\"a\\": 1"', []),
        ("null", []),
    ],
)  # fmt: skip
def test_quarantine_prints_values_as_sent(payload, values):
    assert values_of(payload) == values


# ---- trying again ---------------------------------------------------------------------------------------------------


def test_bet_stamped_in_the_future_is_accepted_on_retry_once_the_clock_passes_the_stamp(load, store, rows):
    """Refused an hour before its updated_at; tried again two hours later, it is known from then, and not before."""
    load(bet("a", 1), lost("b", 2))
    load(bet("a", updated_at=IN_AN_HOUR, status="SETTLED_LOSS", profit=-10.0))
    clock.set_now(LATER)
    assert retry_quarantined(store, Selection(reason="future")).summary.accepted == 1
    assert rows("select id, known_at, profit_cents from processed.bets where id = 'a'") == [("a", LATER, -1000)]
    assert rows("select state, settled_by, settled_at from quarantine.bets") == [("accepted", 4, LATER)]
    assert refresh_at(store, LATER) == {}
    assert rows("select sport_count from features.sport_stats_changes where event_timestamp = %s", LATER) == [(2,)]


def test_retried_row_that_is_refused_again_stays_in_quarantine_once(load, store, rows):
    load(bet("a", status="?"), "no json", '{"id": "b", "id": "c"}', bet("d", amount={"x": 1}))
    before = rows("select * from raw.bet_versions"), rows("select * from quarantine.bets order by seq")
    counts = retry_quarantined(store, Selection()).summary
    assert (counts.accepted, counts.refused) == (0, 4)
    assert (rows("select * from raw.bet_versions"), rows("select * from quarantine.bets order by seq")) == before


def test_retried_row_that_is_still_refused_carries_only_the_reasons_of_the_retry(load, store, rows):
    load(bet("a", updated_at=IN_AN_HOUR, status="?"))
    clock.set_now(LATER)
    retry_quarantined(store, Selection())
    assert rows("select state, reasons from quarantine.bets") == [("open", ["status: unknown value"])]


def test_retried_version_older_than_the_current_version_is_superseded(load, store, rows):
    load(lost("a", 9))
    load(bet("a", 5, settled_at=IN_AN_HOUR))
    clock.set_now(LATER)
    counts = retry_quarantined(store, Selection()).summary
    assert (counts.accepted, counts.superseded) == (1, 1)
    assert rows("select seq, profit_cents from processed.bets") == [(1, -1000)]
    assert rows("select state, settled_by from quarantine.bets") == [("accepted", 3)]
    assert refresh_at(store, LATER) == {}


def test_retried_copies_with_contradicting_values_stay_refused(load, store, rows):
    load(bet("a", 1), lost("a", 1))
    assert retry_quarantined(store, Selection()).summary.reasons == {CONFLICT: 2}
    assert rows("select count(*) from raw.bet_versions") == [(2,)]


def test_sound_copy_stays_refused_beside_a_refused_copy_that_differs(load, store, rows):
    """As at a sync, where a copy that was refused already counts as one."""
    load(bet("a", updated_at=IN_AN_HOUR), bet("a", updated_at=IN_AN_HOUR, status="?"))
    clock.set_now(LATER)
    assert retry_quarantined(store, Selection()).summary.accepted == 0
    assert rows("select distinct state from quarantine.bets") == [("open",)]


def test_retry_of_a_single_conflicting_copy_accepts_that_copy(load, store, rows):
    load(bet("a", 1), lost("a", 1))
    assert retry_quarantined(store, Selection(seqs=(2,))).summary.accepted == 1
    assert rows("select profit_cents from processed.bets") == [(-1000,)]
    assert rows("select seq, state, settled_by from quarantine.bets order by seq") == [
        (1, "superseded", 3),
        (2, "accepted", 3),
    ]
    assert refresh_at(store, NOW + timedelta(hours=1)) == {}


def test_copies_that_conflict_on_retry_add_no_version_and_stay_open(load, store, rows):
    """Each was refused for being early. In their time they contradict each other: still two rows, open, with that."""
    load(bet("a", updated_at=IN_AN_HOUR))
    load(lost("a", updated_at=IN_AN_HOUR))
    clock.set_now(LATER)
    assert retry_quarantined(store, Selection()).summary.reasons == {CONFLICT: 2}
    assert rows("select count(*) from raw.bet_versions") == [(2,)]
    assert rows("select state, reasons from quarantine.bets") == [("open", [CONFLICT])] * 2


def test_two_spellings_of_a_version_become_a_single_version_on_retry(load, store, rows):
    load(bet("a", updated_at=IN_AN_HOUR), bet("a", updated_at=IN_AN_HOUR, amount="10.00"))
    clock.set_now(LATER)
    counts = retry_quarantined(store, Selection()).summary
    assert (counts.accepted, counts.versions) == (2, 1)
    assert rows("select state, settled_by from quarantine.bets") == [("accepted", 3)] * 2


def test_retried_row_with_content_already_in_the_log_is_settled_by_that_version(load, store, rows):
    load(bet("a", updated_at=IN_AN_HOUR))
    load(bet("a", updated_at=IN_AN_HOUR), now=LATER)
    assert rows("select state, settled_by from quarantine.bets") == [("superseded", 2)]


def test_second_retry_of_the_same_rows_changes_nothing(load, store, rows):
    load(bet("a", updated_at=IN_AN_HOUR), bet("b", status="?"))
    clock.set_now(LATER)
    retry_quarantined(store, Selection())
    before = rows("select * from raw.bet_versions"), rows("select * from quarantine.bets order by seq")
    assert retry_quarantined(store, Selection()).summary.selected == 1
    assert (rows("select * from raw.bet_versions"), rows("select * from quarantine.bets order by seq")) == before


def test_retry_does_not_replace_the_newest_row_of_a_table(at_the_table, store, rows):
    """The version is in the log now, so the next sync, which reads the row once more, finds nothing new in it."""
    early = bet("a", updated_at=IN_AN_HOUR)
    at_the_table(early)
    clock.set_now(LATER)
    retry_quarantined(store, Selection())
    at_the_table(early, now=LATER)
    assert rows("select count(*), max(seq) from raw.bet_versions") == [(2, 2)]


def test_older_refused_row_stays_refused_while_the_newest_row_of_the_table_is_refused(at_the_table, store, rows):
    at_the_table(bet("a", updated_at=IN_AN_HOUR))
    broken = bet("a", updated_at=IN_AN_HOUR, status="?")
    at_the_table(broken)
    clock.set_now(LATER)
    assert retry_quarantined(store, Selection()).summary.reasons == {OUTDATED: 1, "status: unknown value": 1}
    at_the_table(broken, now=LATER)
    assert rows("select count(*) from raw.bet_versions") == [(2,)]


def test_date_kept_as_text_in_quarantine_is_not_accepted_as_a_name(store, tmp_path, rows):
    """JSON has no dates: the payload of a Parquet row spells them as text, which would pass for a sport."""
    file = tmp_path / "bets.parquet"
    pl.DataFrame([bet("a", sport=T0.date())]).write_parquet(file)
    with connect(store.postgres, purpose="test") as connection:
        load_rows(connection, open_file(file), run_id=uuid.uuid4(), now=NOW)
        connection.commit()
    assert rows("select payload ->> 'sport' from quarantine.bets") == [("2026-05-01",)]
    assert retry_quarantined(store, Selection()).summary.reasons == {"sport: not text": 1}


def test_retried_bet_stays_in_the_stream_of_the_file_until_another_file_brings_the_bet(load, store, rows):
    def of(name, **params):
        with connect(store.postgres, purpose="test") as connection:
            return connection.execute(statement(name), params).fetchall()

    def streams():
        return of("bets_of_other_streams", streams=[])

    load(bet("a", updated_at=IN_AN_HOUR), bet("b", 1))
    ((of_first, count),) = streams()
    clock.set_now(LATER)
    assert (retry_quarantined(store, Selection()).summary.accepted, count) == (1, 2)
    assert streams() == [(of_first, 2)]
    assert of("foreign_streams", own="") == [(of_first,)]
    load(lost("a", updated_at=LATER.isoformat()), now=LATER)
    assert [count for _, count in streams()] == [1, 1]
    assert rows("select count(*) from raw.shown_bets") == [(0,)]


def test_a_retry_is_a_recorded_run(load, store, rows):
    load(bet("a", status="?"))
    done = retry_quarantined(store, Selection())
    assert rows("select run_id, verb, state, source from ops.runs") == [
        (done.run_id, "quarantine retry", "done", "quarantine")
    ]


def test_retry_while_a_run_holds_the_lock_is_refused(load, store):
    load(bet("a", status="?"))
    with (
        connect(store.postgres, purpose="test") as other,
        hold_run_lock(other, "run"),
        pytest.raises(LockHeld),
    ):
        retry_quarantined(store, Selection())


def test_a_retry_on_a_clock_before_the_last_refresh_is_refused(load, store):
    load(bet("a", 1), bet("b", status="?"))
    clock.set_now(NOW - timedelta(days=1))
    with pytest.raises(ClockRewound):
        retry_quarantined(store, Selection())


def test_retry_of_a_dismissed_row_is_refused(load, store):
    load(bet("a", status="?"))
    dismiss_quarantined(store, Selection(seqs=(1,)), note="a test bet")
    with pytest.raises(ConfigurationError, match=r"Not open: row 1 \(dismissed\)"):
        retry_quarantined(store, Selection(seqs=(1,)))


# ---- letting be -----------------------------------------------------------------------------------------------------


def test_a_dismissed_row_keeps_the_reason_and_leaves_the_list(load, store, listed):
    load(bet("a", status="?"), bet("b", amount=-1))
    assert dismiss_quarantined(store, Selection(id="a"), note="a test bet") == 1
    assert [row.id for row in listed().rows] == ["b"]
    (row,) = listed(state="dismissed").rows
    assert (row.note, row.settled_at) == ("a test bet", NOW)


def test_reopened_dismissal_leaves_the_quarantine_row_unchanged(load, store, rows):
    load(bet("a", status="?"))
    before = rows("select * from quarantine.bets")
    dismiss_quarantined(store, Selection(seqs=(1,)), note="a test bet")
    assert reopen(store, Selection(seqs=(1,))) == {"open": 1, "superseded": 0}
    assert rows("select * from quarantine.bets") == before


@pytest.mark.parametrize(("minute", "state"), [(5, "superseded"), (0, "open")])
def test_reopened_dismissal_is_superseded_only_when_a_file_brought_a_newer_version(load, store, rows, minute, state):
    load(bet("a", 1, status="?"))
    dismiss_quarantined(store, Selection(seqs=(1,)), note="a test bet")
    load(bet("a", minute))
    reopen(store, Selection(seqs=(1,)))
    assert rows("select state, settled_by is null from quarantine.bets") == [(state, state == "open")]


def test_reopened_dismissal_is_superseded_by_the_row_that_the_table_now_shows(at_the_table, store, rows):
    at_the_table(bet("a", 1, status="?"))
    dismiss_quarantined(store, Selection(seqs=(1,)), note="a test bet")
    at_the_table(bet("a", 0))
    reopen(store, Selection(seqs=(1,)))
    assert rows("select state, settled_by from quarantine.bets") == [("superseded", 2)]


def test_dismiss_with_filters_that_select_every_open_row_needs_all(load, store):
    load(bet("a", status="?"), bet("b", status="?"))
    with pytest.raises(ConfigurationError, match="all 2 open rows"):
        dismiss_quarantined(store, Selection(reason="status"), note="?")
    assert dismiss_quarantined(store, Selection(reason="status"), note="?", everything=True) == 2


# ---- the command line -----------------------------------------------------------------------------------------------


@pytest.fixture
def run(store, tmp_path):
    environ = environ_of(store, tmp_path / "home", PIKKIT_NOW=LATER.isoformat())

    def run(*arguments, code=0):
        done = pikkit("quarantine", *arguments, environ=environ, cwd=tmp_path)
        assert done.returncode == code, done.stderr
        return done.stdout or done.stderr

    return run


def test_quarantine_list_ends_with_the_number_of_rows(load, run):
    load(*(bet(f"b{n}", status="?") for n in range(23)))
    told = run("list")
    assert told.splitlines()[1].split() == ["status:", "unknown", "value", "23"]
    assert "A status is one of PENDING, SETTLED_WIN," in told
    assert told.splitlines()[-1] == "23 open rows. 3 more are not shown. Nothing was changed."


def test_text_from_a_source_cannot_drive_the_terminal(load, run):
    nasty = "\x1b[2J\x9b31m\x07\u202e\r\nid: --all; drop table"
    load(bet(nasty, status="\x1b]0;owned\x07"))
    for told in (run("list"), run("show", "1")):
        assert not [c for c in told if not (c.isprintable() or c == "\n")]
        assert r"\x1b[2J" in told


def test_quarantine_list_as_json_gives_every_row_with_the_payload_unchanged(load, run):
    line = '{"id" : "a", "amount": 1.50, "note": "\\u001b[2J"}'
    load(*(bet(f"b{n}", status="?") for n in range(30)), line)
    told = json.loads(run("list", "--json"))
    assert told["count"] == len(told["rows"]) == 31
    assert line in [row["payload"] for row in told["rows"]]


@pytest.mark.parametrize("rows", [[], [{"seq": 1}], [{"seq": 2, "reasons": ["a\x1b", "b"]}, {}, [], "\u202e"]])
def test_json_document_written_row_by_row_equals_the_document_written_whole(capsys, rows):
    print_json_with_rows({"count": 2, "reasons": {"[]": 1}}, "rows", iter(rows))
    row_by_row = capsys.readouterr().out
    print_json({"count": 2, "reasons": {"[]": 1}, "rows": rows})
    assert row_by_row == capsys.readouterr().out


def test_json_document_that_breaks_off_is_not_followed_by_an_error_document(capsys):
    error = Unreachable("Postgres is gone", "Nothing was changed", "Start it", service="Postgres")

    def rows():
        yield {"seq": 1}
        raise error

    with error_documents(wanted=True) as print_document:
        with pytest.raises(Unreachable):
            print_json_with_rows({"count": 2}, "rows", rows())
        print_document("Unreachable", error, 4)
    assert capsys.readouterr().out.endswith('"seq": 1\n    }')


def test_rows_of_a_retry_come_in_pages_of_bounded_bytes(load, run, monkeypatch):
    monkeypatch.setattr("ingestion.quarantine.retry.PAGE_BYTES", 1)
    load(*(bet(f"b{n}", updated_at=IN_AN_HOUR) for n in range(3)), bet("c", status="?"))
    assert "3 rows accepted as 3 new bet versions, 1 row still refused." in run("retry", "--all")


def test_quarantine_show_marks_the_faults_of_a_row_and_names_the_state(load, run):
    load('{"id": "a", "status": "WON?", "amount": 1.50}', bet("b"))
    told = run("show", "2")
    assert '>  status  "WON?"' in told
    assert "   amount  1.50" in told
    run("dismiss", "2", "--why", "a test bet")
    assert "dismissed at 2026-05-24T17:00:00Z: a test bet" in run("show", "--id", "a")


def test_last_line_of_a_retry_counts_accepted_rows_and_names_pikkit_run(load, run):
    load(bet("a", updated_at=IN_AN_HOUR), bet("b", status="?"))
    *_, last = run("retry", "--all").splitlines()
    assert "1 row accepted as 1 new bet version, 1 row still refused. `pikkit run` publishes them." in last


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", "9"),
        ("show", "--id", "nobody"),
        ("show",),
        ("show", "0"),
        ("show", str(2**63)),
        ("retry", "9"),
        ("retry",),
        ("dismiss", "9", "--why", "x"),
        ("dismiss", "1"),
        ("dismiss", "1", "--why", " "),
        ("dismiss", "--why", "x"),
        ("list", "--state", "closed"),
        ("list", "--since", "yesterday"),
    ],
)
def test_quarantine_command_with_a_missing_row_or_argument_exits_2(load, run, arguments):
    load(bet("a", status="?"))
    run(*arguments, code=2)
