"""The verb models list: every kept model, its verdicts beside those of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ingestion.cli.documents import print_json
from ingestion.cli.options import Json
from ingestion.cli.output import print_line
from ingestion.cli.stores import begin
from ingestion.cli.tables import print_table
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
    print_table(
        ["model", "", "bets", "test days", "learner", "to the price", "verdict"],
        [row for model in models for row in _rows(model)],
    )
    print_line()
    if models:
        print_line(f"{counted(len(models), 'model')} in {store.place}. `pikkit models show NAME` shows one whole.")
    else:
        print_line(f"No model is kept in {store.place}. `pikkit train` trains one.")


def _rows(model: KeptModel) -> list[tuple[Any, ...]]:
    judged = model.manifest.evaluation["win"]["models"]
    return [
        (
            model.name,
            "promoted" if model.is_promoted else "",
            model.manifest.data.rows,
            each["days"],
            learner,
            f"{each['difference']['mean'] * 1e4:+.1f}",
            each["conclusion"],
        )
        for learner, each in judged.items()
    ]


def _document(model: KeptModel) -> dict[str, Any]:
    manifest = model.manifest
    return {
        "name": model.name,
        "directory": str(model.directory),
        "is_promoted": model.is_promoted,
        "trained_at": manifest.trained_at,
        "service": manifest.data.service,
        "rows": manifest.data.rows,
        "served": manifest.parameters["win"]["served"]["learner"],
        "verdicts": {
            learner: {name: each[name] for name in ("conclusion", "sentence", "money")}
            for learner, each in manifest.evaluation["win"]["models"].items()
        },
    }
