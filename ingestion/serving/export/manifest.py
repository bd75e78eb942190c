"""What an export left under its root, so that the next one knows what changed: `_pikkit_export.json`.

{"format": 1, "store": <the store's first run>,
 "datasets": {"bets": {"seq": <log position>, "run": <that wrote it>,
                       "files": {<path>: {"rows": ..., "bytes": ..., "digest": ...}}}, ...}}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

NAME: Final = "_pikkit_export.json"
FORMAT: Final = 1


@dataclass(frozen=True)
class File:
    """A partition's file."""

    rows: int
    bytes: int
    digest: str


@dataclass(frozen=True)
class Export:
    """A dataset as of a log position, and the run that wrote the version there. Position 0: of an empty store."""

    seq: int
    run: str | None
    files: dict[str, File] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """The exports under a root. `store` is the first run of the store; null where it had none yet."""

    store: str | None
    datasets: dict[str, Export] = field(default_factory=dict)

    def text(self) -> str:
        """The manifest as it is written."""
        return json.dumps({"format": FORMAT} | asdict(self), indent=1, sort_keys=True) + "\n"


def parse(text: bytes) -> Manifest:
    """The manifest that was written. Raises ValueError for anything else."""
    try:
        document = json.loads(text)
        if document["format"] != FORMAT:
            raise ValueError(f"its format is {document['format']}, not {FORMAT}")
        exports = {name: _export(export) for name, export in document["datasets"].items()}
        return Manifest(_text(document["store"]), exports)
    except (KeyError, TypeError, AttributeError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError("it is damaged") from error


def _export(document: Mapping[str, Any]) -> Export:
    files = {path: File(int(f["rows"]), int(f["bytes"]), str(f["digest"])) for path, f in document["files"].items()}
    return Export(int(document["seq"]), _text(document["run"]), files)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
