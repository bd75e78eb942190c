"""The verb up: start the embedded servers."""

from __future__ import annotations

from ingestion.cli.documents import print_json
from ingestion.cli.options import Json
from ingestion.cli.output import print_line, say
from ingestion.cli.stores import begin


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
