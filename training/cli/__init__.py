"""The whole command line, `pikkit`, also `python -m ingestion`: the verbs of the store, and those of models.

Results go to stdout (`--json` for machines), progress and messages to stderr; exit codes and errors are those of
ingestion/cli.
"""

from __future__ import annotations

from ingestion.cli import Verb, app, execute, main
from training.cli.audit import audit
from training.cli.dataset import dataset
from training.cli.lineage import lineage
from training.cli.models import models_app
from training.cli.score import score
from training.cli.train import train

__all__ = ["app", "execute", "main"]

for verb in (lineage, score, dataset, train, audit):
    app.command(cls=Verb)(verb)
app.add_typer(models_app, name="models")
