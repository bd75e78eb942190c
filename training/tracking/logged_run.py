"""What MLflow is told of a model, from its manifest: parameters, metrics, tags."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256

from training.manifest import ModelManifest


@dataclass(frozen=True)
class LoggedRun:
    """A run as MLflow keeps it."""

    #: The experiment unless MLFLOW_EXPERIMENT_NAME names another: that of the service.
    experiment: str
    name: str
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]


def logged_run(manifest: ModelManifest) -> LoggedRun:
    """What is logged of a model."""
    data = manifest.data
    return LoggedRun(
        f"pikkit {data.service}",
        manifest.name,
        dict(_params(manifest)),
        {name: value for name, value in _metrics(manifest) if value is not None and math.isfinite(value)},
        _tags(manifest),
    )


def _params(manifest: ModelManifest) -> Iterator[tuple[str, str]]:
    data, parameters = manifest.data, manifest.parameters
    win = parameters["win"]
    yield from ((name, str(getattr(data, name))) for name in ("service", "log_position", "features_watermark", "rows"))
    yield from ((name, str(getattr(data, name))) for name in ("placed_from", "placed_to", "frame_digest"))
    yield from ((f"cuts.{part}", str(day)) for part, day in parameters["cuts"].items())
    yield from ((f"bets.{part}", str(bets)) for part, bets in win["bets"].items())
    yield from ((f"boosting.{name}", str(value)) for name, value in parameters["boosting"].items())
    yield "seeds", json.dumps(parameters["seeds"])
    yield "calibration", min(win["calibrations"], key=win["calibrations"].__getitem__)
    for target in ("win", "returns"):
        yield f"{target}.trees", json.dumps(parameters[target]["trees"])
        yield f"{target}.penalty", str(parameters[target]["penalty"])
    yield "served", manifest.served


def _metrics(manifest: ModelManifest) -> Iterator[tuple[str, float | None]]:
    win, returns = manifest.evaluation["win"], manifest.evaluation["returns"]
    yield "every_bet.return", win["every_bet"]["mean"]
    yield from (
        (f"price_as_offered.{score}", value) for score, value in win.get("offered", {}).get("scores", {}).items()
    )
    for name, judged in {"calibrated_price": win["reference"], **win["models"]}.items():
        yield from ((f"{name}.{score}", value) for score, value in judged["scores"].items())
        for bets in judged["bets"]:
            at = f"{name}.at_{100 * bets['margin']:.0f}_percent"
            yield f"{at}.bets", bets["bets"]
            yield f"{at}.promised", bets["promised"]
            yield f"{at}.returned", bets["realised"] and bets["realised"]["mean"]
            yield f"{at}.bankroll", bets["bankroll"]
    for target, models in (("win", win["models"]), ("returns", returns["models"])):
        for name, judged in models.items():
            for figure in ("mean", "low", "high"):
                yield f"{target}.{name}.to_the_reference.{figure}", judged["difference"][figure]
    yield from ((f"returns.{name}.mse", judged["mse"]) for name, judged in returns["models"].items())
    yield from (
        (f"validation.{name}.log_loss", loss)
        for name, loss in manifest.parameters["win"]["served"]["validation_losses"].items()
    )
    yield "test.days", next(iter(win["models"].values()))["days"]
    yield "test.effective_days", next(iter(win["models"].values()))["effective_days"]


def _tags(manifest: ModelManifest) -> dict[str, str]:
    served = manifest.served
    judged = manifest.evaluation["win"]["models"][served]
    vocabulary = json.dumps(manifest.data.vocabulary, sort_keys=True)
    return {
        # MLflow shows it as the description of the run.
        "mlflow.note.content": f"{judged['sentence']} {judged['money']}",
        "pikkit.code_version": manifest.code_version,
        "pikkit.service": manifest.data.service,
        "pikkit.vocabulary": sha256(vocabulary.encode()).hexdigest(),
        "pikkit.verdict": judged["conclusion"],
        "pikkit.served": served,
    }
