"""Forgotten bets taken out of a dataset: its rows go, and its manifest says so.

What the manifest pins is then what the store gives of the other bets, so the same frame can be made again from it, byte
for byte, as before.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

import polars as pl

from feature_repo import clock
from feature_repo.errors import PikkitError
from ingestion.forgetting.file_erasure import NOTHING_THERE, not_done
from ingestion.forgetting.receipt import PlaceCounts
from ingestion.forgetting.strike import PersonalNames
from ingestion.unfinished_file import unfinished_file
from training.artefacts.dataset_files import BETS_FILE, OF_THE_PART, dataset_statistics
from training.digest import frame_digest
from training.manifest import MANIFEST, finite
from training.split import PARTS


def erase_in_dataset(directory: Path, names: PersonalNames) -> PlaceCounts:
    """Take these bets out of a dataset, and bring its manifest up to what is left. Counts rows."""
    bets, manifest = directory / BETS_FILE, directory / MANIFEST
    if not (bets.is_file() and manifest.is_file()):
        return PlaceCounts(str(directory), 0, 0, 0, NOTHING_THERE)
    try:
        frame = pl.read_parquet(bets, hive_partitioning=False)
        kept = frame.filter(~pl.col("id").is_in(list(names.names)))
        gone = frame.height - kept.height
        if gone:
            _rewrite(bets, manifest, kept, gone)
        return PlaceCounts(str(directory), frame.height, gone, 0)
    except (PikkitError, OSError, ValueError, KeyError, pl.exceptions.PolarsError) as error:
        return not_done(str(directory), error)


def _rewrite(bets: Path, manifest: Path, kept: pl.DataFrame, gone: int) -> None:
    document = json.loads(manifest.read_text(encoding="utf-8"))
    with unfinished_file(bets) as unfinished:
        kept.write_parquet(unfinished)
    document["data"] |= {"rows": kept.height, "frame_digest": frame_digest(kept.drop(OF_THE_PART))}
    document["parts"] = {name: kept.filter(pl.col("part") == name).height for name in PARTS}
    document["columns"] = [asdict(column) for column in dataset_statistics(kept)]
    document["files"][BETS_FILE] = sha256(bets.read_bytes()).hexdigest()
    document.setdefault("forgotten", []).append({"bets": gone, "at": clock.now().isoformat()})
    with unfinished_file(manifest) as unfinished:
        unfinished.write_text(json.dumps(finite(document), indent=1) + "\n", encoding="utf-8")
