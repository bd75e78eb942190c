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
    html: Annotated[bool, typer.Option("--html", help="Write its page, model.html, anew, and print where.")] = False,
    json: Json = False,
) -> None:
    """Show a model: its verdict and figures beside the price.

    The same stands on its page, model.html beside its files, with plots.
    """
    from training.artefacts.model_store import ModelStore
    from training.manifest import MODEL_PAGE

    model = ModelStore.of_home(begin().home).model(name)
    page = model.directory / MODEL_PAGE
    if html:
        from training.page.model_page import write_model_page

        write_model_page(model.directory, model.manifest)
    if json:
        path = str(page) if page.exists() else None
        print_json(
            {"directory": str(model.directory), "page": path, "is_promoted": model.is_promoted, **vars(model.manifest)}
        )
        return
    if html:
        print_line(str(page))
        return
    print_judgement(model.manifest)
    data = model.manifest.data
    print_line()
    print_line(
        f"{model.name}: {data.rows:,} bets with {len(data.features)} features of {data.service}, as of "
        f"{data.features_watermark}, by {model.manifest.code_version}. `pikkit train --from {model.directory}` trains "
        "it again."
    )
