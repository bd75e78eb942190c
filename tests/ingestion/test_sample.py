"""The synthetic sample: a history that the schema accepts, with the corrections and ties that real ones have."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from feature_repo.bets.bet_status import BetStatus
from feature_repo.bets.bet_types import BetType
from feature_repo.errors import ConfigurationError
from ingestion.cli.setup.demo import SMALLEST_DEMO
from ingestion.demo import SEED
from ingestion.sample.catalogue import BET_TYPES
from ingestion.sample.sample import generate_sample, write_sample
from ingestion.sources.files.file_source import open_file
from quality.schema import BET_COLUMNS, validate
from tests.rigs.commands import pikkit

NOW = datetime(2026, 5, 24, 15, 0, 0, 123456, tzinfo=UTC)
UNGRADED = (BetStatus.PUSH, BetStatus.VOID, BetStatus.CASHEDOUT)
PRICE = 1 + pl.when(pl.col("odds") > 0).then(pl.col("odds") / 100).otherwise(-100 / pl.col("odds"))
ODDS = pl.col("american_odds").abs()
IMPLIED = pl.when(pl.col("american_odds") < 0).then(ODDS).otherwise(100) / (ODDS + 100)


@pytest.fixture(scope="module")
def log():
    return generate_sample(27_000, NOW, seed=7)


@pytest.fixture(scope="module")
def newest(log):
    """The newest version of each bet."""
    return log.unique("id", keep="last", maintain_order=True)


def corrections(log):
    """Each version that follows a settled one of its bet, beside that one as `*_before`."""
    said = log.select("id", "status", "market", "amount", "profit").filter(pl.col("id").is_duplicated())
    before = pl.all().exclude("id").shift(1).over("id").name.suffix("_before")
    return said.with_columns(before).filter(pl.col("status_before") != BetStatus.PENDING)


@pytest.fixture(scope="module")
def changes(log):
    return corrections(log)


def test_the_same_arguments_give_the_same_bets(log):
    assert_frame_equal(generate_sample(27_000, NOW, seed=7), log)


def test_different_seed_gives_different_bets(log):
    assert not set(generate_sample(100, NOW, seed=8)["id"]) & set(log["id"])


def test_every_row_passes_the_schema(log):
    result = validate(log, NOW)
    # A sample of bets that exist has no column for deletes.
    columns = [name for name in BET_COLUMNS if name not in ("deleted_at", "is_deleted")]
    assert (result.errors, result.valid_count, log.columns) == ({}, log.height, columns)


@pytest.mark.parametrize("bets", [1, 2, 100, 27_000])
def test_the_newest_bet_is_minutes_old_and_nothing_lies_after_now(bets):
    frame = generate_sample(bets, NOW, seed=1)
    assert frame["id"].n_unique() == bets
    assert frame["time_placed"].max() > NOW - timedelta(minutes=5)
    assert frame.select(pl.max_horizontal(pl.max("created_at", "updated_at", "settled_at"))).item() <= NOW


def test_a_longer_history_has_older_bets(newest):
    oldest = newest["time_placed"].min()
    assert NOW - timedelta(days=91) < oldest < NOW - timedelta(days=89)
    assert generate_sample(108_000, NOW, seed=7)["time_placed"].min() < NOW - timedelta(days=179)


def test_sample_has_every_sport_book_status_and_bet_type(log):
    found = {column: log[column].n_unique() for column in ("sport", "institution_name", "status", "bet_type")}
    assert found == {"sport": 9, "institution_name": 12, "status": len(BetStatus), "bet_type": len(BET_TYPES)}


def test_sample_has_names_with_characters_that_keys_must_escape(log):
    columns = ("league", "market", "institution_name")
    characters = {each for column in columns for name in log[column].drop_nulls().unique() for each in name}
    assert {"|", "&", "'", "é"} <= characters


def test_a_few_straights_and_most_bets_of_several_legs_have_no_league(newest):
    missing = newest.group_by(pl.col("bet_type") == BetType.STRAIGHT).agg(pl.col("league").is_null().mean())
    share = dict(missing.iter_rows())
    assert 0 < share[True] < 0.01
    assert 0.9 < share[False] < 1


def test_log_is_ordered_by_updates_and_no_bet_has_two_versions_at_an_instant(log):
    assert log["updated_at"].is_sorted()
    assert not log.select(pl.struct("id", "updated_at").is_duplicated().any()).item()


def test_settlement_job_updates_many_bets_at_the_same_instant(log):
    settled = log.filter(pl.col("status") != BetStatus.PENDING)
    assert settled["updated_at"].n_unique() < 0.6 * settled.height
    assert settled["updated_at"].value_counts()["count"].max() < 0.01 * settled.height


def test_sampled_bets_settle_after_minutes_to_weeks(newest):
    lag = (newest["settled_at"] - newest["time_placed"]).drop_nulls()
    assert lag.min() < timedelta(minutes=10)
    assert timedelta(hours=6) < lag.median() < timedelta(hours=24)
    assert lag.max() > timedelta(weeks=6)


def test_share_of_corrected_settled_bets_is_1_to_2_percent(log, changes):
    settled = log.filter(pl.col("status") != BetStatus.PENDING)["id"].n_unique()
    assert 0.01 < changes["id"].n_unique() / settled < 0.02


@pytest.mark.parametrize(
    "correction",
    [
        (pl.col("status_before") == BetStatus.WIN) & (pl.col("status") == BetStatus.LOSS),
        (pl.col("status_before") == BetStatus.LOSS) & (pl.col("status") == BetStatus.VOID),
        pl.col("status") == BetStatus.PENDING,
        pl.col("market") != pl.col("market_before"),
        (pl.col("amount") != pl.col("amount_before")) & (pl.col("profit") != pl.col("profit_before")),
    ],
    ids=["win to loss", "loss to void", "unsettled", "market renamed", "stake corrected"],
)
def test_every_kind_of_correction_happens(changes, correction):
    assert changes.filter(correction).height > 10


def test_every_sampled_correction_changes_status_market_or_amount():
    said = ("status", "market", "amount")
    changes = corrections(generate_sample(200_000, NOW, seed=7))
    assert changes.filter(*(pl.col(name).eq_missing(pl.col(f"{name}_before")) for name in said)).is_empty()


def test_bets_win_a_little_less_often_than_prices_imply(newest):
    graded = newest.filter(pl.col("status").is_in([BetStatus.WIN, BetStatus.LOSS]))
    edge = graded.select((pl.col("status") == BetStatus.WIN).mean() - IMPLIED.mean()).item()
    assert -0.04 < edge < -0.01


def test_winning_straight_pays_the_odds_to_the_cent(log):
    won = log.filter(pl.col("status") == BetStatus.WIN, pl.col("bet_type") == BetType.STRAIGHT, pl.col("amount") > 0)
    assert won.filter((pl.col("profit") - pl.col("amount") * (PRICE - 1)).abs() > 0.006).is_empty()


def test_sampled_free_bets_lose_0_and_win_a_profit(newest):
    free = newest.filter(pl.col("amount") == 0)
    profits = free.group_by("status").agg(pl.col("profit").min().alias("least"), pl.col("profit").max().alias("most"))
    span = {status: (least, most) for status, least, most in profits.iter_rows()}
    assert 0.002 < free.height / newest.height < 0.01
    assert span[BetStatus.LOSS] == (0, 0)
    assert span[BetStatus.WIN][0] > 0


def test_sampled_spread_prices_lie_near_minus_110_and_moneylines_vary_widely(newest):
    middle = newest.group_by("market").agg(
        pl.col("american_odds").median().alias("median"), IMPLIED.std().alias("spread")
    )
    spread = {market: (median, width) for market, median, width in middle.iter_rows()}
    assert -116 <= spread["Spread"][0] <= -104
    assert spread["Moneyline"][1] > 4 * spread["Spread"][1]


def test_the_closing_price_of_a_fifth_of_the_settled_bets_is_known(newest):
    known = newest.filter(pl.col("is_settled"))["clv_percentage"].is_not_null()
    assert 0.18 < known.mean() < 0.22
    assert newest.filter((pl.col("clv_ev") - pl.col("clv_percentage") * IMPLIED).abs() > 6e-5).is_empty()


def test_is_win_matches_the_source_for_each_status(newest):
    said = dict(newest.group_by("status").agg(pl.col("is_win").unique()).iter_rows())
    assert said == {
        **{status: [False] for status in (*UNGRADED, BetStatus.LOSS)},
        BetStatus.WIN: [True],
        BetStatus.PENDING: [None],
    }


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl", ".ndjson", ".csv"])
def test_a_written_sample_reads_back_the_same(suffix, tmp_path):
    frame = generate_sample(500, NOW, seed=3)
    write_sample(frame, tmp_path / f"sample{suffix}")
    (page,) = open_file(tmp_path / f"sample{suffix}").pages()
    assert_frame_equal(validate(page.rows, NOW).accepted, validate(frame, NOW).accepted)


@pytest.mark.parametrize("hours", range(0, 24 * 7, 17))
def test_smallest_demo_sample_passes_the_completeness_gate_at_any_hour(hours):
    """The demo draws its bets up to now. In the view with the smallest groups, most values are still known."""
    log = generate_sample(SMALLEST_DEMO, NOW + timedelta(hours=hours), seed=SEED)
    graded = pl.col("status").is_in([BetStatus.WIN, BetStatus.LOSS])
    settled = pl.col("status") != BetStatus.PENDING
    group = ("sport", "league", "market")
    known = log.unique("id", keep="last").select(
        graded.any().over(group).alias("record"),
        (graded & pl.col("american_odds").is_not_null()).any().over(group).alias("edge"),
        (settled & pl.col("clv_percentage").is_not_null()).any().over(group).alias("clv"),
    )
    # win_rate, roi, avg_bet_roi, count; edge, win_rate_shrunk; avg_clv
    assert (4 * known["record"].sum() + 2 * known["edge"].sum() + known["clv"].sum()) / (7 * SMALLEST_DEMO) > 0.955


@pytest.mark.parametrize("name", ["sample.xlsx", "missing/sample.csv", "directory.csv"])
def test_failed_write_of_a_sample_leaves_no_file(name, tmp_path):
    (tmp_path / "directory.csv").mkdir()
    with pytest.raises(ConfigurationError):
        write_sample(generate_sample(1, NOW, seed=3), tmp_path / name)
    assert [path.name for path in tmp_path.rglob("*")] == ["directory.csv"]


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["--as", "pikkit-export", "--layout", "zzz"], "No such order of columns: zzz. Nothing was written."),
        (["--as", "zzz"], "No such format: zzz. Nothing was written."),
        (["--layout", "iso-last"], "--until and --layout are for --as pikkit-export. Nothing was written."),
    ],
)
def test_unknown_sample_format_or_column_order_is_refused_by_name(arguments, what, tmp_path):
    environ = dict(os.environ) | {"COLUMNS": "200", "PIKKIT_HOME": str(tmp_path / "home")}
    done = pikkit("sample", "--out", "s.csv", "--bets", "5", *arguments, environ=environ, cwd=tmp_path)
    assert (done.returncode, what in done.stderr.replace("\n", " ")) == (2, True), done.stderr
    assert not (tmp_path / "s.csv").exists()
