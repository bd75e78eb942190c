"""The checks of settings, machine, stores and sources, in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress

from feature_repo.errors import HomeUnsafe, PikkitError
from feature_repo.servers.embedded_servers import NAMES, ServerState, not_ready, postgres_state, recorded, server_states
from ingestion.database.read_only import read_only_store
from ingestion.doctor.check import UNREACHABLE, Check, fail, ok, warn
from ingestion.doctor.postgres import check_postgres
from ingestion.doctor.redis import check_redis
from ingestion.doctor.settings import check_feature_store_yaml, check_home, check_packages, check_settings
from ingestion.doctor.sources import check_sources
from ingestion.intake.streams import StreamState, stream_states
from ingestion.settings import Settings, setting_problems

__all__ = ["Check", "examine"]


def examine(environ: Mapping[str, str]) -> Iterator[Check]:
    """Yield the checks, in the order in which failures are to be mended: settings, machine, stores, sources.

    Those of stores and sources are left out where a setting is wrong. Raises nothing for what it finds.
    """
    yield from check_settings(environ)
    yield check_packages()
    if setting_problems(environ):
        return
    settings = Settings.load(environ)
    yield from _check_stores(settings, environ)
    yield from check_sources(settings.sources, states=_stream_states(settings))


def _check_stores(settings: Settings, environ: Mapping[str, str]) -> Iterator[Check]:
    connections, unready = settings.external, dict[str, ServerState]()
    if connections is None:
        yield from check_home(environ)
        try:
            connections = recorded(settings.home)
        except HomeUnsafe:  # told by the check of the home
            return
        states = server_states(settings.home, connections) if connections else {}
        unready = {name: state for name, state in states.items() if state.condition != "ready"}
        yield from _servers(settings, unready if connections else dict.fromkeys(NAMES, ServerState("down", 0)))
    if connections is None:
        return
    if "postgres" not in unready:
        yield from check_postgres(connections.postgres)
    if "redis" not in unready:
        yield from check_redis(connections.redis)
    yield check_feature_store_yaml(connections)


def _stream_states(settings: Settings) -> dict[str, StreamState]:
    """The recorded state of each stream, by its name; none where the store cannot be read: other checks report that."""
    connections = settings.external
    if connections is None:
        with suppress(HomeUnsafe):
            connections = recorded(settings.home)
        if connections and postgres_state(settings.home, connections.postgres).condition != "ready":
            return {}
    if connections is None:
        return {}
    with suppress(PikkitError), read_only_store(connections.postgres, purpose="doctor") as connection:
        return stream_states(connection)
    return {}


def _servers(settings: Settings, unready: Mapping[str, ServerState]) -> Iterator[Check]:
    down = [name for name, state in unready.items() if state.condition == "down"]
    if down:
        finding = f"{' and '.join(down)} of the embedded servers {'is' if len(down) == 1 else 'are'} down, not checked"
        yield warn("servers", finding, "`pikkit up` starts them, and so does every verb that writes")
    for name, state in unready.items():
        if state.condition != "down":
            error = not_ready(settings.home, name, state)
            yield fail("servers", error.what, error.next_step, UNREACHABLE)
    if not unready:
        yield ok("servers", "embedded, both run")
