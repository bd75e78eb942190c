"""Which source `--source` and the settings mean."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from ingestion.errors import ConfigurationError
from ingestion.progress import Progress
from ingestion.sources.files import FileSource, open_file
from ingestion.sources.settings import SourceSettings
from ingestion.sources.table import Table

# Tells its progress while it waits for a retry; made before there is a bar to tell it to.
Opener: TypeAlias = Callable[[Progress], FileSource | Table]


def chosen_source(name: str | None, settings: SourceSettings) -> Opener:
    """The source called `supabase` or `postgres`, or a file; null: the one table that is configured.

    A file is looked at here, a table when it is read. Raises ConfigurationError and SourceRejected.
    """
    if name in ("supabase", "postgres") or name is None:
        return chosen_table(name, settings)
    file = open_file(Path(name))
    return lambda _: file


def chosen_table(name: str | None, settings: SourceSettings) -> Callable[[Progress], Table]:
    """The table called `supabase` or `postgres`; null: the one that is configured."""
    supabase, postgres = settings.supabase, settings.postgres
    if name is None and supabase and postgres:
        raise ConfigurationError(
            "Both SUPABASE_URL and SOURCE_POSTGRES_URL are set",
            "Nothing was done",
            "Say which: --source supabase|postgres",
        )
    if supabase and name != "postgres":
        if not supabase.key:
            raise _missing("SUPABASE_KEY")
        from ingestion.sources.supabase import open_supabase

        return lambda progress: open_supabase(supabase, settings.patience, progress)
    if postgres and name != "supabase":
        from ingestion.sources.postgres import open_postgres

        return lambda progress: open_postgres(postgres, settings.patience, progress)
    if name is None:
        raise ConfigurationError(
            "No source is named, and none is configured",
            "Nothing was done",
            "Set SUPABASE_URL and SUPABASE_KEY, or SOURCE_POSTGRES_URL; or give a file of bets: --source FILE",
        )
    raise _missing(*(("SUPABASE_URL", "SUPABASE_KEY") if name == "supabase" else ("SOURCE_POSTGRES_URL",)))


def _missing(*names: str) -> ConfigurationError:
    listed = " and ".join(names)
    return ConfigurationError(
        f"{listed} {'are' if len(names) > 1 else 'is'} not set",
        "Nothing was done",
        f"Set {listed} in the environment or in .env",
    )
