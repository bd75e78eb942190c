"""The verbs of `pikkit quarantine`, which deal with refused rows: list, show, retry, dismiss."""

from __future__ import annotations

import typer

from ingestion.cli.quarantine.dismiss import dismiss
from ingestion.cli.quarantine.list import list_
from ingestion.cli.quarantine.retry import retry
from ingestion.cli.quarantine.show import show

quarantine_app = typer.Typer(
    name="quarantine",
    help="Rows that were refused: list, show, retry, dismiss them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
quarantine_app.command("list")(list_)
for verb in (show, retry, dismiss):
    quarantine_app.command()(verb)
