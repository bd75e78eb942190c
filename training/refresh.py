"""The first step of `pikkit train`: features that are stale are brought up to date before they are trained on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from feature_repo import clock
from feature_repo.errors import GateRefused
from feature_repo.servers.connections import Connections
from ingestion.database.access import connect, statement
from ingestion.progress import Progress

if TYPE_CHECKING:
    from ingestion.settings import Settings
    from ingestion.sources.source_choice import Opener

# Features older than this are refreshed before they are trained on, or `--as-is` says that they need not be.
STALE: Final = timedelta(hours=24)


def refresh_before_training(settings: Settings, connections: Connections, opener: Opener, progress: Progress) -> None:
    """Do what `pikkit run` does with this source.

    Raises what that raises; a GateRefused says that no model came of it.
    """
    from ingestion.intake.request import SyncRequest
    from ingestion.pipeline import run_pipeline

    request = SyncRequest(
        first_known_by=settings.known_at_column,
        overlap=settings.sources.overlap,
        user_column=settings.sources.user_column,
    )
    try:
        run_pipeline(connections, opener(progress), request, gates=settings.gates(), progress=progress)
    except GateRefused as error:
        error.state = f"{error.state.rstrip('. ')}. No model was trained"
        raise


def due_opener(
    settings: Settings,
    connections: Connections,
    source: str | None,
    mapping: Path | None,
    open_source: Callable[[Settings, str | None, Path | None], Opener],
) -> Opener | None:
    """What opens the source to refresh from: the one that is named, or the table that is configured when the features
    are stale. Null where nothing is to be read.
    """
    if source is not None:
        return open_source(settings, source, mapping)
    tables = settings.sources
    is_configured = bool(tables.postgres or (tables.supabase and tables.supabase.key))
    return open_source(settings, None, mapping) if is_configured and is_stale(connections) else None


def is_stale(connections: Connections) -> bool:
    """Whether the features are older than STALE by the clock, or there are none yet."""
    with connect(connections.postgres, purpose="train") as connection:
        row = connection.execute(statement("log_position")).fetchone()
    watermark = row[1] if row else None
    return watermark is None or clock.now() - watermark > STALE
