"""The verb forget: erase a bet, or a person with all their bets."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from feature_repo.errors import ConfigurationError
from ingestion.cli.documents import print_json
from ingestion.cli.follow_up import follow_up
from ingestion.cli.options import ClockAheadOption, Json, Now
from ingestion.cli.output import print_line, say, say_warning
from ingestion.cli.progress_bar import progress_bar
from ingestion.cli.stores import begin, prepared_stores
from ingestion.cli.tables import print_table
from ingestion.wording import counted

if TYPE_CHECKING:
    from ingestion.forgetting.receipt import FinishedPlaces, PlaceCounts, Receipt
    from ingestion.runs.record import FinishedRun


def forget(
    bet: Annotated[str | None, typer.Option("--bet", metavar="ID", help="The id of a bet.")] = None,
    user: Annotated[
        str | None, typer.Option("--user", metavar="USER", help="A user as the source's USER_COLUMN has them.")
    ] = None,
    places: Annotated[
        list[Path] | None,
        typer.Option(
            "--in", metavar="PLACE", help="Look into this export, dataset or report too; others the store knows of."
        ),
    ] = None,
    finish: Annotated[
        bool,
        typer.Option("--finish", help="Do what an earlier erasure could not: in Redis, exports, datasets, reports."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would go, by place.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    clock_ahead: ClockAheadOption = False,
    now: Now = None,
    json: Json = False,
) -> None:
    """Erase a bet, or a user with all their bets, for good.

    Payloads and rows go everywhere: in the store, in Redis, in exports and datasets. The bet counts no more from now
    on; the history of its groups keeps what it added, without a name. It is not taken in again. docs/forget.md
    """
    if [bet is not None, user is not None, finish].count(True) != 1:
        raise ConfigurationError(
            "Give one of --bet, --user and --finish", "Nothing was done", "`pikkit forget --help` says what each does"
        )
    if not (finish or dry_run or yes or sys.stdin.isatty()):
        raise ConfigurationError(
            "Nobody is there to be asked, and an erasure cannot be undone",
            "Nothing was done",
            "Look at it with --dry-run, then give --yes",
        )
    from ingestion.forgetting.forget_run import count_forgettable, run_finish, run_forget
    from training.forgotten_files import file_erasures, models_trained_on

    settings = begin(now)
    subject: dict[str, Any] = {"bet": bet, "user": user, "user_column": settings.sources.user_column}
    connections = prepared_stores(settings, create=False)
    if finish:
        with follow_up(settings, connections), progress_bar() as progress:
            files = file_erasures(connections, settings, places or ())
            _print_finished(run_finish(connections, files=files, progress=progress), json=json)
        return
    if dry_run or not yes:
        with progress_bar() as progress:
            bets, counts, _ = count_forgettable(connections, **subject, progress=progress)
        if dry_run:
            _print_dry_run(bets, counts, json=json)
            return
        typer.confirm(f"Erase {counted(bets, 'bet')}? There is no way back", abort=True, err=True)
    files = file_erasures(connections, settings, places or ())
    look = partial(models_trained_on, settings.home)
    with follow_up(settings, connections), progress_bar() as progress:
        finished = run_forget(
            connections, **subject, files=files, look=look, clock_ahead=clock_ahead, progress=progress
        )
    receipt = finished.summary
    if json:
        print_json({"run_id": finished.run_id, **receipt.document()})
        return
    _print_places(receipt.places)
    _warn_of_unfinished(receipt.unfinished)
    print_line()
    print_line(_what_went(receipt))


def _print_finished(finished: FinishedRun[FinishedPlaces], *, json: bool) -> None:
    if json:
        print_json({"run_id": finished.run_id, **finished.summary.document()})
        return
    _print_places(finished.summary.places)
    unfinished = finished.summary.document()["unfinished"]
    _warn_of_unfinished(unfinished)
    print_line()
    print_line(
        f"{counted(len(finished.summary.places) - len(unfinished), 'place')} outside the store finished, "
        f"{len(unfinished):,} left to do."
    )


def _warn_of_unfinished(places: Sequence[str]) -> None:
    for place in places:
        say_warning(f"{place} is not done. When it can be reached again: `pikkit forget --finish`.")


def _print_places(places: Sequence[PlaceCounts]) -> None:
    rows = [
        (place.place, place.searched, place.removed, "-" if place.remaining is None else f"{place.remaining:,}",
         place.note or "")
        for place in places
    ]  # fmt: skip
    print_table(["place", "searched", "removed", "left", ""], rows)


def _print_dry_run(bets: int, counts: Sequence[PlaceCounts], *, json: bool) -> None:
    if json:
        print_json({"dry_run": True, "bets": bets, "places": [place.document() for place in counts]})
        return
    print_table(["place", "searched", "would go"], [(place.place, place.searched, place.removed) for place in counts])
    say("Redis, exports, datasets and reports that the store knows of are searched when it is done.")
    print_line()
    print_line(f"{counted(bets, 'bet')} would be forgotten. Nothing was changed.")


def _what_went(receipt: Receipt) -> str:
    return (
        f"Forgotten: {counted(receipt.bets, 'bet')}. {len(receipt.places)} places searched, {receipt.removed:,} "
        f"removed, {receipt.remaining:,} left. Receipt {receipt.receipt_id}. `pikkit run` takes them out of the "
        "features."
    )
