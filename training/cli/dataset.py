"""The verb dataset: a training set as files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ingestion.cli.documents import print_json
from ingestion.cli.options import Json, Now
from ingestion.cli.output import print_line, say, say_warning
from ingestion.cli.stores import begin, load_feast, prepared_stores
from ingestion.cli.tables import print_table
from ingestion.wording import counted
from training.cli.options import (
    AsIsOption,
    ManifestOption,
    ServiceOption,
    SinceOption,
    UntilOption,
    placed_between,
    refuse_beside_manifest,
)

if TYPE_CHECKING:
    from training.artefacts.dataset_files import DatasetManifest


def dataset(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="A directory that does not exist, or is empty.")],
    service: ServiceOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    manifest: ManifestOption = None,
    as_is: AsIsOption = False,
    now: Now = None,
    json: Json = False,
) -> None:
    """Write a training set: bets at placement, and results.

    A row for each settled bet, with the features as they were known when it was placed, in bets.parquet; the split,
    statistics and all that is needed to make the same again in manifest.json.
    """
    from ingestion.serving.score import DEFAULT_SERVICE

    settings = begin(now)
    placed_from, placed_to = placed_between(since, until)
    if manifest is not None:
        refuse_beside_manifest(service=service, since=since, until=until, as_is=as_is)
    from training.artefacts.model_store import ModelStore
    from training.dataset import placement_list

    # What cannot be is said before the store is waited for.
    pinned = ModelStore.of_home(settings.home).pinned(manifest) if manifest is not None else None
    wanted = pinned.data.service if pinned else service or DEFAULT_SERVICE
    placement_list(wanted)
    connections = prepared_stores(settings, create=False)
    load_feast()
    from ingestion.forgetting.written_files import record_written
    from training.artefacts.dataset_files import make_dataset, remake_dataset

    if pinned is not None:
        written = remake_dataset(connections, pinned, out)
    else:
        written = make_dataset(connections, wanted, out, placed_from=placed_from, placed_to=placed_to, as_is=as_is)
    record_written(connections.postgres, str(out.absolute()), "dataset", say_warning)
    for warning in written.warnings:
        say_warning(warning)
    if json:
        print_json({"directory": str(out), **vars(written)})
        return
    _print(written, out)


def _print(written: DatasetManifest, out: Path) -> None:
    print_table(
        ["part", "bets", "from"],
        [(part, bets, written.cuts.get(part, "-")) for part, bets in written.parts.items()],
    )
    say("Null values, means and ranges of every column are in manifest.json.")
    print_line()
    print_line(
        f"{out}: {counted(written.data.rows, 'bet')} with {counted(len(written.data.features), 'feature')} of "
        f"{written.data.service}. `pikkit train --from {out}` trains on the same."
    )
