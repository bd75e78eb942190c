"""Pikkit's own export, column by column: what each cell becomes, in every order of columns that is around."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import polars as pl
import pytest

from feature_repo.errors import SourceRejected
from ingestion.sample.pikkit_export import LAYOUTS, as_pikkit_export
from ingestion.sample.sample import generate_sample, write_sample
from ingestion.sources.files.file_source import open_file
from quality.schema import validate
from tests.builders.bet_files import csv_text

NOW = datetime(2026, 5, 24, 15, tzinfo=UTC)
TIMES = ["time_placed", "time_settled", "time_placed_iso", "time_settled_iso"]
PRICES = ["odds", "closing_line", "ev", "amount", "profit"]
LATEST = ["bet_id", "sportsbook", "type", "status", *PRICES, *TIMES, "bet_info", "tags", "sports", "leagues"]
BESIDE = [*LATEST[:9], "time_placed", "time_placed_iso", "time_settled", "time_settled_iso", *LATEST[13:]]
OLDEST = [name for name in LATEST if not name.endswith("_iso")]
BET = {
    "bet_id": "O/0000001/0000001",
    "sportsbook": "Fanduel Sportsbook",
    "type": "straight",
    "status": "SETTLED_WIN",
    "odds": "2.10",
    "closing_line": "2.00",
    "ev": "0.05",
    "amount": "100",
    "profit": "110.00",
    "time_placed": "02/24/2026 19:53:23 GMT",
    "time_settled": "02/25/2026 03:26:51 GMT",
    "time_placed_iso": "2026-02-24T19:53:23.751Z",
    "time_settled_iso": "2026-02-25T03:26:51.000Z",
    "bet_info": "Team A Moneyline Team B @ Team A",
    "tags": "",
    "sports": "Basketball",
    "leagues": "NBA",
}
OPEN = {"status": "PLACED", "closing_line": "", "profit": "0.00", "time_settled": "", "time_settled_iso": ""}


def export(*bets, columns=LATEST, delimiter=","):
    return csv_text(*({**BET, **bet} for bet in bets), columns=columns, delimiter=delimiter)


@pytest.fixture
def accepted(page):
    """The bet that one row becomes, past the schema, as a dict; the cells given differ from those of BET."""

    def accepted(columns=LATEST, delimiter=",", **cells):
        found = page("transactions.csv", export(cells, columns=columns, delimiter=delimiter))
        result = validate(found.rows, NOW)
        assert (found.problems[0], result.errors) == (None, {})
        return result.accepted.row(0, named=True)

    return accepted


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("columns", [LATEST, BESIDE, OLDEST, LATEST[::-1]], ids=["latest", "beside", "oldest", "any"])
def test_export_format_is_recognised_by_columns_in_any_order(columns, delimiter, accepted):
    bet = accepted(columns, delimiter)
    millisecond = 751_000 if "time_placed_iso" in columns else 0
    assert {name: value for name, value in bet.items() if name != "row"} == {
        **dict.fromkeys(("clv_ev", "created_at")),
        "id": "O/0000001/0000001",
        "bet_type": "straight",
        "status": "SETTLED_WIN",
        "odds": 110.0,
        "american_odds": 110,
        "amount_cents": 10_000,
        "profit_cents": 11_000,
        "roi": 110.0,
        "clv_percentage": 5.0,
        "clv_current_odds": 100.0,
        "sport": "Basketball",
        "league": "NBA",
        "market": "Moneyline",
        "institution_name": "Fanduel Sportsbook",
        "is_live": False,
        "is_deleted": False,
        "is_settled": True,
        "is_win": True,
        "time_placed": datetime(2026, 2, 24, 19, 53, 23, millisecond, UTC),
        "settled_at": datetime(2026, 2, 25, 3, 26, 51, tzinfo=UTC),
        "updated_at": datetime(2026, 2, 25, 3, 26, 51, tzinfo=UTC),
    }


def test_columns_that_the_format_does_not_read_are_named_and_kept(page):
    found = page("transactions.csv", export({}))
    assert found.unknown_columns == ("ev",)
    assert json.loads(found.payload[0]) == {**BET, "tags": None}


@pytest.mark.parametrize(
    "id", ["O/0685732027/2672309994", "100000000000000002", "1234567890", "1Z00000007", "PlacedBet:+/x8hg=="]
)
def test_id_is_the_text_of_the_column(id, accepted):
    assert accepted(bet_id=id)["id"] == id


def test_id_in_scientific_notation_is_refused(page):
    found = page("transactions.csv", export({"bet_id": "6.38492E+17"}))
    assert list(validate(found.rows, NOW).errors) == ["id: rounded by a spreadsheet, its digits are lost"]


def test_open_bet_has_no_profit_and_updated_at_equal_to_time_placed(accepted):
    bet = accepted(**OPEN)
    assert (bet["status"], bet["profit_cents"], bet["settled_at"], bet["clv_percentage"]) == (
        "PENDING",
        None,
        None,
        None,
    )
    assert bet["updated_at"] == bet["time_placed"]


def test_settled_bet_without_a_settlement_time_is_refused(page):
    found = page("transactions.csv", export({"time_settled": "", "time_settled_iso": ""}))
    assert list(validate(found.rows, NOW).errors) == ["updated_at: missing, and created_at too"]


@pytest.mark.parametrize(
    ("status", "profit", "amount_cents", "profit_cents"),
    [
        ("SETTLED_LOSS", "0.00", 0, 0),
        ("SETTLED_LOSS", "-100.00", 10_000, -10_000),
        ("SETTLED_CASH_OUT", "0.00", 10_000, 0),
    ],
)
def test_lost_bet_with_profit_zero_has_no_stake(status, profit, amount_cents, profit_cents, accepted):
    bet = accepted(status=status, profit=profit)
    assert (bet["amount_cents"], bet["profit_cents"]) == (amount_cents, profit_cents)


def test_a_status_that_gives_no_result_is_refused(page):
    found = page("transactions.csv", export({"status": "SETTLED"}))
    assert list(validate(found.rows, NOW).errors) == ["status: unknown value"]


def test_stale_closing_line_is_used_and_refused_where_the_result_is_no_number(accepted, page):
    lost = {"status": "SETTLED_LOSS", "profit": "-100", "closing_line": "1.92"}
    bet = accepted(odds="5.00", **lost)
    assert (bet["clv_percentage"], bet["clv_current_odds"]) == (160.4167, -109)
    found = page("transactions.csv", export({"odds": "23.00", **lost}))
    assert list(validate(found.rows, NOW).errors) == ["clv_percentage: above 1,000"]


@pytest.mark.parametrize(("column", "text"), [("odds", "2,10"), ("odds", "1.00"), ("closing_line", "-110")])
def test_unreadable_price_quarantines_the_row_and_names_the_column(column, text, page):
    found = page("transactions.csv", export({column: text}))
    assert found.problems[0] == f"{column}: not a decimal price above 1"
    assert found.rows["id"][0] == BET["bet_id"]


@pytest.mark.parametrize(
    ("cells", "sport", "league"),
    [
        ({"sports": "Basketball | Ice Hockey", "leagues": "NBA | NHL"}, "Parlay", "Parlay"),
        ({"sports": "Basketball | Basketball", "leagues": "NBA | NCAAB"}, "Basketball", "Parlay"),
        ({"sports": "", "leagues": "NBA | NCAAB"}, "Basketball", "Parlay"),
        ({"sports": "N/A", "leagues": "NBA"}, "Basketball", "NBA"),
        ({"sports": "", "leagues": "Some Cup"}, None, "Some Cup"),
        (
            {"sports": "", "leagues": "", "bet_info": "Over 4.5 Total Runs Chicago Cubs @ Texas Rangers"},
            "Baseball",
            "MLB",
        ),
        ({"sports": "", "leagues": "", "bet_info": "AJ Roy Anytime TD Scorer A @ B"}, "American Football", None),
        ({"sports": "", "leagues": "", "bet_info": "Boston Celtics ML | A v B Moneyline"}, None, None),
        ({"sports": "", "leagues": "", "bet_info": "Kings Moneyline Rangers @ Kings"}, None, None),
    ],
)
def test_joined_sports_and_leagues_become_a_single_name_and_blank_cells_are_derived(cells, sport, league, accepted):
    bet = accepted(**cells)
    assert (bet["sport"], bet["league"]) == (sport, league)


@pytest.mark.parametrize(
    ("text", "market"),
    [
        ("Team A Moneyline Team B @ Team A", "Moneyline"),
        ("HOU -2.5 SPREAD Cleveland Cavaliers @ Houston Rockets", "Spread"),
        ("HOU -2.5 SPREAD 1H Cleveland Cavaliers @ Houston Rockets", "Half Spread"),
        ("Lakers -3.5 Lakers v Celtics", "Spread"),
        ("Over 220.5 Total Points A at B", "Total"),
        ("Under 2.5 Goals A v B", "Total"),
        ("A @ B Over 8.5", "Total"),
        ("over 34.5 Lauri Bird Total Points, Rebounds & Assists A at B", "Player Prop"),
        ("Over 10.5 AJ Brook POINTS Milwaukee Bucks @ Chicago Bulls", "Player Prop"),
        ("Las Vegas Aces Moneyline Las Vegas Aces @ Chicago Sky", "Moneyline"),
        ("Yes Both Teams To Score A v B", "Both Teams to Score"),
        ("A Draw No Bet A v B", "Draw No Bet"),
        ("A Player Anytime Goalscorer A v B", "Scorer"),
        # A player's or a team's.
        ("Doe Over 20.5 Points", None),
        ("Something else entirely", None),
        ("", None),
    ],
)
def test_market_is_derived_from_the_text_only_by_a_matching_phrase(text, market, accepted):
    assert accepted(bet_info=text)["market"] == market


@pytest.mark.parametrize("kind", ["parlay", "round_robin", "round_robin_2"])
def test_the_market_of_several_legs_is_parlay(kind, accepted):
    assert accepted(type=kind, bet_info="Team A Moneyline | Doe, John Over 20.5 Points")["market"] == "Parlay"


@pytest.mark.parametrize(
    ("tags", "is_live"), [("live", True), ("boost, Live", True), ("livestream", False), ("", False)]
)
def test_bet_with_a_live_tag_is_live(tags, is_live, accepted):
    assert accepted(tags=tags)["is_live"] is is_live


def test_export_without_a_column_of_the_format_is_refused_with_the_column_name(write):
    path = write("transactions.csv", export({}, columns=[name for name in LATEST if name not in ("tags", "sports")]))
    with pytest.raises(
        SourceRejected, match="is of the format Pikkit's own export, and lacks the columns tags, sports"
    ):
        open_file(path)


# ---- the sample in its shape -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def log():
    return generate_sample(2_500, NOW, seed=3)


@pytest.fixture(scope="module")
def exported(log):
    return as_pikkit_export(log, NOW, seed=3)


def test_sampled_export_has_the_status_and_null_shares_of_real_exports(exported):
    share = {name: (exported["status"] == name).mean() for name in exported["status"].unique()}
    assert exported.height == exported["bet_id"].n_unique() == 2_500
    assert 0.50 < share["SETTLED_LOSS"] < 0.60
    assert 0.33 < share["SETTLED_WIN"] < 0.40
    assert 0.04 < share["SETTLED_CASH_OUT"] < 0.08
    assert 0 < share["PLACED"] < 0.03
    assert 0.26 < exported["closing_line"].is_null().mean() < 0.37
    assert 0.05 < exported["sports"].is_null().mean() < 0.09
    assert exported.filter(pl.col("sports").is_null())["sportsbook"].unique().to_list() == ["BetMGM"]
    lost = exported.filter(pl.col("status") == "SETTLED_LOSS")
    assert 0.03 < (lost["profit"] == "0.00").mean() < 0.08
    assert exported["amount"].str.contains(r"\.\d{4,5}$").any()


def test_columns_of_a_sampled_export_follow_the_order_of_the_requested_layout(log):
    columns = [as_pikkit_export(log, NOW, 3, layout).columns for layout in LAYOUTS]
    assert columns == [LATEST, BESIDE, OLDEST]
    assert as_pikkit_export(log, NOW, 4).columns == BESIDE


def test_later_sampled_export_settles_open_bets_and_changes_only_closing_lines_of_settled_bets(log, exported):
    earlier = as_pikkit_export(log, datetime(2026, 5, 20, tzinfo=UTC), seed=3)
    both = earlier.join(exported, on="bet_id", suffix=" later")
    assert both.height == earlier.height < exported.height
    open_bets, settled = (both.filter((pl.col("status") == "PLACED") == is_open) for is_open in (True, False))
    assert (open_bets["status later"] != "PLACED").any()
    kept = [name for name in earlier.columns if name not in ("closing_line", "ev")]
    changed = [name for name in kept[1:] if not settled[name].equals(settled[f"{name} later"], null_equal=True)]
    assert changed == []
    assert settled.filter(pl.col("closing_line").ne_missing(pl.col("closing_line later"))).height > 0


def test_sampled_export_is_read_except_for_a_single_impossible_price(exported, tmp_path):
    write_sample(exported, tmp_path / "transactions.csv")
    (page,) = open_file(tmp_path / "transactions.csv").pages()
    result = validate(page.rows, NOW)
    assert (page.problems.null_count(), result.invalid_count) == (2_500, 1)
    assert page.rows["sport"].null_count() < 0.05 * 2_500


def test_json_lines_export_is_recognised_when_the_first_line_lacks_a_column(write):
    first = {name: value for name, value in BET.items() if name != "closing_line"}
    source = open_file(write("transactions.jsonl", json.dumps(first) + "\n" + json.dumps(BET) + "\n"), required=())
    assert source.format is not None
    assert source.format.name == "pikkit-export"
