"""Which source `--source` and the settings mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from ingestion.errors import ConfigurationError
from ingestion.progress import Progress
from ingestion.sources.files import FileSource, open_file
from ingestion.sources.files.formats.registry import read_mapping
from ingestion.sources.settings import SourceSettings
from ingestion.sources.table import Reading, Table

# Tells its progress while it waits for a retry; made before there is a bar to tell it to.
Opener: TypeAlias = Callable[[Progress], FileSource | Table]


@dataclass(frozen=True)
class ConfiguredTable:
    """A table that is looked at when it is read, so that a look that fails is a sync that failed."""

    name: str
    open: Callable[[], Table] = field(repr=False)

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        """See Table."""
        with self.open().reading() as reading:
            yield reading


def chosen_source(name: str | None, settings: SourceSettings, mapping: Path | None = None) -> Opener:
    """The source called `supabase` or `postgres`, or a file; null: the one table that is configured.

    A file is looked at here, with the mapping that says what its columns mean. Raises ConfigurationError and
    SourceRejected.
    """
    if name in ("supabase", "postgres") or name is None:
        if mapping is not None:
            raise ConfigurationError(
                "--mapping is for files: a table has the columns of bets", "Nothing was done", "Leave it out"
            )
        return chosen_table(name, settings)
    file = open_file(Path(name), mapping=read_mapping(mapping) if mapping else None)
    return lambda _: file


def chosen_table(name: str | None, settings: SourceSettings) -> Callable[[Progress], Table]:
    """The table called `supabase` or `postgres`; null: the one that is configured."""
    if name is None:
        name = _only_one(settings)
    if name == "supabase":
        return _supabase(settings)
    if name == "postgres":
        return _postgres(settings)
    raise ConfigurationError(f"{name} is no table", "Nothing was done", "Say --source supabase or --source postgres")


def _only_one(settings: SourceSettings) -> str:
    # Without a key to read with, Supabase is only published to.
    readable = {"supabase": settings.supabase and settings.supabase.key, "postgres": settings.postgres}
    configured = [name for name, found in readable.items() if found]
    if len(configured) == 1:
        return configured[0]
    raise ConfigurationError(
        "Both SUPABASE_URL and SOURCE_POSTGRES_URL are set" if configured else "No source is named, none is configured",
        "Nothing was done",
        "Say which to read: --source supabase or --source postgres"
        if configured
        else "Set SUPABASE_URL and SUPABASE_KEY, or SOURCE_POSTGRES_URL; or give a file of bets: --source FILE",
    )


def _supabase(settings: SourceSettings) -> Callable[[Progress], Table]:
    from ingestion.sources.supabase import open_supabase

    project = settings.supabase
    if project is None or not project.key:
        raise _missing("SUPABASE_URL and SUPABASE_KEY" if project is None else "SUPABASE_KEY")
    return lambda progress: ConfiguredTable(project.stream, lambda: open_supabase(project, settings.patience, progress))


def _postgres(settings: SourceSettings) -> Callable[[Progress], Table]:
    from ingestion.sources.postgres import open_postgres, stream_name

    source = settings.postgres
    if source is None:
        raise _missing("SOURCE_POSTGRES_URL")
    return lambda progress: ConfiguredTable(
        stream_name(source), lambda: open_postgres(source, settings.patience, progress)
    )


def _missing(names: str) -> ConfigurationError:
    return ConfigurationError(
        f"For this source {names} must be set", "Nothing was done", "Set it in the environment or in .env"
    )
