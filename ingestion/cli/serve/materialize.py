"""The verb materialize: copy to the online store what it lacks."""

from __future__ import annotations

from typing import Annotated

import typer

from ingestion.cli.documents import print_json
from ingestion.cli.follow_up import follow_up
from ingestion.cli.options import Json, Now
from ingestion.cli.output import print_line
from ingestion.cli.progress_bar import progress_bar
from ingestion.cli.stores import begin, prepared_stores
from ingestion.cli.tables import print_table
from ingestion.wording import counted


def materialize(
    rebuild: Annotated[
        bool,
        typer.Option("--rebuild", help="Write every key anew, over whatever stands there."),
    ] = False,
    now: Now = None,
    json: Json = False,
) -> None:
    """Copy to the online store what it lacks.

    Always as of the last refresh; a --now before it is refused. Refills a Redis that was emptied, set back or
    exchanged; with --rebuild, also one whose values others changed.
    """
    from ingestion.pipeline import run_materialize

    settings = begin(now)
    connections = prepared_stores(settings, create=False)
    with follow_up(settings, connections), progress_bar() as progress:
        finished = run_materialize(connections, rebuild=rebuild, progress=progress)
    online = finished.summary.online
    if json:
        print_json({"run_id": finished.run_id, "keys": online.document()})
        return
    print_table(["view", "keys written"], list(online.keys_written.items()))
    print_line()
    print_line(f"{counted(online.total, 'key')} written online in {finished.summary.seconds:.1f} s.")
