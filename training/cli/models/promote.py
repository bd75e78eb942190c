"""The verb models promote: the model that `promoted` stands for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from ingestion.cli.documents import print_json
from ingestion.cli.options import Json
from ingestion.cli.output import print_line, say_warning
from ingestion.cli.stores import begin
from training.artefacts.judgement_tables import LEARNER_NAMES


def promote_model(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The model.")],
    json: Json = False,
) -> None:
    """Make a model the one that `promoted` stands for."""
    from training.artefacts.model_store import ModelStore

    store = ModelStore.of_home(begin().home)
    before = store.promoted()
    served = store.model(name).manifest.served
    model = store.promote(name)
    judged = model.manifest.evaluation["win"]["models"][served]
    if warning := _warning(served, judged):
        say_warning(warning)
    if json:
        print_json({"promoted": model.name, "before": before, "conclusion": judged["conclusion"]})
        return
    print_line(f"{model.name} is promoted{f', in place of {before}' if before else ''}.")


def _warning(served: str, judged: Mapping[str, Any]) -> str | None:
    """What somebody should know who has this model served; null where its test spoke for it in both sentences."""
    name = LEARNER_NAMES[served]
    words = {
        "worse": f"What is served of it, {name}, did worse than the calibrated price in its test: that alone is better",
        "not to be told apart": f"What is served of it, {name}, could not be told apart from the calibrated price in "
        "its test",
        "too few days to say": f"Its test has too few days to say whether {name}, which is served, knows more than the "
        "calibrated price",
    }.get(judged["conclusion"])
    if words is not None:
        return f"{words}."
    if not judged["money"].startswith("Would have paid"):
        return f"It is better than the calibrated price, which does not make it pay. {judged['money']}"
    return None
