"""The verb export: the store as Parquet files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ingestion.cli.documents import print_json
from ingestion.cli.options import Json
from ingestion.cli.output import print_line, say, say_warning
from ingestion.cli.progress_bar import progress_bar
from ingestion.cli.stores import begin, prepared_stores
from ingestion.wording import counted

if TYPE_CHECKING:
    from ingestion.serving.export.export import Exported


def export(
    to: Annotated[
        str, typer.Option("--to", metavar="PLACE", help="A directory, or a URL that fsspec knows (s3://bucket/bets).")
    ],
    raw: Annotated[bool, typer.Option("--raw", help="What the sources sent as well, verbatim.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Write every partition, not only those that changed.")] = False,
    json: Json = False,
) -> None:
    """Write bets and log as Parquet, by sport and month.

    Only partitions that changed since the last export to that place are written again.
    """
    from ingestion.forgetting.written_files import record_written
    from ingestion.serving.export.export import export_store

    connections = prepared_stores(begin(), create=False)
    with progress_bar() as progress:
        exported = export_store(connections.postgres, to, raw=raw, full=full, progress=progress)
    record_written(connections.postgres, exported.root, "export", say_warning)
    if json:
        print_json(vars(exported))
        return
    if exported.because and exported.kept + exported.written:
        say(f"Every partition was made anew and compared, because {exported.because}.")
    print_line(_what_changed(exported))


def _what_changed(exported: Exported) -> str:
    if not exported.written + exported.removed:
        return f"{exported.root}: {counted(exported.kept, 'partition')} kept. Nothing had changed."
    return (
        f"{exported.root}: {counted(exported.written, 'partition')} written with {counted(exported.rows, 'row')}, "
        f"{exported.kept:,} kept, {exported.removed:,} removed."
    )
