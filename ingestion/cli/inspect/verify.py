"""The verb verify: replay the log and compare it with what is stored."""

from __future__ import annotations

from typing import Annotated

import typer

from ingestion.cli.documents import print_json
from ingestion.cli.options import Json
from ingestion.cli.output import print_line, say
from ingestion.cli.progress_bar import progress_bar
from ingestion.cli.stores import begin, load_feast, stores
from ingestion.cli.tables import print_table
from ingestion.wording import counted


def verify(
    online: Annotated[bool, typer.Option(help="Compare the online store too.")] = True, json: Json = False
) -> None:
    """Replay the log and compare it with what is stored.

    Change rows, group state, and the values online. Exits 1 when anything differs.
    """
    from ingestion.database.rollout import definitions_gap
    from ingestion.pipeline import compare, features_to_backfill

    connections = stores(begin(), create=False)
    if online:
        load_feast()
    with progress_bar() as progress:
        compared = compare(connections, online=online, progress=progress)
    differences = sum(comparison.differences for comparison in compared)
    rows = [(c.name, c.rows, c.differences) for c in compared]
    if json:
        print_json(
            {
                "differences": differences,
                "compared": [dict(zip(("name", "rows", "differences"), r, strict=True)) for r in rows],
            }
        )
    else:
        print_table(["compared", "rows", "differences"], rows)
        print_line()
        looked_at = counted(sum(comparison.rows for comparison in compared), "row")
        print_line(f"{counted(differences, 'difference')} in {looked_at}. Nothing was changed.")
    if differences and (redefined := features_to_backfill(connections)):
        gap = definitions_gap(redefined)
        say(f"{gap.what}, which explains differences. {gap.next_step}, then verify again.")
        raise typer.Exit(1)
    if differences:
        say(
            "Offline differences are mended by `pikkit backfill`, online ones by `pikkit materialize --rebuild`. "
            "Unless somebody changed rows, or Redis, by hand, or put a store back from a dump, they mean a bug: "
            "report it."
        )
        raise typer.Exit(1)
