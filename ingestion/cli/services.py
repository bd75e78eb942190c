"""The verbs about the servers: up, down, env, doctor."""

from __future__ import annotations

import shlex

import typer

from feature_repo.connections import feast_environment, home
from ingestion.cli.output import Json, print_json, print_line, print_state, say
from ingestion.cli.session import begin, stores
from ingestion.settings import environment


def up(json: Json = False) -> None:
    """Start the embedded Postgres and Redis. They stay up until `pikkit down`; what runs already is left alone."""
    from ingestion import embedded

    settings = begin()
    if settings.external is not None:
        before, connections = ["postgres", "redis"], settings.external
    else:
        before, connections = embedded.running(settings.home), embedded.up(settings.home, say)
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


def down(json: Json = False) -> None:
    """Stop the embedded Postgres and Redis. Their data stays; a run that is going on is undone."""
    from ingestion import embedded

    # No other setting is looked at, so that servers can be stopped whatever the settings have become.
    directory = home(environment())
    stopped = embedded.down(directory)
    if json:
        print_json({"stopped": stopped})
    elif stopped:
        print_line(f"Stopped {' and '.join(stopped)} under {directory}. The data is kept.")
    else:
        print_line(f"Nothing to do: no server runs under {directory}.")


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

    from ingestion.doctor import examine

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
