"""The verb models promote: the model that `promoted` stands for."""

from __future__ import annotations

from typing import Annotated

import typer

from ingestion.cli.documents import print_json
from ingestion.cli.options import Json
from ingestion.cli.output import print_line, say_warning
from ingestion.cli.stores import begin


def promote_model(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The model.")],
    json: Json = False,
) -> None:
    """Make a model the one that `promoted` stands for."""
    from training.artefacts.model_store import ModelStore

    store = ModelStore.of_home(begin().home)
    before = store.promoted()
    model = store.promote(name)
    if json:
        print_json({"promoted": model.name, "before": before})
        return
    conclusions = {judged["conclusion"] for judged in model.manifest.evaluation["win"]["models"].values()}
    if "better" not in conclusions:
        say_warning(f"Its verdict is not that it is better than the price: {', '.join(sorted(conclusions))}.")
    print_line(f"{model.name} is promoted{f', in place of {before}' if before else ''}.")
