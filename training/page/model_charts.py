"""The charts of a model's page, from its manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from markupsafe import Markup

from ingestion.report.charts import Bar, ChartText, ChartTone, bar_chart
from ingestion.wording import quantity
from training.artefacts.judgement_tables import CALIBRATED_PRICE, LEARNER_NAMES, TEN_THOUSAND
from training.manifest import ModelManifest
from training.page.plots import Extent, PlottedSeries, Point, extent_of, series_plot, signed_bars
from training.split import PARTS

#: In every chart: the calibrated price is dashed.
MODEL_TONES: Final[Mapping[str, ChartTone]] = {CALIBRATED_PRICE: "neutral", "boosted": "accent", "logistic": "ink"}
PART_TONES: Final[Mapping[str, ChartTone]] = {
    "train": "neutral",
    "validation": "accent",
    "test": "good",
    "purged": "bad",
}
# A promise of a hundredth is a point; what no stake can lose, or hardly any brings, ends the scale.
_WIDEST_RETURN: Final = 100.0


def model_charts(manifest: ModelManifest) -> dict[str, Markup]:
    """The charts by their names in the template; those of a learner are named with it."""
    win = manifest.evaluation["win"]
    models = {CALIBRATED_PRICE: win["reference"], **win["models"]}
    charts = {
        "reliability": _reliability(models),
        "flat": _over_days(models, "flat", "Profit of a stake of 1 on each bet at 2 %", "stakes"),
        "bankroll": _over_days(models, "bankroll", "Bankroll with quarter-Kelly stakes at 2 %", "bankroll"),
        "learning": _learning(manifest.parameters["win"]),
        "split": _split(manifest.parameters["win"]["days"]),
    }
    for learner, judged in win["models"].items():
        charts[f"days_{learner}"] = _days(learner, judged["by_day"])
        charts[f"margins_{learner}"] = _margins(learner, judged["bets"])
    return charts


def _days(learner: str, days: Sequence[Mapping[str, Any]]) -> Markup:
    values = [day["difference"] * TEN_THOUSAND for day in days]
    labels = [f"{day['day']}: {value:+.1f} over {day['bets']:,} bets" for day, value in zip(days, values, strict=True)]
    better = sum(value < 0 for value in values)
    text = ChartText(
        f"chart-days-{learner}",
        f"{LEARNER_NAMES[learner].capitalize()}: log loss to the calibrated price by day",
        f"{len(days)} days, {better} of them below 0, where the model is better. From {min(values):+.1f} to "
        f"{max(values):+.1f} ten-thousandths of a nat a bet.",
        "days of the test",
        "1e-4 nats a bet; below 0 is better",
        days[0]["day"],
        days[-1]["day"],
    )
    return signed_bars(text, list(zip(labels, values, strict=True)), extent_of(values), MODEL_TONES[learner])


def _reliability(models: Mapping[str, Any]) -> Markup:
    diagonal = PlottedSeries("neutral", [Point(0, 0), Point(1, 1)])
    series = [
        PlottedSeries(
            MODEL_TONES[name],
            [
                Point(
                    within["promised"],
                    within["won"],
                    f"{name}: {within['promised']:.1%} promised, {within['won']:.1%} won, {within['bets']:,} bets",
                )
                for within in judged["reliability"]
            ],
            is_dashed=name == CALIBRATED_PRICE,
        )
        for name, judged in models.items()
    ]
    widest = max(
        abs(within["promised"] - within["won"])
        for name, judged in models.items()
        for within in judged["reliability"]
        if name != CALIBRATED_PRICE
    )
    text = ChartText(
        "chart-reliability",
        "Promised and won",
        f"By tenths of the probability, calibrated price and models. The widest gap of a model is {widest:.1%}.",
        "promised; on the diagonal it is right",
        "share won",
        "0",
        "1",
    )
    return series_plot(text, [diagonal, *series], Extent(0.0, 1.0))


def _margins(learner: str, bets: Sequence[Mapping[str, Any]]) -> Markup:
    """What was promised beside what came, a place for each margin that had bets."""
    made = [each for each in bets if each["bets"]]
    places = [position / max(1, len(bets) - 1) for position, each in enumerate(bets) if each["bets"]]
    promised = [
        Point(x, 100 * each["promised"], f"{each['margin']:.0%}: {each['promised']:+.1%} promised")
        for x, each in zip(places, made, strict=True)
    ]
    realised = [_realised(x, each) for x, each in zip(places, made, strict=True)]
    widest = [point.y for point in (*promised, *realised)]
    widest += [end for point in realised for end in (point.low, point.high) if end is not None]
    words = [f"at {each['margin']:.0%} {each['promised']:+.1%} and {each['realised']['mean']:+.1%}" for each in made]
    text = ChartText(
        f"chart-margins-{learner}",
        f"{LEARNER_NAMES[learner].capitalize()}: return promised and realised",
        f"Promised and realised: {', '.join(words) or 'no bets'}.",
        "promised more than " + ", ".join(f"{each['margin']:.0%}" for each in bets),
        "percent of the stake",
    )
    bounded = [max(-_WIDEST_RETURN, min(_WIDEST_RETURN, value)) for value in widest]
    series = [PlottedSeries("neutral", promised, is_dashed=True), PlottedSeries(MODEL_TONES[learner], realised)]
    return series_plot(text, series, extent_of(bounded))


def _realised(x: float, bets: Mapping[str, Any]) -> Point:
    realised = bets["realised"]
    label = f"{bets['margin']:.0%}: {realised['mean']:+.1%} returned by {bets['bets']:,} bets"
    low, high = (None if end is None else 100 * end for end in (realised["low"], realised["high"]))
    return Point(x, 100 * realised["mean"], label, low, high)


def _over_days(models: Mapping[str, Any], figure: str, title: str, unit: str) -> Markup:
    days = next(iter(models.values()))["by_day"]
    series = [
        PlottedSeries(
            MODEL_TONES[name],
            [Point(i / max(1, len(days) - 1), day[figure]) for i, day in enumerate(judged["by_day"])],
            is_dashed=name == CALIBRATED_PRICE,
        )
        for name, judged in models.items()
    ]
    ends = ", ".join(f"{name} {quantity(judged['by_day'][-1][figure], 3)}" for name, judged in models.items())
    text = ChartText(
        f"chart-{figure}",
        title,
        f"At the end of the test: {ends}.",
        "days of the test",
        unit,
        days[0]["day"],
        days[-1]["day"],
    )
    return series_plot(text, series, extent_of([point.y for each in series for point in each.points]))


def _learning(parameters: Mapping[str, Any]) -> Markup:
    """The loss of each seed on validation by trees, to the calibrated price's."""
    curves, price = parameters["learning_curves"], parameters["served"]["validation_losses"]["price"]
    step, longest = curves["step"], max([len(losses) for losses in curves["losses"]] or [0])
    series = [
        PlottedSeries(
            "accent",
            [Point((i + 1) / longest, (loss - price) * TEN_THOUSAND) for i, loss in enumerate(losses)],
        )
        for losses in curves["losses"]
    ]
    values = [point.y for each in series for point in each.points]
    lowest = f"The lowest is {min(values):+.1f}." if values else "No seed got that far."
    text = ChartText(
        "chart-learning",
        "Boosted trees: log loss on validation by trees",
        f"A line for each of {len(series)} seeds, to the calibrated price. {lowest}",
        "trees",
        "1e-4 nats a bet, to the calibrated price",
        "0",
        f"{step * longest:,}",
    )
    return series_plot(text, series, extent_of(values))


def _split(days: Sequence[Mapping[str, Any]]) -> Markup:
    bars = [
        Bar(
            f"{day['day']}: " + ", ".join(f"{day[part]:,} {part}" for part in PARTS if day[part]),
            [(PART_TONES[part], float(day[part])) for part in PARTS],
        )
        for day in days
    ]
    totals = ", ".join(f"{sum(day[part] for day in days):,} {part}" for part in PARTS)
    text = ChartText(
        "chart-split", "Bets by day and part", f"{len(days)} days: {totals}.", "days of placement, UTC", "bets",
        days[0]["day"], days[-1]["day"],
    )  # fmt: skip
    return bar_chart(text, bars)
