"""Which source `--source` and the settings mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from feature_repo.errors import ConfigurationError
from feature_repo.near_names import did_you_mean
from ingestion.progress import Progress
from ingestion.sources.files.file_source import FileSource, open_file
from ingestion.sources.files.formats.known_formats import read_mapping
from ingestion.sources.settings import SourceSettings
from ingestion.sources.table import SourceTable, TableReader

_TABLES: Final = ("supabase", "postgres")

# Tells its progress while it waits for a retry; made before there is a bar to tell it to.
Opener: TypeAlias = Callable[[Progress], FileSource | SourceTable]


@dataclass(frozen=True)
class ConfiguredTable:
    """A table that is looked at when it is read, so that a look that fails is a sync that failed."""

    name: str
    open: Callable[[], SourceTable] = field(repr=False)

    @contextmanager
    def reading(self) -> Iterator[TableReader]:
        """See SourceTable."""
        with self.open().reading() as reading:
            yield reading


def chosen_source(name: str | None, settings: SourceSettings, mapping: Path | None = None) -> Opener:
    """The source called `supabase` or `postgres`, or a file; null: the one table that is configured.

    A file is looked at here, with the mapping that says what its columns mean. Raises ConfigurationError and
    SourceRejected.
    """
    if name in _TABLES or name is None:
        if mapping is not None:
            raise ConfigurationError(
                "--mapping is for files: a table has the columns of bets", "Nothing was done", "Leave it out"
            )
        return chosen_table(name, settings, or_file=True)
    if "://" in name:
        raise ConfigurationError(
            f"--source {name} is a URL, and a source is supabase, postgres or a file",
            "Nothing was done",
            "Set SUPABASE_URL and SUPABASE_KEY for a project, SOURCE_POSTGRES_URL for a database; fetch a file first",
        )
    if not Path(name).exists() and (hint := did_you_mean(name, _TABLES)):
        raise ConfigurationError(
            f"There is neither a source nor a file called {name!r}{hint}",
            "Nothing was done",
            "Give --source supabase, --source postgres, or the path of a file of bets",
        )
    file = open_file(Path(name), mapping=read_mapping(mapping) if mapping else None)
    return lambda _: file


def chosen_table(
    name: str | None, settings: SourceSettings, *, or_file: bool = False
) -> Callable[[Progress], SourceTable]:
    """The table called `supabase` or `postgres`; null: the one that is configured.

    Raises ConfigurationError; `or_file`: its advice may name a file instead.
    """
    if name is None:
        name = _only_one(settings, or_file=or_file)
    if name == "supabase":
        return _supabase(settings)
    if name == "postgres":
        return _postgres(settings)
    raise ConfigurationError(
        f"{name} is no table{did_you_mean(name, _TABLES)}",
        "Nothing was done",
        "A file has nothing to compare with later: give --source supabase or --source postgres, or leave it out where "
        "one of them is configured",
    )


def _only_one(settings: SourceSettings, *, or_file: bool) -> str:
    # Without a key to read with, Supabase is only published to.
    readable = {"supabase": settings.supabase and settings.supabase.key, "postgres": settings.postgres}
    configured = [name for name, setting in readable.items() if setting]
    if len(configured) == 1:
        return configured[0]
    raise ConfigurationError(
        "Both SUPABASE_URL and SOURCE_POSTGRES_URL are set" if configured else "No source is named, none is configured",
        "Nothing was done",
        "Say which to read: --source supabase or --source postgres"
        if configured
        else "Set SUPABASE_URL and SUPABASE_KEY, or SOURCE_POSTGRES_URL"
        + ("; or give a file of bets: --source FILE (`pikkit sample --out FILE` makes one)" if or_file else ""),
    )


def _supabase(settings: SourceSettings) -> Callable[[Progress], SourceTable]:
    from ingestion.sources.supabase.supabase_table import open_supabase

    project = settings.supabase
    if project is None or not project.key:
        raise _missing("supabase", "SUPABASE_URL and SUPABASE_KEY" if project is None else "SUPABASE_KEY")
    return lambda progress: ConfiguredTable(project.stream, lambda: open_supabase(project, settings.patience, progress))


def _postgres(settings: SourceSettings) -> Callable[[Progress], SourceTable]:
    from ingestion.sources.postgres.postgres_table import open_postgres, stream_name

    source = settings.postgres
    if source is None:
        raise _missing("postgres", "SOURCE_POSTGRES_URL")
    return lambda progress: ConfiguredTable(
        stream_name(source), lambda: open_postgres(source, settings.patience, progress)
    )


def _missing(source: str, names: str) -> ConfigurationError:
    return ConfigurationError(
        f"For this source {names} must be set: {source}",
        "Nothing was done",
        "Set it in the environment or in .env (`pikkit doctor` shows what is set)",
    )
