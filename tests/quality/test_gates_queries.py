"""The query of a verdict, pasted into the real Postgres."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import psycopg

from quality.gates import default_gates, judge_refresh
from tests.builders.refreshes import GOOD, NOW, intake, verdict

RUN = UUID(int=1)
BET = """
insert into processed.bet_versions
    (seq, run_id, id, bet_type, status, sport, institution_name, is_settled, is_win, american_odds, amount_cents,
     profit_cents, odds, clv_percentage, updated_at, time_placed, known_at, is_current, is_deleted,
     is_superseded)
values
    (%(seq)s, %(run)s, %(id)s, 'straight', 'SETTLED_WIN', %(sport)s, 'Book', true, true, 150, 1000,
     1500, 150, 2, %(at)s, %(at)s, %(at)s, %(is_current)s, %(is_deleted)s,
     %(is_superseded)s)
"""


def store(database: psycopg.Connection, *bets: dict[str, object]) -> None:
    for bet in bets:
        usual = {"run": RUN, "sport": "Golf", "at": NOW - timedelta(days=1)}
        state = {"is_current": True, "is_deleted": False, "is_superseded": False}
        database.execute(BET, usual | state | bet)


def judged_before(database: psycopg.Connection, until: int) -> None:
    """Leave the record of an earlier judgement, whatever came of it."""
    run = uuid4()
    database.execute(
        "insert into ops.runs (run_id, verb, state, code_version, now, started_at) "
        "values (%s, 'run', 'refused', '0', %s, %s)",
        [run, NOW, NOW],
    )
    database.execute(
        "insert into ops.gates (run_id, state, judged_at, since_seq, until_seq) values (%s, 'refused', %s, 0, %s)",
        [run, NOW, until],
    )


def test_the_query_of_every_verdict_runs(database: psycopg.Connection) -> None:
    store(database, {"seq": 900, "id": "old"}, {"seq": 1_500, "id": "new"})
    queries = {one.query.encode() for one in judge_refresh(default_gates(), GOOD).verdicts}
    assert [query for query in queries if not database.execute(query).description] == []


def test_every_query_names_the_versions_that_were_judged() -> None:
    verdicts = judge_refresh(default_gates(), GOOD).verdicts
    assert [one.gate for one in verdicts if "2000" not in one.query or "{" in one.query] == []


def test_the_query_shows_the_bets_behind_the_value(database: psycopg.Connection) -> None:
    store(database, {"seq": 1_500, "id": "bare", "sport": None}, {"seq": 1_501, "id": "fine"})
    store(database, {"seq": 1_000, "id": "before", "sport": None}, {"seq": 2_001, "id": "after", "sport": None})
    assert ids(database, "max_null_sport_pct", "batch") == ["bare"]
    assert ids(database, "max_null_sport_pct", "dataset") == ["before", "bare"]


def test_query_of_a_verdict_shows_the_judged_versions_and_no_later_versions(database: psycopg.Connection) -> None:
    store(database, {"seq": 1_500, "id": "corrected later", "sport": None, "is_current": False})
    store(database, {"seq": 2_001, "id": "corrected later"})
    store(database, {"seq": 1_501, "id": "corrected in time", "sport": None, "is_current": False})
    store(database, {"seq": 1_502, "id": "corrected in time"})
    store(database, {"seq": 1_503, "id": "gone", "sport": None, "is_current": False})
    store(database, {"seq": 1_504, "id": "gone", "sport": None, "is_deleted": True})
    assert ids(database, "max_null_sport_pct", "batch") == ["corrected later"]


def test_query_of_a_verdict_ignores_superseded_late_versions(database: psycopg.Connection) -> None:
    late = {"is_current": False, "is_superseded": True}
    store(database, {"seq": 1_500, "id": "a", "sport": None}, {"seq": 1_501, "id": "a", **late})
    store(database, {"seq": 1_502, "id": "b"}, {"seq": 1_503, "id": "b", "sport": None, **late})
    assert ids(database, "max_null_sport_pct", "batch") == ["a"]


def test_query_of_the_pass_rate_shows_the_refused_rows_of_the_judged_range(database: psycopg.Connection) -> None:
    columns = "seq, run_id, id, reasons, payload, source, received_at"
    for seq in (1_000, 1_001, 2_000, 2_001):
        row = (seq, RUN, f"q{seq}", ["amount: below 0"], "{}", "file", NOW)
        database.execute(f"insert into quarantine.bets ({columns}) values (%s, %s, %s, %s, %s, %s, %s)", row)
    judged_before(database, until=1_000)
    assert ids(database, "schema_pass_rate", "batch") == ["q1001", "q2000"]
    judged_before(database, until=1_999)
    assert ids(database, "schema_pass_rate", "batch") == ["q2000"]


def test_query_of_a_shift_counts_new_bets_beside_earlier_bets(database: psycopg.Connection) -> None:
    store(database, {"seq": 900, "id": "a"}, {"seq": 901, "id": "b"}, {"seq": 1_500, "id": "c"})
    found = verdict("amount_level", "batch")
    assert [row[:3] for row in database.execute(found.query.encode())] == [("Book", False, 2), ("Book", True, 1)]


def test_without_a_usable_intake_the_query_shows_everything(database: psycopg.Connection) -> None:
    store(database, {"seq": 1, "id": "a", "sport": None}, {"seq": 10**12, "id": "b", "sport": None})
    query = verdict("max_null_sport_pct", "batch", intake=intake().clear()).query
    assert [row[1] for row in database.execute(query.encode())] == ["a", "b"]


def ids(database: psycopg.Connection, gate: str, scope: str) -> list[str]:
    return [row[1] for row in database.execute(verdict(gate, scope).query.encode())]
