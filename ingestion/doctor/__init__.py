"""Every setting, server and permission looked at: what is well, what is not, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress

from feature_repo.connections import recorded
from ingestion import embedded
from ingestion.doctor.check import Check, ok, warn
from ingestion.doctor.postgres import check_postgres
from ingestion.doctor.redis import check_redis
from ingestion.doctor.settings import check_feature_store_yaml, check_home, check_packages, check_settings
from ingestion.doctor.sources import check_sources
from ingestion.errors import PikkitError
from ingestion.reading import reading
from ingestion.settings import Settings, problems
from ingestion.streams import StreamState, stream_states

__all__ = ["Check", "examine"]


def examine(environ: Mapping[str, str]) -> Iterator[Check]:
    """The checks, in the order in which failures are to be mended: settings, machine, stores, sources."""
    yield from check_settings(environ)
    yield check_packages()
    if problems(environ):
        return
    settings = Settings.load(environ)
    yield from _check_stores(settings, environ)
    yield from check_sources(settings.sources, states=_stream_states(settings))


def _check_stores(settings: Settings, environ: Mapping[str, str]) -> Iterator[Check]:
    connections, asleep = settings.external, list[str]()
    if connections is None:
        yield from check_home(environ)
        running = embedded.running(settings.home)
        asleep = [name for name in ("postgres", "redis") if name not in running]
        connections = recorded(settings.home)
        yield _servers(asleep)
    if connections is None:
        return
    if "postgres" not in asleep:
        yield from check_postgres(connections.postgres)
    if "redis" not in asleep:
        yield from check_redis(connections.redis)
    yield check_feature_store_yaml(connections)


def _stream_states(settings: Settings) -> dict[str, StreamState]:
    """What the store remembers of its sources; nothing where it does not run, or is not ready: other checks tell."""
    connections = settings.external
    if connections is None and "postgres" in embedded.running(settings.home):
        connections = recorded(settings.home)
    if connections is None:
        return {}
    with suppress(PikkitError), reading(connections.postgres, purpose="doctor") as connection:
        return stream_states(connection)
    return {}


def _servers(asleep: list[str]) -> Check:
    if asleep:
        found = (
            f"{' and '.join(asleep)} of the embedded servers {'is' if len(asleep) == 1 else 'are'} down, not checked"
        )
        return warn("servers", found, "`pikkit up` starts them, and so does every verb that writes")
    return ok("servers", "embedded, both run")
