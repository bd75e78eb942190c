"""The verb report: what the store holds and how its runs went, as one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from ingestion.cli.documents import print_json
from ingestion.cli.options import Json, Now
from ingestion.cli.output import print_line, print_sentence
from ingestion.cli.stores import begin, stores
from ingestion.wording import data_size

_DEFAULT: Final = Path("pikkit-report.html")


def report(
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Where to. Default: PIKKIT_REPORT, or pikkit-report.html here."),
    ] = None,
    now: Now = None,
    json: Json = False,
) -> None:
    """Write one HTML file that shows how the store stands.

    Freshness, gate, runs, intake, anomalies, drift, online against offline, lineage. It holds everything that it shows,
    and asks nobody for anything. Exits 0 whatever state the store is in; the file,
    the last line and --json tell.
    """
    from ingestion.report.written_report import write_report

    settings = begin(now)
    written = write_report(stores(settings, create=False), out or settings.report or _DEFAULT)
    path = written.path.absolute()
    if json:
        print_json(
            {"file": str(path), "bytes": written.bytes, "healthy": written.is_healthy, "verdict": written.verdict}
        )
        return
    print_sentence(written.verdict)
    print_line(f"{path}: {data_size(written.bytes)} written.")
