"""The verb models show: all that the manifest of a model says."""

from __future__ import annotations

from typing import Annotated

import typer

from ingestion.cli.documents import print_json
from ingestion.cli.options import Json
from ingestion.cli.output import print_line
from ingestion.cli.stores import begin
from training.cli.judgement import print_judgement


def show_model(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The model; `promoted` is the one that is promoted.")],
    json: Json = False,
) -> None:
    """Show a model: its verdict and figures beside the price."""
    from training.artefacts.model_store import ModelStore

    model = ModelStore.of_home(begin().home).model(name)
    if json:
        print_json({"directory": str(model.directory), "is_promoted": model.is_promoted, **vars(model.manifest)})
        return
    print_judgement(model.manifest.evaluation)
    data = model.manifest.data
    print_line()
    print_line(
        f"{model.name}: {data.rows:,} bets with {len(data.features)} features of {data.service}, as of "
        f"{data.features_watermark}, by {model.manifest.code_version}. `pikkit train --from {model.directory}` trains "
        "it again."
    )
