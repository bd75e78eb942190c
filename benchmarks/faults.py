"""Planted faults: which the gates refuse, which rows they name, and how often clean refreshes trip them.

    python -m benchmarks.faults

Real bets (without the sample: generated ones) are refreshed day by day. Each fault is planted into the raw rows of one
day, for one book or all, on many days; the schema, the detector, the shifts and the gates then judge that day against
the clean days before it. Of each fault:

refreshes   refused of planted; precision counts the clean refreshes, of all days, that were refused too
rows        precision and recall of what was quarantined or flagged high, in all planted refreshes together
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import polars as pl

from feature_repo.bets.bet_status import BetStatus
from quality.anomalies import Baseline, detect
from quality.evidence import BATCH_SCHEMA, COMPLETENESS, DRIFT, GRADED, INTAKE, TOTALS, Evidence
from quality.gates import Judgement, default_gates, judge_refresh
from quality.schema import validate
from quality.shifts import shifts

SAMPLE = Path(__file__).parents[2] / "shared" / "data" / "real_bets_sample.parquet"
END = datetime(2026, 5, 24, 15, tzinfo=UTC)
#: So many days make the first baseline.
WARM_UP = 7
#: Less damage than this is a bad row, not a fault of a source.
LEAST_DAMAGE = 10
BASELINE_ROWS, GRADED_ROWS = 50_000, 10_000
THREE_WAY = "Moneyline 3-Way"

THRESHOLDS = {gate.name: gate.threshold for gate in default_gates()}

Plant = Callable[[pl.DataFrame, pl.DataFrame], pl.DataFrame]


@dataclass(frozen=True)
class Refresh:
    """What one refresh brought and what was said of it."""

    rejected: pl.DataFrame
    flags: pl.DataFrame
    judgement: Judgement

    @property
    def refused_by(self) -> tuple[str, ...]:
        """The gates that failed."""
        return tuple(verdict.gate for verdict in self.judgement.failed)

    @property
    def caught(self) -> set[str]:
        """The ids that were quarantined or flagged high."""
        high = self.flags.filter(pl.col("severity").is_in(["high", "critical"]))
        return {*self.rejected["id"].drop_nulls(), *high["id"]}


class Replay:
    """Days of raw bets, and the accepted bets of the days before each."""

    def __init__(self, raw: pl.DataFrame) -> None:
        self.raw = raw.sort("updated_at", "id")
        self.accepted = typed(validate(self.raw, END).accepted)
        self.days = self.raw["updated_at"].dt.date().unique().sort().to_list()
        self._at = self.accepted["known_at"].dt.date()

    def of_day(self, day: object) -> pl.DataFrame:
        """The raw rows that a day brought."""
        return self.raw.filter(self.raw["updated_at"].dt.date() == day)

    def before(self, day: object) -> pl.DataFrame:
        """The accepted bets of all days before."""
        return self.accepted.filter(self._at < day)


def typed(accepted: pl.DataFrame) -> pl.DataFrame:
    """Accepted bets, as `validate` has them, in the columns of a batch, in the order in which they were known."""
    known = pl.max_horizontal("updated_at", pl.col("time_placed") + timedelta(microseconds=1))
    bets = accepted.with_columns(known.alias("known_at")).sort("known_at", "id")
    return bets.with_row_index("seq", 1).with_columns(pl.col("seq").cast(pl.Int64)).select(BATCH_SCHEMA.names())


def refreshed(before: pl.DataFrame, raw: pl.DataFrame) -> Refresh:
    """One refresh that brings `raw` to a store that holds `before`."""
    validated = validate(raw, END)
    batch = typed(validated.accepted).with_columns(pl.col("seq") + before.height)
    seconds = batch.select(pl.col("time_placed").dt.truncate("1s"))
    neighbours = before.with_columns(second=pl.col("time_placed").dt.truncate("1s")).join(
        seconds.unique(), left_on="second", right_on="time_placed", how="semi"
    )
    dataset = pl.concat([before, batch])
    graded = dataset.filter(pl.col("is_win").is_not_null()).tail(GRADED_ROWS).select(GRADED.names())
    now = max([*batch["known_at"].tail(1), *before["known_at"].tail(1)], default=END)
    baseline = Baseline.of(before.tail(BASELINE_ROWS))
    flags = detect(batch, baseline, neighbours.drop("second"), now)
    evidence = Evidence(
        now=now,
        batch=batch,
        intake=_intake(before, batch, raw.height, validated.invalid_count),
        totals=_totals(dataset),
        graded=graded,
        anomalies=flags,
        shifts=shifts(batch, baseline, graded),
        completeness=pl.DataFrame([("bet_facts", "sport", 1, 1)], schema=COMPLETENESS, orient="row"),
        drift=DRIFT.to_frame(),
    )
    return Refresh(validated.rejected, flags, judge_refresh(default_gates(), evidence))


def _intake(before: pl.DataFrame, batch: pl.DataFrame, rows: int, rejected: int) -> pl.DataFrame:
    since, newest = before.height, batch["known_at"].max()
    return pl.DataFrame(
        [(since, since + rows, batch.height, rejected, rows, rows, newest)], schema=INTAKE, orient="row"
    )


def _totals(dataset: pl.DataFrame) -> pl.DataFrame:
    counts = dataset.group_by("sport", "institution_name").agg(
        pl.len().alias("bets"),
        pl.col("is_settled").sum().alias("settled"),
        pl.col("market").null_count().alias("without_market"),
        pl.col("american_odds").null_count().alias("without_price"),
    )
    return counts.select(TOTALS.names()).cast(TOTALS)


# ---- the faults: a day of raw rows, and those of them to plant it in, to the day with the fault ----


def home_and_away(rows: pl.DataFrame, targets: pl.DataFrame, *, profits: bool, closing: bool) -> pl.DataFrame:
    """The two prices of a fixture that are not the draw's change places."""
    fixture = ["institution_name", "league", "settled_at"]
    implied = 1 / _decimal("odds")
    sides = (
        targets.filter((pl.col("market") == THREE_WAY) & pl.col("settled_at").is_not_null())
        .filter(pl.len().over(fixture) == 3)
        # Draws are priced about alike.
        .with_columns(rank=(implied - 0.26).abs().rank("ordinal").over(fixture))
        .filter(pl.col("rank") > 1)
    )
    swapped = ["odds", "american_odds"] + (["clv_percentage", "clv_ev", "clv_current_odds"] if closing else [])
    sides = sides.with_columns(pl.col(swapped).reverse().over(fixture, order_by="rank"))
    if profits:
        won = pl.when(pl.col("status") == BetStatus.WIN)
        sides = sides.with_columns(
            profit=won.then((pl.col("amount") * (_decimal("odds") - 1)).round(2)).otherwise("profit")
        ).with_columns(roi=won.then(100 * pl.col("profit") / pl.col("amount")).otherwise("roi"))
    return rows.update(sides.drop("rank"), on="id")


def cents(rows: pl.DataFrame, targets: pl.DataFrame) -> pl.DataFrame:
    """Stakes and profits come in cents."""
    return _changed(rows, targets, pl.col("amount", "profit") * 100)


def clv_times(rows: pl.DataFrame, targets: pl.DataFrame, *, factor: float) -> pl.DataFrame:
    """Closing line values come in another unit."""
    return _changed(rows, targets, pl.col("clv_percentage") * factor)


def decimal_odds(rows: pl.DataFrame, targets: pl.DataFrame, *, both: bool) -> pl.DataFrame:
    """Odds come as decimal prices."""
    decimal = _decimal("odds").round(4)
    changes = [decimal.alias("odds"), *([decimal.alias("american_odds")] if both else [])]
    return _changed(rows.with_columns(pl.col("american_odds").cast(pl.Float64)), targets, *changes)


def copies(rows: pl.DataFrame, targets: pl.DataFrame) -> pl.DataFrame:
    """One bet in twenty comes again under a new id."""
    again = targets.sample(fraction=0.05, seed=targets.height)
    return pl.concat([rows, again.with_columns(pl.format("x{}", "id").alias("id"))])


def _changed(rows: pl.DataFrame, targets: pl.DataFrame, *changes: pl.Expr) -> pl.DataFrame:
    ids = targets["id"].to_list()
    changed = rows.filter(pl.col("id").is_in(ids)).with_columns(changes)
    return pl.concat([rows.filter(~pl.col("id").is_in(ids)), changed])


def _decimal(column: str) -> pl.Expr:
    price = pl.col(column)
    return pl.when(price > 0).then(1 + price / 100).otherwise(1 + 100 / price.abs())


BY_BOOK: dict[str, Plant] = {
    "home and away swapped": partial(home_and_away, profits=False, closing=False),
    "... profits too": partial(home_and_away, profits=True, closing=False),
    "... profits and closing line too": partial(home_and_away, profits=True, closing=True),
    "stakes in cents, one book": cents,
    "CLV x100, one book": partial(clv_times, factor=100),
    "CLV as fraction, one book": partial(clv_times, factor=0.01),
    "decimal odds in `odds`": partial(decimal_odds, both=False),
    "decimal odds in both": partial(decimal_odds, both=True),
}
BY_DAY: dict[str, Plant] = {
    "stakes in cents": cents,
    "CLV x100": partial(clv_times, factor=100),
    "5 % come again, new ids": copies,
}

# ---- measuring ----


@dataclass
class Score:
    """Refreshes and rows, counted."""

    planted: int = 0
    refused: int = 0
    damaged: int = 0
    caught: int = 0
    caught_rightly: int = 0
    gates: tuple[str, ...] = ()

    def count(self, refresh: Refresh, damaged: set[str]) -> None:
        """Add a refresh into which a fault was planted."""
        self.planted += 1
        self.refused += bool(refresh.refused_by)
        self.damaged += len(damaged)
        self.caught += len(refresh.caught)
        self.caught_rightly += len(refresh.caught & damaged)
        self.gates += refresh.refused_by


def damaged_by(clean: pl.DataFrame, faulty: pl.DataFrame) -> set[str]:
    """The ids whose rows are not as they were, or were not there."""
    columns = ["id", "odds", "american_odds", "amount", "profit", "clv_percentage", "clv_current_odds"]
    same = (
        faulty.select(columns)
        .cast({"american_odds": pl.Float64})
        .join(clean.select(columns).cast({"american_odds": pl.Float64}), on=columns, how="semi", nulls_equal=True)
    )
    return set(faulty["id"]) - set(same["id"])


def planted(replay: Replay, plant: Plant, by_book: bool) -> Score:
    """One fault on every day after the warm-up and, where it is a book's, in every book."""
    score = Score()
    for day in replay.days[WARM_UP:]:
        rows, before = replay.of_day(day), replay.before(day)
        for targets in _targets(rows, by_book):
            faulty = plant(rows, targets)
            damaged = damaged_by(rows, faulty)
            if len(damaged) >= LEAST_DAMAGE:
                score.count(refreshed(before, faulty), damaged)
    return score


def _targets(rows: pl.DataFrame, by_book: bool) -> Iterator[pl.DataFrame]:
    if not by_book:
        yield rows
        return
    for book in rows["institution_name"].unique().sort():
        yield rows.filter(pl.col("institution_name") == book)


def clean(replay: Replay) -> int:
    """Refresh every day as it came; print what was said, and give back how many refreshes were refused."""
    rows = high = critical = refused = 0
    worst = 0.0
    alarms: list[str] = []
    for day in replay.days:
        refresh = refreshed(replay.before(day), replay.of_day(day))
        flags, batch = refresh.flags, replay.of_day(day).height
        found = flags.filter(pl.col("severity") == "high")["seq"].n_unique()
        rows, high = rows + batch, high + found
        critical += flags.filter(pl.col("severity") == "critical").height
        worst = max(worst, found / batch if batch >= 100 else 0)
        # A store is below its least number of records until it is not.
        gates = [gate for gate in refresh.refused_by if gate != "min_records"]
        refused += bool(gates)
        alarms += [f"{day} {gate} refuses" for gate in gates]
        alarms += [f"{day} {verdict.gate} warns" for verdict in refresh.judgement.warned]
    print(f"\nclean: {len(replay.days)} daily refreshes, {rows:,} rows")
    print(f"  refused {refused}; rows flagged high {high} ({high / rows:.2%}), critical {critical}")
    print(f"  the worst day of 100 rows or more has {worst:.2%} high")
    for alarm in alarms:
        print(f"  {alarm}")
    return refused


def stopped(replay: Replay) -> None:
    """A sport, or a book, stops arriving on one day and for good: after how many days that is said."""
    for column, gate in (("sport", "sport_arrivals"), ("institution_name", "book_arrivals")):
        print(f"\n{column} that stops arriving: told after so many days with bets (- not within 10)")
        for segment in replay.raw[column].unique().sort():
            rest = pl.col(column) != segment
            delays = [_delay(replay, start, rest, gate, segment) for start in range(14, len(replay.days) - 10, 4)]
            print(f"  {segment:<24}{'  '.join('-' if delay is None else str(delay) for delay in delays)}")


def _delay(replay: Replay, start: int, rest: pl.Expr, gate: str, segment: str) -> int | None:
    before = replay.before(replay.days[start])
    if before.filter(~rest).is_empty():
        return None
    for delay, day in enumerate(replay.days[start : start + 10], 1):
        rows = replay.of_day(day).filter(rest)
        if rows.is_empty():
            continue
        batch = typed(validate(rows, END).accepted).with_columns(pl.col("seq") + before.height)
        found = shifts(batch, Baseline.of(before), GRADED.to_frame()).filter(test=gate, segment=segment)
        if found.filter(pl.col("score") > THRESHOLDS[gate]).height:
            return delay
        before = pl.concat([before, batch])
    return None


def report(name: str, score: Score, false_alarms: int) -> None:
    """One line of the table."""
    gates = sorted(set(score.gates), key=lambda gate: -score.gates.count(gate))
    precision = score.refused / max(1, score.refused + false_alarms)
    rows = (
        f"{score.caught_rightly / max(1, score.caught):9.3f} {score.caught_rightly / max(1, score.damaged):7.3f}"
        f" {score.damaged:9,}"
    )
    told = ", ".join(f"{gate} {score.gates.count(gate)}" for gate in gates[:4])
    print(
        f"{name:<34}{score.planted:5} {precision:9.3f} {score.refused / max(1, score.planted):7.3f}{rows}   {told}",
        flush=True,
    )


def sample() -> tuple[str, pl.DataFrame]:
    """The bets to replay, and what they are."""
    if SAMPLE.exists():
        return "the real sample", pl.read_parquet(SAMPLE)
    from ingestion.sample.sample import generate_sample

    versions = generate_sample(30_000, END, seed=1).sort("updated_at")
    return "generated bets", versions.unique("id", keep="last", maintain_order=True)


def compare() -> None:
    """Print all of it."""
    name, raw = sample()
    replay = Replay(raw)
    print(f"\nplanted faults, on {name}: {raw.height:,} bets, {len(replay.days)} days")
    false_alarms = clean(replay)
    print(f"\n{'':<34}{'':5} {'refreshes':>17}{'rows':>17} {'damaged':>9}")
    print(
        f"{'fault':<34}{'n':>5} {'precision':>9} {'recall':>7}{'precision':>9} {'recall':>7} {'rows':>9}   refused by"
    )
    for fault, plant in BY_BOOK.items():
        report(fault, planted(replay, plant, by_book=True), false_alarms)
    for fault, plant in BY_DAY.items():
        report(fault, planted(replay, plant, by_book=False), false_alarms)
    stopped(replay)


if __name__ == "__main__":
    compare()
