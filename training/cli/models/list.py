"""The verb models list: every kept model, its verdicts beside those of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ingestion.cli.documents import print_json
from ingestion.cli.options import Json
from ingestion.cli.output import print_line
from ingestion.cli.stores import begin
from ingestion.wording import counted

if TYPE_CHECKING:
    from training.artefacts.model_store import KeptModel


def list_models(json: Json = False) -> None:
    """List the models with their verdicts beside each other."""
    from training.artefacts.model_store import ModelStore

    store = ModelStore.of_home(begin().home)
    models = store.models()
    if json:
        print_json({"promoted": store.promoted(), "models": [_document(model) for model in models]})
        return
    for model in models:
        _print(model)
        print_line()
    if models:
        print_line("Log loss minus the calibrated price's, in 1e-4 nats a bet; below 0 is better.")
        print_line(f"{counted(len(models), 'model')} in {store.place}. `pikkit models show NAME` shows one whole.")
    else:
        print_line(f"No model is kept in {store.place}. `pikkit train` trains one.")


def _print(model: KeptModel) -> None:
    """A line on the model, then one on each learner."""
    from training.artefacts.judgement_tables import LEARNER_NAMES, TEN_THOUSAND, interval_text

    data, win = model.manifest.data, model.manifest.evaluation["win"]["models"]
    days = next(iter(win.values()))["days"]
    print_line(f"{model.name}{', promoted' if model.is_promoted else ''}")
    print_line(f"  {counted(data.rows, 'bet')} of {data.service}, tested on {counted(days, 'day')}")
    served = model.manifest.served
    for learner, judged in win.items():
        difference = judged["difference"]
        figures = f"{difference['mean'] * TEN_THOUSAND:+.1f} {interval_text(difference, TEN_THOUSAND, '+.1f')}"
        name = f"{LEARNER_NAMES[learner]}{', served' if learner == served else ''}"
        print_line(f"  {name:22} {figures:26} {judged['conclusion']}")


def _document(model: KeptModel) -> dict[str, Any]:
    manifest = model.manifest
    return {
        "name": model.name,
        "directory": str(model.directory),
        "is_promoted": model.is_promoted,
        "trained_at": manifest.trained_at,
        "service": manifest.data.service,
        "rows": manifest.data.rows,
        "served": manifest.served,
        "verdicts": {
            learner: {name: each[name] for name in ("conclusion", "sentence", "money")}
            for learner, each in manifest.evaluation["win"]["models"].items()
        },
    }
