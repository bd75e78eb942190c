"""The page of a model: `model.html.j2` filled from its manifest alone, everything that it needs inside.

The same manifest makes the same bytes. The page's policy forbids scripts and requests.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

import jinja2

from ingestion.report.charts import ChartTone, meter
from ingestion.report.templates import page_style, template_environment
from ingestion.report.tiles import Tile
from ingestion.unfinished_file import unfinished_file
from training.artefacts.judgement_tables import (
    CALIBRATED_PRICE,
    LEARNER_NAMES,
    MARGIN_COLUMNS,
    SCORE_COLUMNS,
    TEN_THOUSAND,
    interval_text,
    margin_rows,
    score_rows,
    serving_sentence,
    slice_rows,
)
from training.manifest import MODEL_PAGE, ModelManifest
from training.page.model_charts import MODEL_TONES, PART_TONES, model_charts

FEATURES_LISTED: Final = 20
_CONCLUSION_TONES: Final[Mapping[str, ChartTone]] = {
    "better": "good",
    "worse": "bad",
    "not to be told apart": "neutral",
    "too few days to say": "warning",
}
_SECTIONS: Final = (
    ("price", "Beside the price"),
    ("days", "By day"),
    ("bets", "Its bets"),
    ("slices", "Sports, books, prices"),
    ("features", "Features"),
    ("returns", "Return"),
    ("split", "The split"),
    ("learning", "How it was chosen"),
    ("origin", "Made from"),
)


def write_model_page(directory: Path, manifest: ModelManifest) -> Path:
    """Write the page of a model into its directory, in place of an older one. Returns its path."""
    path = directory / MODEL_PAGE
    with unfinished_file(path) as unfinished:
        unfinished.write_text(model_page(manifest), encoding="utf-8")
    return path


def model_page(manifest: ModelManifest) -> str:
    """The page."""
    win, parameters = manifest.evaluation["win"], manifest.parameters["win"]
    served = manifest.served
    judged = win["models"][served]
    return _environment().get_template("model.html.j2").render(
        **page_style(),
        manifest=manifest,
        data=manifest.data,
        trained_at=datetime.fromisoformat(manifest.trained_at),
        watermark=datetime.fromisoformat(manifest.data.features_watermark),
        sections=_SECTIONS,
        served=served,
        judged=judged,
        others={name: each for name, each in win["models"].items() if name != served},
        state_word=judged["conclusion"].capitalize(),
        state_tone=_CONCLUSION_TONES[judged["conclusion"]],
        tiles=_tiles(win, judged),
        serving=serving_sentence(parameters["served"]),
        win=win,
        returns=manifest.evaluation["returns"],
        parameters=manifest.parameters,
        score_columns=SCORE_COLUMNS,
        score_rows=list(score_rows(win)),
        margin_columns=MARGIN_COLUMNS,
        margin_rows=list(margin_rows(win)),
        slice_rows=_drawn_slices(win),
        importance=_drawn_importance(win["importance"]),
        charts=model_charts(manifest),
    )  # fmt: skip


@cache
def _environment() -> jinja2.Environment:
    environment = template_environment("training.page")
    environment.globals |= {
        "meter": meter,
        "learner_names": LEARNER_NAMES,
        "model_tones": MODEL_TONES,
        "part_tones": PART_TONES,
        "features_listed": FEATURES_LISTED,
    }
    environment.filters |= {
        "fixed": lambda value, digits: "-" if value is None else f"{value:.{digits}f}",
        "tenths": lambda value: f"{value * TEN_THOUSAND:+.1f}",
        "share": lambda value: "-" if value is None else f"{value:+.1%}",
        "interval": lambda estimate: interval_text(estimate, TEN_THOUSAND, "+.1f"),
        "interval_share": lambda estimate: interval_text(estimate, 1, "+.1%"),
    }
    return environment


def _tiles(win: Mapping[str, Any], judged: Mapping[str, Any]) -> list[Tile]:
    """The figures below the verdict."""
    difference, tone = judged["difference"], _CONCLUSION_TONES[judged["conclusion"]]
    at_judged = next(bets for bets in judged["bets"] if bets["margin"] > 0)
    realised, every = at_judged["realised"], win["every_bet"]
    returned = "no bets" if realised is None else f"{realised['mean']:+.1%}"
    is_paid = realised is not None and realised["low"] is not None and realised["low"] > 0
    promised = "" if realised is None else f"{at_judged['promised']:+.1%} promised, {at_judged['bets']:,} bets; "
    price, scores = win["reference"]["scores"], judged["scores"]
    return [
        Tile(
            "Log loss to the calibrated price",
            f"{difference['mean'] * TEN_THOUSAND:+.1f}",
            f"{interval_text(difference, TEN_THOUSAND, '+.1f')} ten-thousandths of a nat a bet; below 0 is better",
            tone,
        ),
        Tile(
            f"Return at {at_judged['margin']:.0%}",
            returned,
            f"{promised}every bet {every['mean']:+.1%}",
            "good" if is_paid else "neutral",
        ),
        Tile(
            "Test",
            f"{judged['days']} days",
            f"{judged['effective_days']:.1f} effective, {judged['events']:,} events",
            "warning" if judged["conclusion"] == "too few days to say" else "neutral",
        ),
        Tile(
            "Calibration error",
            f"{scores['ece']:.4f}",
            f"{CALIBRATED_PRICE} {price['ece']:.4f}; log loss {scores['log_loss']:.4f}, {CALIBRATED_PRICE} "
            f"{price['log_loss']:.4f}",
            "neutral",
        ),
    ]


def _drawn_slices(win: Mapping[str, Any]) -> list[tuple[tuple[Any, ...], float, ChartTone]]:
    """Every row of slices with its share of the largest difference, and the tone of it."""
    rows = list(slice_rows(win, most=len(win["slices"])))
    differences = [entry["difference"] for entry in win["slices"]]
    widest = max([abs(each) for each in differences] or [0.0]) or 1.0
    return [
        (row, abs(each) / widest, "good" if each < 0 else "bad") for row, each in zip(rows, differences, strict=True)
    ]


def _drawn_importance(importance: Mapping[str, float]) -> list[tuple[str, float, float]]:
    """The features that matter, the most first, each with its share of the first."""
    ordered = sorted(importance.items(), key=lambda item: (-item[1], item[0]))[:FEATURES_LISTED]
    most = max([worse for _, worse in ordered] or [0.0])
    return [(name, worse, max(0.0, worse / most) if most > 0 else 0.0) for name, worse in ordered]
