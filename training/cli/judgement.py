"""What the test part says of a model, as it is printed: the verdict, the money, then the figures beside the price."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingestion.cli.output import print_line, print_wrapped
from ingestion.cli.tables import print_table
from training.artefacts.judgement_tables import (
    LEARNER_NAMES,
    MARGIN_COLUMNS,
    SCORE_COLUMNS,
    SLICE_COLUMNS,
    TEN_THOUSAND,
    margin_rows,
    score_rows,
    serving_sentence,
    slice_rows,
)

if TYPE_CHECKING:
    from training.manifest import ModelManifest

# Features that are printed.
_MOST_FEATURES = 6


def print_judgement(manifest: ModelManifest) -> None:
    """The evaluation of a manifest, the served model first."""
    evaluation, served = manifest.evaluation, manifest.served
    win = evaluation["win"]
    for learner in sorted(win["models"], key=lambda name: name != served):
        judged = win["models"][learner]
        print_wrapped(f"{LEARNER_NAMES[learner].capitalize()}: {judged['sentence']}", hanging=2)
        print_wrapped(f"{judged['money']}", indent=2)
    print_wrapped(serving_sentence(manifest.parameters["win"]["served"]), hanging=2)
    print_line()
    print_table(SCORE_COLUMNS, score_rows(win))
    print_line()
    print_table(MARGIN_COLUMNS, margin_rows(win))
    print_line()
    for learner, judged in evaluation["returns"]["models"].items():
        print_wrapped(f"Return, {LEARNER_NAMES[learner]}: {judged['sentence']}", hanging=2)
    print_line()
    print_table(SLICE_COLUMNS, slice_rows(win))
    names = [name for name, worse in win["importance"].items() if worse > 0]
    print_line()
    print_wrapped(
        "Promise: the bets that promise more than this return on their stake; Kelly: what quarter-Kelly stakes on them "
        "left of a bankroll of 1. Difference: log loss minus that of the calibrated price, in ten-thousandths of a "
        "nat a bet; below 0 is better; by part, that of the served model. Calibrated price: the price corrected by the "
        "bets before the test, what a model must beat. "
        f"Between seeds of the boosted trees it lies {win['seed_spread'] * TEN_THOUSAND:.1f} apart (sd). "
        f"Features that matter most to the served model: {', '.join(names[:_MOST_FEATURES]) or 'none'}."
    )
