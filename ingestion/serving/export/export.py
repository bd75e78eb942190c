"""The store as Parquet files, for whatever reads those: Spark, DuckDB, Polars, a notebook. A copy, made again at will.

ROOT/_pikkit_export.json                                          what is there (manifest.py)
ROOT/bets/sport_key=<...>/placed_month=YYYY-MM/bets.parquet       the newest version of each bet that exists
ROOT/bet_versions/sport_key=<...>/placed_month=.../bets.parquet   the log
ROOT/raw/received_month=YYYY-MM/bets.parquet                      what the sources sent; written when asked for

The directories are by sport and by month (UTC) of time_placed. The values stand in the files too, so nothing depends on
how a reader decodes a directory's name.

One snapshot of the store ── changed partitions ──> ROOT/_pikkit_tmp ── renames, removals ──> manifest

A partition is rewritten when a version past the manifest's log position lies in it, or replaces one that does. All
files are whole before the first is renamed, and the manifest comes last: an export that dies leaves old or new files,
and the next one writes the same partitions again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass, field

import psycopg

from feature_repo.errors import ConfigurationError
from feature_repo.postgres.copy import copy_pages
from feature_repo.servers.connections import Postgres
from ingestion.database.access import advisory_lock, statement
from ingestion.database.read_only import read_only_store
from ingestion.progress import Progress, silent
from ingestion.serving.export import manifest
from ingestion.serving.export.datasets import BET_VERSIONS, BETS, DATASETS, RAW, Dataset
from ingestion.serving.export.manifest import Export, File, Manifest
from ingestion.serving.export.partitions import PAGE_ROWS, by_partition, page_schema, write_partition
from ingestion.serving.export.root import TEMPORARY, Root

__all__ = ["Exported", "export_store"]


@dataclass(frozen=True)
class Exported:
    """What an export did. `because` says why it wrote everything; null when it wrote what had changed.

    `rows` are those in the `written` files; `kept` files had not changed; `seq` is the log position of it all.
    """

    root: str
    because: str | None
    written: int
    kept: int
    removed: int
    rows: int
    seq: int


@dataclass
class _Plan:
    """What is to become of a root: whole files under temporary names, by their paths, and the next manifest."""

    root: Root
    present: dict[str, int]
    old: Manifest
    new: Manifest
    because: str | None
    staged: dict[str, str] = field(default_factory=dict)


def export_store(
    postgres: Postgres, to: str, *, raw: bool = False, full: bool = False, progress: Progress = silent
) -> Exported:
    """Bring the Parquet files under `to`, a directory or an fsspec URL, up to the store. With `full` all of them.

    Raises ConfigurationError when `to` cannot be used or holds files that no export wrote, Unreachable, StoreFull.
    """
    root = Root(to)
    with read_only_store(postgres, purpose="export") as connection, advisory_lock(connection, _lock(root)):
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        plan = _plan(connection, root)
        if full:
            plan.because = "it was asked for"
        for dataset in (BETS, BET_VERSIONS, RAW) if raw else (BETS, BET_VERSIONS):
            _stage(connection, plan, dataset, progress, full=full)
        return _publish(plan, progress)


def _lock(root: Root) -> int:
    """The number of the advisory lock of exports to this root: one runs at a time."""
    digest = hashlib.blake2b(f"pikkit export {root.shown}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)


# ---- what was there -------------------------------------------------------------------------------------------------


def _plan(connection: psycopg.Connection, root: Root) -> _Plan:
    """What is there, without what a killed export left, and what is known of it. Refuses a place of somebody else's."""
    present = root.sizes()
    ours = {path for path in present if _is_ours(path)}
    if manifest.NAME not in present and (strange := sorted(present.keys() - ours)):
        raise ConfigurationError(
            f"{root.shown} holds files that are not of an export: {strange[0]}"
            + (f" and {len(strange) - 1:,} more" if len(strange) > 1 else ""),
            "Nothing was written",
            "Name an empty or a new directory",
        )
    for path in [path for path in present if path.startswith(f"{TEMPORARY}/")]:
        root.remove(path)
        del present[path]
    row = connection.execute(statement("first_run")).fetchone()
    store = str(row[0]) if row else None
    old, because = _manifest(root, present, store)
    # What this export does not write stays as it is.
    return _Plan(root, present, old, Manifest(store, dict(old.datasets)), because)


def _is_ours(path: str) -> bool:
    return path.startswith(f"{TEMPORARY}/") or any(dataset.has(path) for dataset in DATASETS)


def _manifest(root: Root, present: dict[str, int], store: str | None) -> tuple[Manifest, str | None]:
    """The manifest, or an empty one and why it is of no use."""
    nothing = Manifest(store)
    if manifest.NAME not in present:
        return nothing, "there was no manifest" if present else "there was nothing yet"
    try:
        found = manifest.parse(root.read(manifest.NAME))
    except ValueError as error:
        return nothing, f"the manifest is of no use: {error}"
    if store is None or found.store != store:
        return nothing, "the manifest is of another store"
    return found, None


# ---- what is to be there --------------------------------------------------------------------------------------------


def _stage(connection: psycopg.Connection, plan: _Plan, dataset: Dataset, progress: Progress, *, full: bool) -> None:
    """Write the partitions of a dataset that changed under temporary names, and say in the new manifest what it is."""
    old = Export(0, None) if full else _old(connection, plan, dataset)
    changed = _changed(connection, dataset, old.seq)
    kept = {path: file for path, file in old.files.items() if path not in changed}
    if differing := [path for path, file in kept.items() if plan.present.get(path) != file.bytes]:
        plan.because = f"{differing[0]} is not as it was written"
        connection.execute(statement("export_drop_changed"))
        changed, kept = _changed(connection, dataset, 0), {}
    written = _written(connection, plan, dataset, len(changed), progress) if changed else {}
    connection.execute(statement("export_drop_changed"))
    seq, run = _reach(connection, dataset)
    plan.new.datasets[dataset.name] = Export(seq, run, kept | written)


def _written(
    connection: psycopg.Connection, plan: _Plan, dataset: Dataset, partitions: int, progress: Progress
) -> dict[str, File]:
    """The files of the partitions in pg_temp.changed that have rows."""
    files: dict[str, File] = {}
    pages = copy_pages(connection, statement(dataset.rows), {}, page_schema(dataset), rows=PAGE_ROWS)
    with closing(pages):
        for (sport, month), frames in by_partition(pages):
            progress(dataset.name, len(files), partitions)
            path, temporary = dataset.file(sport, month), f"{TEMPORARY}/{len(plan.staged)}.parquet"
            with plan.root.writing(temporary) as sink:
                rows = write_partition(sink, frames, dataset)
            files[path] = File(rows, sink.size, sink.digest)
            plan.staged[path] = temporary
    progress(dataset.name, partitions, partitions)
    return files


def _old(connection: psycopg.Connection, plan: _Plan, dataset: Dataset) -> Export:
    """What was exported before, or nothing where that was of another log."""
    old = plan.old.datasets.get(dataset.name, Export(0, None))
    if old.seq and _reach(connection, dataset, old.seq) != (old.seq, old.run):
        plan.because = "the store has another log than the one that was exported, as after a restore"
        return Export(0, None)
    return old


def _reach(connection: psycopg.Connection, dataset: Dataset, seq: int | None = None) -> tuple[int, str | None]:
    row = connection.execute(statement(dataset.log_position), {"seq": seq}).fetchone()
    return (row[0], row[1]) if row else (0, None)


def _changed(connection: psycopg.Connection, dataset: Dataset, after: int) -> set[str]:
    """The paths of the partitions to write, which pg_temp.changed holds from now on."""
    connection.execute(statement(dataset.changed), {"after": after})
    return {dataset.file(sport, month) for sport, month in connection.execute(statement("export_changed"))}


# ---- making it so ---------------------------------------------------------------------------------------------------


def _publish(plan: _Plan, progress: Progress) -> Exported:
    """Rename what is staged, remove what no manifest knows any more, and write the manifest last."""
    old = {path: file for export in plan.old.datasets.values() for path, file in export.files.items()}
    new = {path: file for export in plan.new.datasets.values() for path, file in export.files.items()}
    _check_case(plan, new)
    written, stale = list[File](), [path for path in plan.present if _is_ours(path) and path not in new]
    for done, (path, temporary) in enumerate(plan.staged.items(), start=1):
        if old.get(path) == new[path] and plan.present.get(path) == new[path].bytes:
            plan.root.remove(temporary)
        else:
            plan.root.rename(temporary, path)
            written.append(new[path])
        progress("rename", done, len(plan.staged))
    for path in stale:
        plan.root.remove(path)
    if plan.new != plan.old or manifest.NAME not in plan.present:
        with plan.root.writing(f"{TEMPORARY}/manifest") as file:
            file.write(plan.new.text().encode())
        plan.root.rename(f"{TEMPORARY}/manifest", manifest.NAME)
    plan.root.prune(TEMPORARY)
    return Exported(
        plan.root.shown,
        plan.because,
        len(written),
        len(new) - len(written),
        len(stale),
        sum(file.rows for file in written),
        plan.new.datasets[BET_VERSIONS.name].seq,
    )


def _check_case(plan: _Plan, paths: Collection[str]) -> None:
    """Refuse a place that would keep one file for two partitions: `nba` and `NBA`, on the disk of a Mac."""
    folded: dict[str, str] = {}
    clashing = [(path, folded[path.lower()]) for path in paths if folded.setdefault(path.lower(), path) != path]
    if clashing and plan.root.ignores_case():
        raise ConfigurationError(
            f"{plan.root.shown} does not tell upper case from lower, so {' and '.join(clashing[0])} would be one file",
            "Nothing was changed there",
            "Name a place that does: another disk, or an object store",
        )
