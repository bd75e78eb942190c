"""The figures of an evaluation as rows of text, in the order of reading: on the terminal and on the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

LEARNER_NAMES: Final = {"boosted": "boosted trees", "logistic": "logistic", "ridge": "ridge"}
#: The price as a model must beat it, and as the book offered it.
CALIBRATED_PRICE: Final = "calibrated price"
PRICE_AS_OFFERED: Final = "price as offered"
SCORE_COLUMNS: Final = ("win", "log loss", "difference", "95 %", "Brier", "ECE", "AUC")
MARGIN_COLUMNS: Final = ("promise", "model", "bets", "promised", "returned", "95 %", "Kelly")
SLICE_COLUMNS: Final = ("part of the test", "", "bets", "difference")
# Values of a column that are shown.
MOST_SLICES: Final = 6
_COLUMN_NAMES: Final = {"institution_name": "book", "odds_band": "decimal price"}
# Differences are printed in ten-thousandths.
TEN_THOUSAND: Final = 1e4


def score_rows(win: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """A row of SCORE_COLUMNS for the price as offered and calibrated, then for each learner."""
    # A model of an older version has not kept how the offered price did.
    if "offered" in win:
        yield _compared(PRICE_AS_OFFERED, win["offered"])
    yield (CALIBRATED_PRICE, *_fit(win["reference"]["scores"], "-", "-"))
    for learner, judged in win["models"].items():
        yield _compared(LEARNER_NAMES[learner], judged)


def margin_rows(win: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    """A row of MARGIN_COLUMNS for every bet, then for each margin and model."""
    every = win["every_bet"]
    yield "(every bet)", "-", "-", "-", f"{every['mean']:+.1%}", interval_text(every, 1, "+.1%"), "-"
    models = {
        CALIBRATED_PRICE: win["reference"],
        **{LEARNER_NAMES[name]: judged for name, judged in win["models"].items()},
    }
    for position, first in enumerate(win["reference"]["bets"]):
        for name, judged in models.items():
            bets = judged["bets"][position]
            realised = bets["realised"]
            returned = (
                ("-", "-") if realised is None else (f"{realised['mean']:+.1%}", interval_text(realised, 1, "+.1%"))
            )
            promised = "-" if bets["promised"] is None else f"{bets['promised']:+.1%}"
            yield f"{first['margin']:.0%}", name, bets["bets"], promised, *returned, f"{bets['bankroll']:.2f}"


def slice_rows(win: Mapping[str, Any], most: int = MOST_SLICES) -> Iterator[tuple[Any, ...]]:
    """A row of SLICE_COLUMNS for each part of the test, the first `most` of each column."""
    rows: dict[str, int] = {}
    for entry in win["slices"]:
        column = entry["column"]
        rows[column] = rows.get(column, 0) + 1
        if rows[column] <= most:
            yield (
                _COLUMN_NAMES.get(column, column),
                entry["value"],
                entry["bets"],
                f"{entry['difference'] * TEN_THOUSAND:+.1f}",
            )


def serving_sentence(served: Mapping[str, Any]) -> str:
    """Which learner is served, and why."""
    losses = served["validation_losses"]
    figures = ", ".join(
        f"{LEARNER_NAMES.get(name, CALIBRATED_PRICE)} {loss:.5f}"
        for name, loss in sorted(losses.items(), key=lambda e: e[1])
    )
    return (
        f"Served: {LEARNER_NAMES[served['learner']]}, which did best on validation, before the test was looked at "
        f"(log loss {figures})."
    )


def interval_text(estimate: Mapping[str, Any], scale: float, form: str) -> str:
    """The interval of an estimate, in brackets."""
    low, high = estimate["low"], estimate["high"]
    if low is None or high is None:
        return "unknown"
    return f"[{low * scale:{form}}, {high * scale:{form}}]"


def _compared(name: str, judged: Mapping[str, Any]) -> tuple[str, ...]:
    difference = judged["difference"]
    mean = f"{difference['mean'] * TEN_THOUSAND:+.1f}"
    return (name, *_fit(judged["scores"], mean, interval_text(difference, TEN_THOUSAND, "+.1f")))


def _fit(scores: Mapping[str, Any], difference: str, interval: str) -> tuple[str, ...]:
    auc = "-" if scores["auc"] is None else f"{scores['auc']:.4f}"
    return f"{scores['log_loss']:.4f}", difference, interval, f"{scores['brier']:.4f}", f"{scores['ece']:.4f}", auc
