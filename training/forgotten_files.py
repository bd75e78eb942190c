"""The files outside the store that an erasure looks into, and what it does with each kind."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import partial
from pathlib import Path

import psycopg

from feature_repo.postgres.queries import statement_of
from feature_repo.servers.connections import Connections
from ingestion.database.access import connect, statement
from ingestion.forgetting.file_erasure import FileErasure, erase_in_export, erase_in_lines, erase_in_report
from ingestion.forgetting.online_rows import REDIS
from ingestion.forgetting.receipt import PlaceCounts
from ingestion.forgetting.written_files import FileKind, written_files
from ingestion.serving.export import manifest
from ingestion.settings import Settings
from training.artefacts.model_store import ModelStore
from training.manifest import MANIFEST


def file_erasures(connections: Connections, settings: Settings, places: Iterable[Path]) -> dict[str, FileErasure]:
    """Each place outside the store where its bets may stand, with what takes them out of it.

    Those that the store remembers, those that an erasure left unfinished, those that the settings name, and `places`.
    """
    with connect(connections.postgres, purpose="forget", autocommit=True) as connection:
        kinds = written_files(connection)
        unfinished = {place for _, _, place in connection.execute(statement("unfinished_places")) if place != REDIS}
    kinds = {place: _kind(Path(place)) for place in unfinished} | kinds
    kinds |= {str(place.absolute()): _kind(place) for place in places}
    if settings.report is not None:
        kinds[str(settings.report.absolute())] = "report"
    erasures = {place: _erasure(connections, place, kind) for place, kind in sorted(kinds.items())}
    if settings.lineage.file is not None:
        erasures[str(settings.lineage.file)] = partial(erase_in_lines, settings.lineage.file)
    return erasures


def models_trained_on(home: Path, connection: psycopg.Connection, bets: Collection[str]) -> list[PlaceCounts]:
    """The kept models that were trained on any of these bets, before they are forgotten."""
    counts = []
    for model in ModelStore.of_home(home).models():
        data = model.manifest.data
        params = {"bets": sorted(bets), "log_position": data.log_position}
        params |= {"placed_from": data.placed_from, "placed_to": data.placed_to}
        (had,) = connection.execute(statement_of("training", "bets_trained_on"), params).fetchone() or (0,)
        if had:
            note = f"was trained on {had:,} of them, and holds no row of any"
            counts.append(PlaceCounts(f"model {model.name}", data.rows, 0, 0, note))
    return counts


def _kind(place: Path) -> FileKind:
    if (place / manifest.NAME).exists():
        return "export"
    return "dataset" if (place / MANIFEST).exists() else "report"


def _erasure(connections: Connections, place: str, kind: FileKind) -> FileErasure:
    if kind == "export":
        return partial(erase_in_export, connections.postgres, place)
    if kind == "report":
        return partial(erase_in_report, connections, place)
    from training.artefacts.dataset_erasure import erase_in_dataset

    return partial(erase_in_dataset, Path(place))
