"""The verb audit: whether anything leaks into a training set."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from ingestion.cli.documents import print_json
from ingestion.cli.options import Json, Now
from ingestion.cli.output import print_line, print_wrapped
from ingestion.cli.progress_bar import progress_bar
from ingestion.cli.stores import begin, load_feast, stores
from ingestion.cli.tables import print_table
from ingestion.wording import cut
from training.audit import CUTS_MADE, ROWS_COMPARED
from training.cli.options import ServiceOption, SinceOption, UntilOption, placed_between

if TYPE_CHECKING:
    from training.audit.result import Audit

# Findings of a check that are printed; `--json` has more.
_PRINTED = 5
_LONGEST = 40


def audit(
    service: ServiceOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    rows: Annotated[
        int, typer.Option(min=2, help="Training rows that are compared after each perturbation.")
    ] = ROWS_COMPARED,
    cuts: Annotated[
        int, typer.Option(min=1, help="Instants after which outcomes are changed. Each is a replay of the whole log.")
    ] = CUTS_MADE,
    now: Now = None,
    json: Json = False,
) -> None:
    """Look whether anything leaks into a training set.

    Results are changed in a replay of the log: those known after a row must not move its features, those before must.
    Columns, as-of times, the gain on the price and vectors as they were served are looked at besides. Exits 1 when a
    leak is found. Nothing of the store is changed.
    """
    from ingestion.serving.score import DEFAULT_SERVICE

    connections = stores(begin(now), create=False)
    placed_from, placed_to = placed_between(since, until)
    load_feast()
    from training.audit.audit import AuditOptions, audit_service

    options = AuditOptions(service or DEFAULT_SERVICE, placed_from, placed_to, rows, cuts)
    with progress_bar() as progress:
        audited = audit_service(connections, options, progress)
    if json:
        print_json({**asdict(audited), "is_clean": audited.is_clean, "sentence": audited.sentence})
    else:
        _print(audited)
    if not audited.is_clean:
        raise typer.Exit(1)


def _print(audited: Audit) -> None:
    print_table(
        ["look at", "state", "looked at", "found", "seconds"],
        [(check.name, check.state, check.looked_at, check.found, check.seconds) for check in audited.checks],
    )
    print_line()
    for check in audited.checks:
        print_wrapped(f"{check.name}: {check.sentence}", hanging=2)
    for check in audited.checks:
        if check.findings:
            print_line()
            print_table(
                [check.name, "feature", "should be", "is", "why"],
                [
                    (
                        each.subject,
                        each.feature,
                        *(cut(text, _LONGEST) for text in (each.expected, each.found)),
                        each.why,
                    )
                    for each in check.findings[:_PRINTED]
                ],
            )
    print_line()
    print_line(audited.sentence)
