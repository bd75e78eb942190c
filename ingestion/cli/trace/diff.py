"""The verb diff: what differs between two instants, runs or training frames."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ingestion.cli.documents import print_json
from ingestion.cli.options import Json
from ingestion.cli.output import say_warning
from ingestion.cli.stores import begin, stores
from ingestion.cli.trace.differing import difference_document, print_difference
from ingestion.settings import Settings

if TYPE_CHECKING:
    from feature_repo.explanation.differences.difference import Difference

_SIDE: Final = "An instant, `now`, a run, or a saved training frame (Parquet)."
_INSTANT: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
# Rows of each view, unless more are asked for.
_LISTED: Final = 3


def diff(
    before: Annotated[str, typer.Argument(metavar="A", help=_SIDE)],
    after: Annotated[str, typer.Argument(metavar="B", help="The same.")],
    limit: Annotated[int, typer.Option("--limit", min=0, help="Rows to show of each view.")] = _LISTED,
    whole: Annotated[bool, typer.Option("--all", help="Show all rows.")] = False,
    json: Json = False,
) -> None:
    """Show what changed between two instants, runs or frames.

    How many rows of which features, the rows with both values, and the versions of bets that did it. A run stands for
    the features as it published them. Frames are compared row by row, by keys and event_timestamp.
    """
    settings, most = begin(), None if whole else limit
    frames = [is_frame(side) for side in (before, after)]
    if all(frames):
        difference = _of_frames(settings, Path(before), Path(after), most)
    elif any(frames):
        from feature_repo.errors import ConfigurationError

        raise ConfigurationError(
            "A frame can only be compared with another frame", "Nothing was compared", "Give two Parquet files"
        )
    else:
        difference = _of_store(settings, before, after, most)
    if json:
        print_json(difference_document(difference))
    else:
        print_difference(difference)


def is_frame(side: str) -> bool:
    """Whether an argument names a file: it ends like one, or there is one."""
    return side.endswith((".parquet", ".pq")) or Path(side).is_file()


def _of_store(settings: Settings, before: str, after: str, limit: int | None) -> Difference:
    from feature_repo import clock
    from feature_repo.explanation.differences.instants import difference_of_instants, difference_of_runs, run_instant
    from feature_repo.explanation.sessions import explaining_session
    from ingestion.database.read_only import read_only_store
    from ingestion.runs.run_ids import find_run

    connections = stores(settings, create=False)
    with (
        read_only_store(connections.postgres, purpose="diff") as connection,
        explaining_session(connection, connections),
    ):
        instants = [
            clock.now() if side == "now" else clock.parse_instant(side) if _INSTANT.match(side) else None
            for side in (before, after)
        ]
        runs = [
            find_run(connection, side) if instant is None else None
            for side, instant in zip((before, after), instants, strict=True)
        ]
        first, second = runs
        if first is not None and second is not None:
            return difference_of_runs(connection, first, second, limit)
        since, until = (
            instant if instant is not None else run_instant(connection, run) if run else clock.now()
            for instant, run in zip(instants, runs, strict=True)
        )
        return difference_of_instants(connection, since, until, limit)


def _of_frames(settings: Settings, before: Path, after: Path, limit: int | None) -> Difference:
    from feature_repo.errors import ConfigurationError, Unreachable
    from feature_repo.explanation.differences.frame_causes import with_causes
    from feature_repo.explanation.differences.training_frames import difference_of_frames, read_frame
    from feature_repo.explanation.sessions import explaining_session
    from ingestion.database.read_only import read_only_store

    first, second = read_frame(before), read_frame(after)
    difference = difference_of_frames(first, second, limit, named=(str(before), str(after)))
    if not difference.rows:
        return difference
    try:
        connections = stores(settings, create=False)
        with (
            read_only_store(connections.postgres, purpose="diff") as connection,
            explaining_session(connection, connections),
        ):
            return with_causes(connection, difference)
    except (ConfigurationError, Unreachable) as error:
        say_warning(f"No store says why: {error.what}.")
        return difference
