"""Rows that are wrong in one way each, through files into a real store: refused with a reason, or kept exactly."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from feature_repo.errors import SourceRejected
from ingestion.database.access import connect
from ingestion.features.refresh import refresh
from ingestion.features.verify import verify_offline
from ingestion.intake.load import load_rows
from ingestion.serving.export.export import export_store
from ingestion.sources.files.file_source import open_file
from tests.builders.bet_files import NOW, T0, at, bet, jsonl, lost
from tests.builders.hostile_text import HALF_A_CHARACTER, LONG
from tests.rigs.databases import temporary_database


@pytest.fixture(scope="module")
def emptied(servers, template):
    """One database for all of these tests: each undoes what it did."""
    with (
        temporary_database(servers.postgres, template) as postgres,
        connect(postgres, purpose="test") as connection,
    ):
        yield connection


@pytest.fixture
def database(emptied):
    yield emptied
    emptied.rollback()


@pytest.fixture
def take(database, tmp_path):
    """Take a file in, or bets (and lines of text) as one file of JSON lines. Returns the counts."""

    def take(*bets, path=None, now=NOW):
        path = path or tmp_path / f"{uuid.uuid4()}.jsonl"
        if bets:
            path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in bets))
        return load_rows(database, open_file(path), run_id=uuid.uuid4(), now=now)

    return take


@pytest.fixture
def parquet(tmp_path):
    """A Parquet file of one ordinary bet with columns of other types in place of its own."""

    def parquet(**columns):
        own = {name: pa.array([value]) for name, value in bet("a").items()}
        pq.write_table(pa.table(own | columns), tmp_path / "bets.parquet")
        return tmp_path / "bets.parquet"

    return parquet


@pytest.fixture
def rows(database):
    def rows(query, *params):
        return database.execute(query, params or None).fetchall()

    return rows


@pytest.fixture
def brought_up(database):
    """Bring the features up to date. Returns how many change rows came and how many differ from a whole replay."""

    def brought_up(now=NOW):
        written = refresh(database, run_id=uuid.uuid4(), now=now)
        with database.transaction(force_rollback=True):
            differences = sum(compared.differences for compared in verify_offline(database))
        return written.total, differences

    return brought_up


def reasons(rows):
    return dict(rows("select id, reasons from quarantine.bets"))


# ---- values that no bet has -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("differs", "reason"),
    [
        ({"settled_at": at(-2)}, "settled_at: more than a minute before time_placed"),
        ({"updated_at": at(-1)}, "updated_at: before created_at"),
        ({"updated_at": (NOW + timedelta(minutes=6)).isoformat()}, "updated_at: in the future"),
        ({"time_placed": "2026-06-01T00:00:00Z"}, "time_placed: in the future"),
        ({"settled_at": "9999-12-31T23:59:59.999999Z"}, "settled_at: in the future"),
        ({"created_at": "1970-01-01T00:00:00Z"}, "created_at: before the year 2000"),
        ({"time_placed": 1777636800}, "time_placed: not an ISO 8601 timestamp with a time of day"),
        ({"updated_at": "infinity"}, "updated_at: not an ISO 8601 timestamp with a time of day"),
        ({"status": "SETTLED_HALF_LOSS"}, "status: unknown value"),
        ({"bet_type": "lottery"}, "bet_type: unknown value"),
        ({"is_win": False}, "is_win: contradicts status"),
        ({"is_settled": False}, "is_settled: contradicts status"),
        ({"amount": "ten"}, "amount: not a finite number"),
        ({"amount": "NaN"}, "amount: not a finite number"),
        ({"profit": "Infinity"}, "profit: not a finite number"),
        ({"profit": "1,500"}, "profit: not a finite number"),
        ({"american_odds": "EVEN"}, "american_odds: not a finite number"),
        ({"american_odds": True}, "american_odds: not a finite number"),
        ({"is_live": "yes"}, "is_live: not true or false"),
        ({"sport": True}, "sport: not text"),
        ({"id": "x" * 101}, "id: longer than 100 characters"),
        ({"league": LONG}, "league: longer than 100 characters"),
        ({"market": LONG}, "market: longer than 200 characters"),
        ({"league": "A\0B"}, "league: contains a NUL character"),
        ({"amount": 1e308}, "amount: above 1,000,000"),
        ({"amount": 2**63}, "amount: above 1,000,000"),
        ({"amount": 10**400}, "amount: not a finite number"),
        ({"amount": "1e999"}, "amount: not a finite number"),
        ({"profit": -(2**63)}, "profit: below -1,000,000"),
        ({"american_odds": 2**63 - 1}, "american_odds: beyond ±10,000 (1,000,000 for multi-leg bets)"),
        ({"american_odds": -(2**31) - 1}, "american_odds: beyond ±10,000 (1,000,000 for multi-leg bets)"),
        ({"odds": 1e308}, "odds: not the price that american_odds names"),
        ({"roi": -1e308}, "roi: differs from profit / amount by more than 1 point"),
        ({"amount": 5e-324}, "roi: outside -1,000 to 10,000 (1,000,000 for multi-leg bets)"),
        ({"clv_percentage": 1e300}, "clv_percentage: above 1,000"),
    ],
)
def test_broken_value_refuses_only_the_row_that_has_the_value(take, rows, differs, reason):
    counts = take(bet("before"), bet("broken") | differs, bet("after"))
    assert (counts.accepted, counts.quarantined) == (2, 1)
    ((why,),) = rows("select reasons from quarantine.bets")
    assert reason in why


@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
def test_word_in_a_column_of_numbers_refuses_only_the_row_of_the_word(take, rows, tmp_path, suffix):
    bets = [bet(f"b{n}", settled_at=at(0), clv_percentage=1.0) for n in range(20)]
    bets[7]["amount"] = "void"
    lines = [",".join(bets[0]), *(",".join(map(str, row.values())) for row in bets)]
    file = tmp_path / "bets.csv"
    file.write_text("\n".join(lines))
    take(*bets) if suffix == "jsonl" else take(path=file)
    assert reasons(rows) == {"b7": ["amount: not a finite number"]}
    assert rows("select count(*), sum(amount_cents)::int from processed.bets") == [(19, 19_000)]


@pytest.mark.parametrize(
    ("column", "value", "neighbour"),
    [
        ("sport", True, "Soccer"),
        ("sport", 1.5, "Soccer"),
        ("sport", 2.0, 7),
        ("id", 1.5, "b"),
        ("id", 7, 1.5),
        ("id", 7, "b"),
        ("amount", True, 10),
        ("amount", 10, "ten"),
        ("is_live", 0, True),
        ("is_live", 1, "true"),
        ("settled_at", 1777636800, at(0)),
        ("status", 1, "SETTLED_WIN"),
    ],
)
def test_verdict_on_a_value_does_not_depend_on_the_kinds_of_neighbouring_values(take, rows, column, value, neighbour):
    take(bet("odd", 1, league="alone") | {column: value})
    take(bet("odd", 2, league="beside") | {column: value}, bet("other", 2, league="other") | {column: neighbour})
    found = dict(
        rows(
            "select sent.payload ->> 'league', reasons"
            " from raw.bet_versions as sent left join quarantine.bets using (seq)"
        )
    )
    assert found["beside"] == found["alone"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("column", ["odds", "american_odds", "amount", "profit", "roi", "clv_percentage", "clv_ev"])
def test_value_that_is_no_number_is_refused_and_kept(take, rows, parquet, column, value):
    take(path=parquet(**{column: pa.array([value])}))
    spelled = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]
    assert reasons(rows) == {"a": [f"{column}: not a finite number"]}
    assert rows("select payload ->> %s from quarantine.bets", column) == [(spelled,)]


def test_a_number_without_limits_is_stored_to_the_last_bit(take, rows):
    extremes = [1.7976931348623157e308, -1.7976931348623157e308, 5e-324, 0.1 + 0.2]
    take(*(bet(f"b{n}", clv_current_odds=value) for n, value in enumerate(extremes)))
    assert [value for (value,) in rows("select clv_current_odds from processed.bets order by id")] == extremes


def test_sums_of_bets_at_the_largest_allowed_stake_are_exact_to_the_cent(take, rows, brought_up):
    take(*(lost(f"b{n}", 1, amount=1e6, profit=-1e6, bet_type="parlay") for n in range(300)))
    assert brought_up()[1] == 0
    assert rows("select stake_cents, profit_cents from features.group_state where grouping = 'sport'") == [
        (300 * 10**8, -300 * 10**8)
    ]


def test_lone_surrogate_in_json_refuses_the_row_and_keeps_the_line_unchanged(take, rows):
    line = json.dumps(bet("a"))[:-1] + f', "league": {HALF_A_CHARACTER}' + "}"
    line = line.replace('"league": "Premier League", ', "")
    assert take(line, bet("b")).accepted == 1
    assert reasons(rows) == {"a": ["league: half of a surrogate pair"]}
    assert rows("select payload::text from quarantine.bets") == [(line,)]


def test_lone_surrogate_in_an_unknown_column_is_kept_and_exported(postgres, tmp_path):
    line = json.dumps(bet("a"))[:-1] + f', "note": {HALF_A_CHARACTER}' + "}"
    (tmp_path / "bets.jsonl").write_text(line)
    with connect(postgres, purpose="test") as connection:
        assert load_rows(connection, open_file(tmp_path / "bets.jsonl"), run_id=uuid.uuid4(), now=NOW).accepted == 1
        connection.commit()
    export_store(postgres, str(tmp_path / "out"), raw=True)
    (file,) = (tmp_path / "out" / "raw").rglob("*.parquet")
    assert pq.read_table(file)["payload"].to_pylist() == [line]


def test_surrogate_pair_in_json_is_read_as_a_single_character(take, rows):
    take(json.dumps(bet("a", league="🏀")))
    assert rows("select league, length(league) from processed.bets") == [("🏀", 1)]


def test_refused_row_keeps_a_name_of_10_000_characters_whole(take, rows):
    take(bet("a", league="e\u0301" * 5_000))
    assert rows("select payload ->> 'league' from quarantine.bets") == [("e\u0301" * 5_000,)]


def test_a_column_that_no_bet_has_may_hold_a_megabyte(take, rows):
    assert take(bet("a", note="🏀" * 250_000)).unknown_columns == ["note"]
    assert rows("select length(payload ->> 'note') from raw.bet_versions") == [(250_000,)]


# ---- ids ------------------------------------------------------------------------------------------------------------

IDS = (
    "a", "A", "á", "a\u0301", "a b", "a  b", "a\tb", "0", "00", "-0", "1e3", "1000", r"\N", r"\\N", r"\.", "|", "a|b",
    "%", "_", "'", '"', "''", "null", "NaN", "true", "ﬁ", "fi", "\u200b", "\ufffd", "İ", "i", "\u0131", "ß", "ss",
    "x" * 99, "x" * 100, "😀" * 100, "../a", "=1+1", "$1", "%s", "{}",
)  # fmt: skip


def test_ids_that_are_not_the_same_characters_are_not_the_same_bet(take, rows):
    take(*(bet(bet_id, 1, amount=10 + n) for n, bet_id in enumerate(IDS)))
    take(*(bet(bet_id, 2, amount=100 + n) for n, bet_id in enumerate(IDS)))
    assert dict(rows("select id, amount_cents from processed.bets")) == {
        bet_id: 100 * (100 + n) for n, bet_id in enumerate(IDS)
    }


@pytest.mark.parametrize("spelling", [" a ", "a\n", "\u00a0a\ufeff", "\ta"])
def test_white_space_around_an_id_is_stripped(take, spelling):
    take(bet("a"))
    assert take(bet(spelling)).seen_before == 1


def test_a_numbered_bet_is_the_same_as_number_and_as_text(take):
    take(bet(12345678901234567890))
    assert take(bet("12345678901234567890")).seen_before == 1


@pytest.mark.parametrize("bet_id", [None, "", " ", 1.5, True, "x" * 101, "a\0b", [1], {"x": 1}])
def test_row_with_an_unusable_id_is_kept_without_an_id(take, rows, bet_id):
    line = json.dumps(bet(bet_id))
    take(line)
    ((why, payload),) = rows("select reasons, payload::text from quarantine.bets where id is null")
    assert payload == line
    assert all(reason.startswith("id: ") for reason in why)


# ---- physical types -------------------------------------------------------------------------------------------------


def moment(kind):
    return pa.array([T0], kind) if kind.tz else pa.array([T0.replace(tzinfo=None)], kind)


SAME = [
    ("amount", pa.array([Decimal("10.00")])),
    ("amount", pa.array([Decimal("10.0000")], pa.decimal256(60, 4))),
    ("amount", pa.array([10], pa.int8())),
    ("amount", pa.array([10], pa.uint64())),
    ("amount", pa.array([10.0], pa.float32())),
    ("amount", pa.array([10.0], pa.float16())),
    ("amount", pa.array(["10.00"])),
    ("amount", pa.array(["1e1"]).dictionary_encode()),
    ("american_odds", pa.array([150.0])),
    ("american_odds", pa.array([Decimal(150)])),
    ("american_odds", pa.array([150], pa.uint8())),
    ("american_odds", pa.array(["+150"], pa.large_string())),
    ("is_live", pa.array([0], pa.int8())),
    ("is_live", pa.array([0.0])),
    ("is_live", pa.array(["f"])),
    ("is_live", pa.array(["False"]).dictionary_encode()),
    ("sport", pa.array(["Soccer"], pa.large_string())),
    ("sport", pa.array(["Soccer"]).dictionary_encode()),
    ("sport", pa.array([b"Soccer"])),
    ("sport", pa.array([b"Soccer"], pa.binary(6))),
    ("status", pa.array(["settled_win"]).dictionary_encode()),
    ("clv_percentage", pa.nulls(1)),
    ("clv_percentage", pa.nulls(1, pa.string())),
    ("updated_at", pa.array(["2026-05-01T14:00:00+02:00"])),
    ("updated_at", pa.array(["20260501T120000Z"]).dictionary_encode()),
    *(
        (column, moment(pa.timestamp(unit, zone)))
        for column in ("updated_at", "time_placed")
        for unit in ("s", "ms", "us", "ns")
        for zone in (None, "UTC", "America/New_York", "+05:30")
    ),
]


@pytest.mark.parametrize(("column", "array"), SAME, ids=lambda part: getattr(part, "type", part))
def test_the_same_bet_in_another_physical_type_is_the_same_version(take, parquet, column, array):
    take(bet("a"))
    assert take(path=parquet(**{column: array})).seen_before == 1


@pytest.mark.parametrize(
    ("column", "array", "reason"),
    [
        ("updated_at", pa.array([T0.date()]), "not an ISO 8601 timestamp with a time of day"),
        ("updated_at", pa.array([int(T0.timestamp())]), "not an ISO 8601 timestamp with a time of day"),
        ("time_placed", pa.array([2**62], pa.timestamp("ms")), "a date or time out of range"),
        ("time_placed", pa.array([-(2**60)], pa.timestamp("ms", "UTC")), "a date or time out of range"),
        ("amount", pa.array([Decimal("9" * 38)]), "above 1,000,000"),
        ("amount", pa.array([Decimal("9" * 70)], pa.decimal256(76, 0)), "above 1,000,000"),
        ("amount", pa.array([True]), "not a finite number"),
        ("amount", pa.array([[10.0]]), "a list or an object, not one value"),
        ("sport", pa.array([{"name": "Soccer"}]), "a list or an object, not one value"),
        ("sport", pa.array([[("Soccer", 1)]], pa.map_(pa.string(), pa.int8())), "a list or an object, not one value"),
        ("sport", pa.array([b"Soc\xffcer"]), "not UTF-8"),
        ("sport", pa.array([1.5]), "not text"),
        ("sport", pa.array([T0.date()]), "not text"),
        ("status", pa.array([1]), "unknown value"),
        ("is_live", pa.array([2]), "not true or false"),
    ],
    ids=lambda part: getattr(part, "type", part),
)
def test_parquet_column_of_an_unfit_type_refuses_the_row(take, rows, parquet, column, array, reason):
    take(path=parquet(**{column: array}))
    assert reasons(rows) == {"a": [f"{column}: {reason}"]}


def test_nanoseconds_are_cut_off_not_rounded_up(take, rows, parquet):
    last = pa.array([int(T0.timestamp()) * 10**9 + 999], pa.timestamp("ns", "UTC"))
    take(path=parquet(updated_at=last))
    assert rows("select updated_at from processed.bets") == [(T0,)]


# ---- columns --------------------------------------------------------------------------------------------------------


def test_optional_columns_missing_from_an_export_are_null(take, rows):
    optional = ("is_live", "created_at", "settled_at", "clv_percentage")
    take({name: value for name, value in bet("a").items() if name not in optional})
    assert rows(f"select {', '.join(optional)} from processed.bets") == [(None, None, None, None)]


def test_required_column_in_another_letter_case_counts_as_missing(tmp_path):
    row = bet("a")
    row["Sport"] = row.pop("sport")
    with pytest.raises(SourceRejected, match="lacks the columns sport"):
        open_file(jsonl(tmp_path / "bets.jsonl", row))


def test_unknown_columns_with_any_name_are_reported_once(take, rows):
    strange = dict.fromkeys(("", "seq", "known_at", "a.b", "$1", "drop table", "é", "[red]", "row"), 1)
    assert take(bet("a") | strange, bet("b") | strange).unknown_columns == sorted(strange)
    assert rows("select count(*) from processed.bets") == [(2,)]


# ---- batches --------------------------------------------------------------------------------------------------------


class Nothing:
    """A table in which nothing changed."""

    name, is_table, is_partial, row_count = "postgres:test/public.bets", True, False, 0

    def pages(self):
        yield from ()


def test_a_batch_of_no_rows_changes_nothing(take, rows, brought_up, database):
    take(bet("a", 1))
    brought_up()
    before = rows("select * from raw.bet_versions")
    counts = load_rows(database, Nothing(), run_id=uuid.uuid4(), now=NOW)
    assert (counts.rows_read, counts.accepted, counts.quarantined) == (0, 0, 0)
    assert (brought_up(), rows("select * from raw.bet_versions")) == ((0, 0), before)


def test_a_first_batch_of_no_rows_leaves_a_store_without_features(database, brought_up):
    load_rows(database, Nothing(), run_id=uuid.uuid4(), now=NOW)
    assert brought_up() == (0, 0)


def test_a_batch_of_refused_rows_alone_changes_no_feature(take, brought_up):
    take(bet("a", 1))
    brought_up()
    take(*(bet(f"b{n}", 2, status="?") for n in range(5)))
    assert brought_up() == (0, 0)


def test_a_parquet_file_without_rows_is_refused(tmp_path):
    pq.write_table(pa.table({name: pa.array([], pa.string()) for name in bet("a")}), tmp_path / "bets.parquet")
    with pytest.raises(SourceRejected, match="holds no rows"):
        open_file(tmp_path / "bets.parquet")


def test_batches_of_single_rows_equal_a_single_batch(take, rows, brought_up, new_database, tmp_path):
    bets = [(bet if n % 3 else lost)(f"b{n % 8}", n, amount=10 + n % 4, profit=None) for n in range(16)]
    bets = [row | {"profit": 1.5 * row["amount"] if "WIN" in row["status"] else -row["amount"]} for row in bets]
    for minute, row in enumerate(bets):
        take(row, now=T0 + timedelta(minutes=minute))
        assert brought_up(T0 + timedelta(minutes=minute))[1] == 0
    with new_database() as other:
        load_rows(other, open_file(jsonl(tmp_path / "all.jsonl", *bets)), run_id=uuid.uuid4(), now=NOW)
        refresh(other, run_id=uuid.uuid4(), now=NOW)
        at_once = other.execute(
            "select to_jsonb(s) - 'updated_seq' from features.group_state as s order by 1"
        ).fetchall()
    assert rows("select to_jsonb(s) - 'updated_seq' from features.group_state as s order by 1") == at_once


def test_bets_known_at_the_same_instant_make_a_single_change_row_per_group(take, rows, brought_up):
    counts = take(*(bet(f"b{n}", 5, sport=f"S{n % 2}") for n in range(500)))
    assert counts.largest_instant == 500
    assert brought_up()[1] == 0
    assert rows("select sport, event_timestamp, sport_count from features.sport_stats_changes order by 1") == [
        ("S0", T0 + timedelta(minutes=5), 250),
        ("S1", T0 + timedelta(minutes=5), 250),
    ]


def test_bets_known_at_the_same_instant_make_the_same_features_in_any_order(
    take, rows, brought_up, new_database, tmp_path
):
    bets = [(bet if n % 3 else lost)(f"b{n}", 5) for n in range(60)]
    take(*bets)
    brought_up()
    with new_database() as other:
        load_rows(other, open_file(jsonl(tmp_path / "b.jsonl", *reversed(bets))), run_id=uuid.uuid4(), now=NOW)
        refresh(other, run_id=uuid.uuid4(), now=NOW)
        query = "select sport_market, recent_win_rate, recent_win_rate_50 from features.sport_market_recent_changes"
        assert other.execute(query).fetchall() == rows(query)


def test_bets_that_arrive_weeks_late_change_no_published_change_row(take, rows, brought_up):
    take(*(bet(f"b{n}", 100 + n) for n in range(5)))
    brought_up()
    published = rows("select * from features.sport_stats_changes order by event_timestamp")
    later = NOW + timedelta(hours=1)
    counts = take(*(lost(f"late{n}", n) for n in range(5)), bet("new", 110), now=later)
    assert counts.late == 6
    assert brought_up(later)[1] == 0
    changes = rows("select * from features.sport_stats_changes order by event_timestamp")
    assert changes[: len(published)] == published
    assert rows("select max(event_timestamp) > %s from features.sport_stats_changes", NOW) == [(True,)]


def test_equal_local_times_around_the_end_of_summer_time_stay_distinct_instants(take, rows):
    """01:30 came twice in New York that night; the offset says which one is meant."""
    night = ("2025-11-02T01:30:00-04:00", "2025-11-02T01:30:00-05:00")
    take(*(bet(text, time_placed=text, created_at=text) for text in night))
    assert [at for (at,) in rows("select time_placed from processed.bets order by 1")] == [
        datetime(2025, 11, 2, 5, 30, tzinfo=UTC),
        datetime(2025, 11, 2, 6, 30, tzinfo=UTC),
    ]
