"""Raw bets that are hard to read, for Hypothesis: text, typed columns near the limits, any physical type."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
from hypothesis import strategies as st

from feature_repo.bets.bet_status import BetStatus
from feature_repo.bets.bet_types import BetType
from quality.schema import ACCEPTED_SCHEMA, BET_COLUMNS
from quality.schema.grammar import TIMESTAMP
from tests.builders.raw_bets import GOOD, NOW, OPEN

NUMBERS = ("odds", "american_odds", "amount", "profit", "roi", "clv_percentage", "clv_ev", "clv_current_odds")
FLAGS = ("is_live", "is_settled", "is_win", "is_deleted")
INSTANTS = ("created_at", "updated_at", "time_placed", "settled_at", "deleted_at")
NAMES = ("id", "sport", "league", "market", "institution_name")
CHOICES = {"bet_type": list(BetType), "status": list(BetStatus)}


def _words(text: str) -> st.SearchStrategy[str]:
    return st.sampled_from(text.split())


# Of the rows of one frame. Hypothesis varies earlier examples, so each had better hold many oddities.
heights = st.sampled_from([0, 1, 2, 4, 8])
odd_columns = st.lists(st.sampled_from(BET_COLUMNS), max_size=5)

# ---- values ----

white = st.just("") | st.text(" \t\n\r\v\f\x1c\x1f\0\u0085\u00a0\u2003\u3000\ufeff\u200b", max_size=2)
any_text = st.one_of(
    st.text(max_size=12),
    st.text("aé😀\0\x01\x7f|\\'\";-", max_size=8),
    st.sampled_from(["x" * 100, "é" * 101, "😀" * 200, "x" * 201, "y" * 10_000, "'; drop table bets; --", "<script>"]),
)
edges = [-1000, -1, -0.0, 0, 1, 99, 99.99, 100, -100, 150.5, 1e4, 10_000.01, -10_001, 1e5, 100_001, 1e6, 1_000_000.01]
number = st.one_of(
    st.sampled_from([float(edge) for edge in edges]),
    st.floats(-200, 200),
    st.floats(),
    st.sampled_from([5e-324, 1e-300, 1e300, -1.7976931348623157e308, 0.005, 0.0050000001]),
    st.sampled_from([math.nan, math.inf, -math.inf]),
)
moment = st.one_of(
    st.datetimes(datetime.fromisoformat("2025-03-09"), datetime.fromisoformat("2025-03-16")),
    st.datetimes(datetime.fromisoformat("0001-01-02"), datetime.fromisoformat("9999-12-30")),
    st.sampled_from([NOW.replace(tzinfo=None) + timedelta(minutes=5, microseconds=us) for us in (-1, 0, 1)]),
    _words("2000-01-01 1999-12-31T23:59:59.999999 1970-01-01").map(datetime.fromisoformat),
)
_ZONES = [UTC, timezone(timedelta(hours=-8)), timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=2))]
# What a nanosecond column can hold.
near_moment = st.datetimes(datetime.fromisoformat("1678-01-01"), datetime.fromisoformat("2262-01-01"))

# ---- text ----


def _surrounded(core: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds(lambda before, text, after: before + text + after, white, core, white)


def _in_any_case(names: list[str]) -> st.SearchStrategy[str]:
    changes = [str.lower, str.upper, str.title, lambda name: name.replace("S", "\u017f").replace("i", "İ")]
    return st.builds(lambda name, change: change(str(name)), st.sampled_from(names), st.sampled_from(changes))


_number_text = st.one_of(
    number.map(str),
    st.integers(-(10**30), 10**30).map(str),
    st.builds(
        "{}{}{}".format,
        st.sampled_from(["", "+", "-", "--"]),
        st.integers(0, 20_000),
        st.sampled_from(["", ".", ".0", ".5", "e0", "E+1", "e400", "e-400"]),
    ),
    _words(".5 +.5 1,000 1_000 0x10 ٣ ² inf -Infinity NaN - + . e5 true"),
    st.sampled_from(["9" * 400, "1" + "0" * 9_999, "0." + "0" * 9_990 + "1"]),
)
_flag_text = _words("true TRUE t T false F f 0 1 1.0 0.0 1.00 yes no on 2 -1 null")
_day = _words("%Y-%m-%d %Y%m%d %Y/%m/%d %Y-%m%d %y-%m-%d %G-W%V-%u %Y-02-30 %Y-02-29 %Y-13-01 %Y-00-10") | _words(
    "0000-01-01 0999-12-31 9999-12-31"
)
_clock = _words("%H:%M:%S.%f %H:%M:%S,%f %H:%M:%S %H:%M %H%M%S %H%M %H 24:00:00 %H:%M:60 %I:%M:%S%p") | _words(
    "%H:%M:%S. %H:%M:%S.1 %H:%M:%S.123456789 %H:%M:%S.1234567890"
)
_offset = _words("Z z +00 +02 +2 +02:00 +0200 -08:00 +05:30 -00:00 +23:59 +24:00 +02:60 UTC [Europe/Berlin]")


def _spelled(at: datetime, day: str, separator: str, clock: str, gap: str, offset: str) -> str:
    return at.strftime(day) + separator + at.strftime(clock) + gap + offset


_zoned = st.builds(lambda at, zone: at.replace(tzinfo=zone).isoformat(), moment, st.sampled_from(_ZONES))
_timestamp_text = st.one_of(
    st.builds(
        _spelled,
        moment,
        _day | st.just("%Y-%m-%d"),
        st.sampled_from(["T", " ", "t", "", "  ", "_"]),
        _clock,
        st.sampled_from(["", "", " ", "  "]),
        _offset | st.just(""),
    ),
    moment.map(datetime.isoformat),
    _zoned,
    _zoned,  # twice as often as the others
    st.from_regex(TIMESTAMP),
    st.from_regex(r"\A2025-0[1-3]-[0-3][0-9][T ][0-2][0-9]:[0-6][0-9](:[0-6][0-9](\.[0-9]{1,10})?)?Z?\Z"),
    st.sampled_from(["not a date", "1741360950245", "2025-03-10", "Mar 07 2025 03:36:44 PM", "2025-03-10T12:00:00Z"]),
)
_as_text: dict[str, st.SearchStrategy[str]] = {
    **{column: _surrounded(_number_text) for column in NUMBERS},
    **{column: _surrounded(_flag_text) for column in FLAGS},
    **{column: _surrounded(_timestamp_text) for column in INSTANTS},
    **{column: _surrounded(any_text) for column in NAMES},
    **{column: _surrounded(_in_any_case(names) | any_text) for column, names in CHOICES.items()},
}


@st.composite
def text_rows(draw: st.DrawFn) -> pl.DataFrame:
    """Rows as a CSV file gives them: good bets, settled or open, with up to five columns spelled oddly."""
    rows = []
    for _ in range(draw(heights)):
        row = {**GOOD, **draw(st.sampled_from([{}, OPEN]))}
        row = {column: None if value is None else str(value) for column, value in row.items()}
        for column in draw(odd_columns):
            row[column] = draw(st.sampled_from([None, "", row[column]]) | _as_text[column] | _as_text[column])
        rows.append(row)
    frame = pl.DataFrame(rows, schema=dict.fromkeys(BET_COLUMNS, pl.String))
    extra = draw(st.dictionaries(st.sampled_from(["row", "seq", "", "Sport"]), any_text, max_size=2))
    frame = frame.with_columns(pl.lit(text).alias(name) for name, text in extra.items())
    return frame.drop(draw(st.lists(st.sampled_from(BET_COLUMNS), max_size=2)), strict=False)


# ---- JSON ----

_json_value = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, 1, -1, 150, 2**53 + 1, 2**63, -(10**400), 1741360950245]),
    st.sampled_from([0.0, -0.0, 1.0, 150.0, 150.5, 5e-324, 1.7976931348623157e308]),
    st.floats(allow_nan=False, allow_infinity=False),
    any_text,
)


@st.composite
def json_rows(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Rows as JSON gives them: good bets with up to five values of any kind, so that columns hold several kinds."""
    rows = []
    for _ in range(draw(heights)):
        row = {**GOOD, **draw(st.sampled_from([{}, OPEN]))}
        for column in draw(odd_columns):
            row[column] = draw(st.just(row[column]) | _json_value | _as_text[column])
        for column in draw(st.lists(st.sampled_from(BET_COLUMNS), max_size=2, unique=True)):
            del row[column]
        rows.append(row | draw(st.dictionaries(st.sampled_from(["legs", "Sport"]), _json_value, max_size=1)))
    return rows


# ---- typed columns ----

_money = st.integers(-3_000, 3_000).map(lambda cents: cents / 100)
_typed: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(NUMBERS, number),
    **dict.fromkeys(FLAGS, st.booleans()),
    **dict.fromkeys(INSTANTS, moment.map(lambda at: at.replace(tzinfo=UTC))),
    **dict.fromkeys(NAMES, any_text),
    **{column: st.sampled_from(names) | _in_any_case(names) | any_text for column, names in CHOICES.items()},
    "american_odds": st.sampled_from([-101, -100, -99, 0, 99, 100, 150, 151, 153, 10_000, 10_001, 100_000, 100_001]),
    "odds": number | st.sampled_from([2.5, 2.49, 2.52, 2.53, -150.0, 150.9, 152.5, 152.6, 1.01, 100.0]),
    "amount": number | _money,
    "profit": number | _money,
}
_PHYSICAL = {
    **ACCEPTED_SCHEMA,
    **dict.fromkeys(NUMBERS, pl.Float64()),
    "american_odds": pl.Int32(),
    "deleted_at": ACCEPTED_SCHEMA["settled_at"],
}


@st.composite
def typed_rows(draw: st.DrawFn) -> pl.DataFrame:
    """Rows as Parquet or Postgres gives them: the right physical types, values at and about the limits."""
    typed = {column: GOOD[column] and datetime.fromisoformat(GOOD[column]) for column in INSTANTS}
    rows = []
    for _ in range(draw(heights)):
        row = {**GOOD, **typed, **draw(st.sampled_from([{}, OPEN]))}
        for column in draw(odd_columns):
            row[column] = draw(st.sampled_from([None, row[column]]) | _typed[column] | _typed[column])
        if row["amount"] and row["profit"] is not None and draw(st.booleans()):
            row["roi"] = row["profit"] / row["amount"] * 100 + draw(st.sampled_from([-1.0001, -1, 0, 1, 1.0001]))
        rows.append(row)
    return pl.DataFrame(rows, schema={column: _PHYSICAL[column] for column in BET_COLUMNS})


# ---- any physical type ----

_choices_and_more = ["straight", " Parlay", "PENDING", "true", "150", "2025-03-10T12:00:00Z", ""]
_OF_ANY_TYPE: list[tuple[pl.DataType, st.SearchStrategy[Any]]] = [
    (pl.Null(), st.none()),
    (pl.Boolean(), st.booleans()),
    (pl.Int8(), st.integers(-128, 127)),
    (pl.Int64(), st.sampled_from([0, 1, 150, -110]) | st.integers(-(2**63), 2**63 - 1)),
    (pl.UInt64(), st.sampled_from([0, 1, 150]) | st.integers(0, 2**64 - 1)),
    (pl.Int128(), st.integers(-(2**100), 2**100)),
    (pl.Float32(), st.floats(width=32)),
    (pl.Float64(), number),
    (pl.Decimal(38, 2), st.decimals(-(10**7), 10**7, places=2)),
    (pl.Decimal(38, 18), _words("1 10000.000000000000000001").map(Decimal) | st.decimals(-9, 9, places=18)),
    (pl.String(), any_text),
    (pl.Categorical(), st.sampled_from(_choices_and_more)),
    (pl.Enum(_choices_and_more), st.sampled_from(_choices_and_more)),
    (pl.Date(), st.dates(date(1999, 1, 1), date(2030, 1, 1))),
    (pl.Time(), st.times()),
    (pl.Duration("us"), st.timedeltas(timedelta(0), timedelta(9))),
    (pl.Datetime("ms"), moment),
    (pl.Datetime("us"), moment),
    (pl.Datetime("ns"), near_moment),
    (pl.Datetime("us", "Asia/Kolkata"), near_moment.map(lambda at: at.replace(tzinfo=ZoneInfo("Asia/Kolkata")))),
    # Where one hour of each autumn comes twice.
    (
        pl.Datetime("us", "America/New_York"),
        near_moment.map(lambda at: at.replace(tzinfo=ZoneInfo("America/New_York"))),
    ),
    (pl.Datetime("ms", "UTC"), moment.map(lambda at: at.replace(tzinfo=UTC))),
    (pl.Binary(), st.binary(max_size=3)),
    (pl.Array(pl.Float64, 2), st.lists(st.floats(), min_size=2, max_size=2)),
    (pl.List(pl.Int64), st.lists(st.integers(0, 1), max_size=2)),
    (pl.Struct({"x": pl.Int64}), st.fixed_dictionaries({"x": st.integers(0, 1)})),
]


def _types(column: str) -> st.SearchStrategy[tuple[pl.DataType, st.SearchStrategy[Any]]]:
    """Any physical type, and as often one that the column can be read from."""
    if column in INSTANTS:
        fitting = [entry for entry in _OF_ANY_TYPE if isinstance(entry[0], pl.Datetime)]
    elif column in (*NUMBERS, *FLAGS):
        fitting = [entry for entry in _OF_ANY_TYPE if entry[0].is_numeric()]
    else:
        fitting = [entry for entry in _OF_ANY_TYPE if isinstance(entry[0], pl.String | pl.Categorical | pl.Enum)]
    return st.sampled_from(fitting) | st.sampled_from(_OF_ANY_TYPE)


@st.composite
def oddly_typed_frames(draw: st.DrawFn) -> pl.DataFrame:
    """Good bets, but with columns of any physical type, some columns missing, and unknown ones."""
    height = draw(st.integers(0, 4))
    frame = pl.DataFrame([GOOD] * height, schema=pl.DataFrame([GOOD]).schema)
    for column in draw(st.lists(st.sampled_from([*BET_COLUMNS, "row", "nested"]), max_size=6, unique=True)):
        dtype, values = draw(_types(column))
        drawn = draw(st.lists(st.none() | values, min_size=height, max_size=height))
        frame = frame.with_columns(pl.Series(column, drawn, dtype=dtype, strict=False))
    return frame.drop(draw(st.lists(st.sampled_from(BET_COLUMNS), max_size=3)), strict=False)


# ---- every oddity, in every column ----

ODD_TEXTS = (
    *("nan", "NaN", "inf", "-inf", "Infinity", "-Infinity", "1e308", "1e309", "-1e400", "5e-324", "1e-400", "-0.0"),
    *("9" * 400, "0." + "0" * 400 + "1", "1e5", "+150", "--1", "1,000", "1_000", "0x10", "٣", ".", "150.5", "100.0"),
    *("true", "TRUE", "f", "1", "0", "1.0", "yes", "null", "None"),
    *("settled_win", "Settled_Loss", "PENDING.", "SETTLED WIN", "STRAIGHT", "Parlay", "teaser", "\u017fettled_win"),
    *("SETTLED_W\u0406N", "\uff33\uff34\uff32\uff21\uff29\uff27\uff28\uff34", "stra\u200bight", "PEND\u0130NG"),
    *("2025-03-10T13:00:00+02:00", "2025-03-10T05:00:00-08:00", "2025-03-10T17:00:00+05:30", "2025-03-10 12:00:00"),
    *("2025-03-10T12:00:00+23:59", "2025-03-10T12:00:00+24:00", "2025-03-10T12:00:00-00:00", "20250310T120000.5Z"),
    *("2025-03-10", "1741608000", "1741608000000", "2025-02-29T12:00Z", "2025-03-10T24:00Z", "2025-03-10T12:00:60Z"),
    *("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "1999-12-31T23:59:59.999999Z", "2000-01-01T00:00Z"),
    *("infinity", "-infinity", "now", "epoch", "0044-03-15 12:00 BC", "2025-03-15T18:05:00.0000001Z"),
    *(
        "",
        " ",
        "\u3000",
        "\ufeff",
        "\0",
        "a\0b",
        "\x01",
        "\x1b[2J",
        "\x1c",
        "\x7f",
        "\x85x",
        "a\nb",
        "\u200b",
        "\u202e",
    ),
    *(
        "x" * 100,
        "x" * 101,
        "x" * 200,
        "x" * 201,
        "x" * 10_000,
        "\U0001f3c0" * 100,
        "e\u0301" * 100,
        " " * 10_000 + "x",
    ),
    *("'; drop table bets; --", "<script>", "{}", "%s", "[red]", "=1+1", "a|b", r"\N", "../../etc"),
)
ODD_NUMBERS = (
    *(math.nan, math.inf, -math.inf, 0.0, -0.0, 5e-324, -5e-324, 2.2250738585072014e-308, 1.7976931348623157e308),
    *(-1.7976931348623157e308, 2.0**53, 2.0**63, -(2.0**63), 0.005, -0.005, 0.0050000001, 1.0, 99.0, 100.0, -100.0),
    *(150.5, 1e4, 10_000.01, -1_000.0, -1_000.01, 1e5, 100_001.0, 1e6, 1_000_000.01, -1e6, 100.00000000000001),
)


def in_every_column(good: Mapping[str, Any], columns: Sequence[str], values: Sequence[Any]) -> list[dict[str, Any]]:
    """One row for each column and value: the good bet with that value in that column."""
    return [{**good, column: value} for column in columns for value in values]
