"""The verb down: stop the embedded servers."""

from __future__ import annotations

from typing import Annotated

import typer

from feature_repo.errors import PikkitError, Unreachable
from feature_repo.servers.environment import environment_over_dotenv, home
from ingestion.cli.documents import print_json, report_error
from ingestion.cli.options import Json
from ingestion.cli.output import print_line, say


def down(
    all_homes: Annotated[
        bool, typer.Option("--all", help="Stop those of every home whose servers run from this environment.")
    ] = False,
    json: Json = False,
) -> None:
    """Stop the embedded Postgres and Redis. Their data stays; a run that is going on is undone, and named.

    They are asked to end, and never killed. Exits 4 when one is paused or does not end.
    """
    import sys
    from pathlib import Path

    from ingestion.embedded import servers

    # No other setting is looked at, so that servers can be stopped whatever the settings have become.
    directories = [home(environment_over_dotenv())]
    errors: list[PikkitError] = []
    if all_homes:
        others = servers.environment_homes(Path(sys.prefix))
        directories = others.homes
        errors += [_other_users_server(pid, user) for pid, user in others.of_others]
    stopped: dict[str, list[str]] = {}
    for directory in directories:
        try:
            stopped[str(directory)] = servers.stop_servers(directory, say)
        except PikkitError as error:
            errors.append(error)
    _print_stopped(stopped, all_homes=all_homes, json=json)
    for later_error in errors[1:]:
        report_error(later_error)
    if errors:
        raise errors[0]


def _other_users_server(pid: int, user: str) -> PikkitError:
    return Unreachable(
        f"Process {pid} of the user {user} is a server that runs from this environment",
        "It was left alone: only its owner can stop it",
        f"Have {user} run `pikkit down --all` in this environment",
        service="embedded servers",
    )


def _print_stopped(stopped: dict[str, list[str]], *, all_homes: bool, json: bool) -> None:
    if json:
        print_json({"stopped": stopped})
        return
    for directory, names in stopped.items():
        if names:
            print_line(f"Stopped {' and '.join(names)} under {directory}. The data is kept.")
        elif not all_homes:
            print_line(f"Nothing to do: no server runs under {directory}.")
    if all_homes and not any(stopped.values()):
        print_line("Nothing to do: no server runs from this environment.")
