"""What the test part says of a model, as it is printed: the verdict, the money, then the figures beside the price."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ingestion.cli.output import print_line, print_wrapped
from ingestion.cli.tables import print_table

_NAMES = {"boosted": "boosted trees", "logistic": "logistic", "ridge": "ridge"}
# Slices and features that are printed.
_MOST = 6


def print_judgement(evaluation: Mapping[str, Any]) -> None:
    """The evaluation of a manifest."""
    win = evaluation["win"]
    for learner in win["models"]:
        judged = win["models"][learner]
        print_wrapped(f"{_NAMES[learner].capitalize()}: {judged['sentence']}", hanging=2)
        print_wrapped(f"{judged['money']}", indent=2)
    print_line()
    print_table(["win", "log loss", "to the price", "95 %", "Brier", "ECE", "AUC"], _scores(win))
    print_line()
    print_table(["bets that promise", "model", "bets", "promised", "returned", "95 %", "quarter Kelly"], _margins(win))
    print_line()
    for learner, judged in evaluation["returns"]["models"].items():
        print_wrapped(f"Return, {_NAMES[learner]}: {judged['sentence']}", hanging=2)
    print_line()
    print_table(["part of the test", "", "bets", "to the price"], _slices(win))
    names = [name for name, worse in win["importance"].items() if worse > 0]
    print_line()
    print_wrapped(
        f"To the price: log loss of the model minus that of the calibrated price, in ten-thousandths of a nat a bet; "
        f"below 0 is better. Between seeds it lies {win['seed_spread'] * 1e4:.1f} apart (standard deviation). "
        f"Features that matter most to the boosted trees: {', '.join(names[:_MOST]) or 'none'}."
    )


def _scores(win: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    yield ("the price", *_fit(win["reference"]["scores"], "-", "-"))
    for learner, judged in win["models"].items():
        difference = judged["difference"]
        interval = _interval(difference["low"], difference["high"], 1e4, "+.1f")
        yield (_NAMES[learner], *_fit(judged["scores"], f"{difference['mean'] * 1e4:+.1f}", interval))


def _fit(scores: Mapping[str, Any], difference: str, interval: str) -> tuple[str, ...]:
    auc = "-" if scores["auc"] is None else f"{scores['auc']:.4f}"
    return f"{scores['log_loss']:.4f}", difference, interval, f"{scores['brier']:.4f}", f"{scores['ece']:.4f}", auc


def _margins(win: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    every = win["every_bet"]
    interval = _interval(every["low"], every["high"], 1, "+.1%")
    yield "(every bet)", "-", "-", "-", f"{every['mean']:+.1%}", interval, "-"
    models = {"the price": win["reference"], **{_NAMES[name]: judged for name, judged in win["models"].items()}}
    for position, first in enumerate(win["reference"]["bets"]):
        for name, judged in models.items():
            bets = judged["bets"][position]
            realised = bets["realised"]
            returned = ("-", "-") if realised is None else (
                f"{realised['mean']:+.1%}", _interval(realised["low"], realised["high"], 1, "+.1%")
            )  # fmt: skip
            promised = "-" if bets["promised"] is None else f"{bets['promised']:+.1%}"
            yield f"{first['margin']:.0%}", name, bets["bets"], promised, *returned, f"{bets['bankroll']:.2f}"


def _slices(win: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    seen: dict[str, int] = {}
    for entry in win["slices"]:
        seen[entry["column"]] = seen.get(entry["column"], 0) + 1
        if seen[entry["column"]] <= _MOST:
            column = {"institution_name": "book", "odds_band": "decimal price"}.get(entry["column"], entry["column"])
            yield column, entry["value"], entry["bets"], f"{entry['difference'] * 1e4:+.1f}"


def _interval(low: float | None, high: float | None, scale: float, form: str) -> str:
    if low is None or high is None:
        return "unknown"
    return f"[{low * scale:{form}}, {high * scale:{form}}]"
