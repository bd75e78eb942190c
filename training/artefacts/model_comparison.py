"""Models beside each other: how each was judged, and what they were made from where that differs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from training.artefacts.judgement_tables import CALIBRATED_PRICE, LEARNER_NAMES, TEN_THOUSAND, interval_text
from training.artefacts.model_store import KeptModel
from training.manifest import ModelManifest


@dataclass(frozen=True)
class ComparedFigure:
    """A figure of each model, in the order of the models."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class ModelComparison:
    """Models beside each other."""

    names: tuple[str, ...]
    #: Whether they were judged on the same bets; otherwise their figures are of different tests.
    is_same_test: bool
    #: Of what is served of each.
    figures: tuple[ComparedFigure, ...]
    #: What they were made from, where it differs.
    differences: tuple[ComparedFigure, ...]


def compare_models(models: Sequence[KeptModel]) -> ModelComparison:
    """The models beside each other, in this order."""
    manifests = [model.manifest for model in models]
    tests = {(manifest.data.frame_digest, *manifest.parameters["cuts"].values()) for manifest in manifests}
    return ModelComparison(
        tuple(model.name for model in models),
        len(tests) == 1,
        tuple(ComparedFigure(name, tuple(map(value, manifests))) for name, value in _FIGURES.items()),
        tuple(ComparedFigure(name, values) for name, values in _origins(manifests) if len(set(values)) > 1),
    )


def _served(manifest: ModelManifest) -> Mapping[str, Any]:
    judged: Mapping[str, Any] = manifest.evaluation["win"]["models"][manifest.served]
    return judged


def _score(name: str) -> Callable[[ModelManifest], str]:
    def text(manifest: ModelManifest) -> str:
        model, price = _served(manifest)["scores"][name], manifest.evaluation["win"]["reference"]["scores"][name]
        return "-" if model is None or price is None else f"{model:.4f}, {CALIBRATED_PRICE} {price:.4f}"

    return text


def _returned(manifest: ModelManifest) -> str:
    judged = next(bets for bets in _served(manifest)["bets"] if bets["margin"] > 0)
    if judged["realised"] is None:
        return "no bets"
    return f"{judged['realised']['mean']:+.1%} of {judged['promised']:+.1%}, {judged['bets']:,} bets"


def _difference(manifest: ModelManifest) -> str:
    difference = _served(manifest)["difference"]
    return f"{difference['mean'] * TEN_THOUSAND:+.1f} {interval_text(difference, TEN_THOUSAND, '+.1f')}"


_FIGURES: Final[Mapping[str, Callable[[ModelManifest], str]]] = {
    "served": lambda manifest: LEARNER_NAMES[manifest.served],
    "verdict": lambda manifest: str(_served(manifest)["conclusion"]),
    "to calibrated price": _difference,
    "log loss": _score("log_loss"),
    "Brier": _score("brier"),
    "ECE": _score("ece"),
    "AUC": _score("auc"),
    "returned at 2%": _returned,
    "every bet": lambda manifest: f"{manifest.evaluation['win']['every_bet']['mean']:+.1%}",
    "test days": lambda manifest: f"{_served(manifest)['days']} ({_served(manifest)['effective_days']:.1f} effective)",
    "test bets": lambda manifest: f"{manifest.parameters['win']['bets']['test']:,}",
}


def _origins(manifests: Sequence[ModelManifest]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What each was made from, by name."""
    for name in ("service", "log_position", "features_watermark", "placed_from", "placed_to", "rows"):
        yield name.replace("_", " "), tuple(str(getattr(manifest.data, name) or "-") for manifest in manifests)
    yield "frame", tuple(manifest.data.frame_digest[:12] for manifest in manifests)
    yield "code", tuple(manifest.code_version for manifest in manifests)
    for part in ("validation", "test"):
        yield f"{part} from", tuple(str(manifest.parameters["cuts"][part]) for manifest in manifests)
    yield from _of_mappings([manifest.data.features for manifest in manifests], _version)
    yield from _of_mappings([manifest.parameters["boosting"] for manifest in manifests], str)
    yield from _of_mappings([manifest.environment for manifest in manifests], str)


def _of_mappings(
    mappings: Sequence[Mapping[str, Any]], text: Callable[[Any], str]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    names = dict.fromkeys(name for mapping in mappings for name in mapping)
    for name in names:
        yield name, tuple(text(mapping[name]) if name in mapping else "not in it" for mapping in mappings)


def _version(feature: Mapping[str, Any]) -> str:
    version = "unpublished" if feature["version"] is None else f"version {feature['version']}"
    return f"{version}, {feature['definition'][:12]}"
