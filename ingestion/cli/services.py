"""The verbs about the servers: up, down, env, doctor."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from feature_repo.errors import PikkitError, Unreachable
from feature_repo.servers.connections import feast_environment, home
from ingestion.cli.output import Json, print_json, print_line, print_state, report_error, say
from ingestion.cli.stores import begin, stores
from ingestion.settings import environment


def up(json: Json = False) -> None:
    """Start the embedded Postgres and Redis. They stay up until `pikkit down`; what runs already is left alone."""
    from ingestion.embedded import servers

    settings = begin()
    if settings.external is not None:
        before, connections = ["postgres", "redis"], settings.external
    else:
        before, connections = servers.running(settings.home), servers.start_servers(settings.home, say)
    started = [name for name in ("postgres", "redis") if name not in before]
    addresses = {"postgres": connections.postgres.address, "redis": connections.redis.address}
    if json:
        print_json({"embedded": connections.embedded, **addresses, "started": started})
        return
    for name, address in addresses.items():
        print_line(f"{name:<8}  {address}")
    if not connections.embedded:
        print_line("Nothing to start: the settings name servers of your own.")
    elif started:
        print_line(f"Started {' and '.join(started)} under {settings.home}. `pikkit down` stops them.")
    else:
        print_line(f"Nothing to do: both run under {settings.home}.")


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
    directories = [home(environment())]
    left: list[PikkitError] = []
    if all_homes:
        found = servers.environment_homes(Path(sys.prefix))
        directories = found.homes
        left += [_left(pid, user) for pid, user in found.of_others]
    stopped: dict[str, list[str]] = {}
    for directory in directories:
        try:
            stopped[str(directory)] = servers.stop_servers(directory, say)
        except PikkitError as error:
            left.append(error)
    _print_stopped(stopped, all_homes=all_homes, json=json)
    for refusal in left[1:]:
        report_error(refusal)
    if left:
        raise left[0]


def _left(pid: int, user: str) -> PikkitError:
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


def env() -> None:
    """Print the exports that plain `feast` needs.

    For eval "$(pikkit env)". Starts the embedded servers.
    """
    for name, value in feast_environment(stores(begin())).items():
        print_line(f"export {name}={shlex.quote(value)}")


def doctor(json: Json = False) -> None:
    """Check every setting, server and permission.

    One line a check: ok, warn or FAIL, and what to do next. Starts nothing; what it writes to try out, it takes back.
    Embedded servers that are down are a warning, because the verbs that need them start them. Exits 0 when nothing
    fails, 2 when the first failure is one of settings or permissions, 4 when it is a server that does not answer or a
    full disk.
    """
    from dataclasses import asdict

    from ingestion.doctor.doctor import examine

    checks = []
    for check in examine(environment()):
        checks.append(check)
        if not json:
            print_state(check.verdict, f"{check.name:<20}  {check.found}", width=4)
    failed = [check for check in checks if check.verdict == "FAIL"]
    if json:
        print_json({"failed": len(failed), "checks": [asdict(check) for check in checks]})
    else:
        warned = sum(check.verdict == "warn" for check in checks)
        print_line(f"{len(checks)} checks: {len(failed)} failed, {warned} warned. Nothing was changed.")
    if failed:
        raise typer.Exit(failed[0].exit_code)
