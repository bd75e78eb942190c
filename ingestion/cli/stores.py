"""What most verbs begin with: read the settings, set the clock, connect to the stores, start embedded ones."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from feature_repo import clock
from feature_repo.errors import ConfigurationError, HomeUnsafe
from feature_repo.servers.connections import Connections
from feature_repo.servers.embedded_servers import postgres_state, recorded
from feature_repo.store import import_feast
from ingestion.cli.output import say
from ingestion.settings import Settings, no_store

if TYPE_CHECKING:
    from ingestion.sources.source_choice import Opener


def begin(now: str | None = None) -> Settings:
    """Read the settings, and stop the clock at `--now`, or else at PIKKIT_NOW. Reports a `--now` without a zone."""
    if now is not None:
        instant = clock.parse_instant(now)
        if not clock.names_zone(now):
            say(f"--now {now} names no zone, and was read as {instant:%Y-%m-%dT%H:%M:%SZ}.")
        clock.set_now(instant)
    settings = Settings.load()
    if now is None and settings.now is not None:
        clock.set_now(settings.now)
    return settings


def stores(settings: Settings, *, create: bool = True) -> Connections:
    """The addresses of the stores. Embedded ones are started where they do not run.

    Raises ConfigurationError where `create` is false and the embedded ones were never made.
    """
    if settings.external is not None:
        return settings.external
    if not create and not _were_made(settings):
        raise ConfigurationError(*no_store(settings.home))
    from ingestion.embedded import servers

    was_running = servers.running(settings.home)
    connections = servers.start_servers(settings.home, say)
    if len(was_running) < 2:
        say(f"Embedded Postgres and Redis run under {settings.home}. They stay up; `pikkit down` stops them.")
    return connections


def standing_stores(settings: Settings) -> Connections:
    """The stores, started or not. Unreachable when they are embedded and Postgres cannot be used."""
    connections = settings.external or recorded(settings.home)
    if connections is not None and (
        not connections.embedded or postgres_state(settings.home, connections.postgres).condition == "ready"
    ):
        return connections
    return settings.connections()


def source_opener(settings: Settings, source: str | None, mapping: Path | None) -> Opener:
    """A function that opens the source of --source and --mapping (ingestion/sources/source_choice.py).

    A file that lacks columns because its mapping was left out is refused with the name of that mapping, where a store
    that answers knows it.
    """
    from feature_repo.errors import SourceRejected, Unreachable
    from ingestion.database.access import connect
    from ingestion.database.migrate import pending
    from ingestion.intake.stream_formats import check_mapping_given
    from ingestion.sources.files.file_source import stream_of
    from ingestion.sources.source_choice import chosen_source

    try:
        return chosen_source(source, settings.sources, mapping)
    except SourceRejected as error:
        if error.missing and mapping is None:
            with suppress(Unreachable), connect(settings.connections().postgres, purpose="sync") as connection:
                if not pending(connection):
                    check_mapping_given(connection, stream_of(error.path), None)
        raise


def load_feast(*, checks_types: bool = False) -> None:
    """Import Feast, which takes seconds, and say so. `checks_types` as of `import_feast`."""
    if "feast" not in sys.modules:
        say("Loading Feast")
        import_feast(checks_types=checks_types)


def _were_made(settings: Settings) -> bool:
    try:
        return recorded(settings.home) is not None
    except HomeUnsafe:  # somebody else's: starting them tells
        return True


def prepared_stores(settings: Settings, *, create: bool = True) -> Connections:
    """The stores, ready to be written. An embedded store is migrated and applied when it needs it; another is left as
    it is.
    """
    connections = stores(settings, create=create)
    if connections.embedded:
        prepare(connections)
    return connections


def prepare(connections: Connections) -> None:
    """Bring the store's schema and Feast's registry up to this code, and say what was done."""
    from feature_repo.postgres.postgres_errors import postgres_errors
    from ingestion.database.access import connect, hold_run_lock
    from ingestion.database.apply import apply_declarations
    from ingestion.database.migrate import apply_migrations, create_registry
    from ingestion.database.rollout import unapplied

    postgres = connections.postgres
    with postgres_errors(f"Postgres at {postgres.address}"), connect(postgres, purpose="prepare") as connection:
        if applied := apply_migrations(connection):
            say(f"Migrated: {', '.join(applied)}")
        if unapplied(connection):
            load_feast(checks_types=True)
            say("Applying feature_repo/ to Feast's registry")
            create_registry(postgres)
            with hold_run_lock(connection, "apply"):
                apply_declarations(connections)
