"""The verbs of `pikkit models`: list, show, compare, promote."""

from __future__ import annotations

import typer

from training.cli.models.compare import compare_models_verb
from training.cli.models.list import list_models
from training.cli.models.promote import promote_model
from training.cli.models.show import show_model

models_app = typer.Typer(
    name="models",
    help="Trained models: list, show, compare, promote them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
for name, verb in (
    ("list", list_models),
    ("show", show_model),
    ("compare", compare_models_verb),
    ("promote", promote_model),
):
    models_app.command(name)(verb)
