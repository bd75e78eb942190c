"""What each verb of the pipeline did: kept in ops.runs when it ends well, and what its command prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ingestion.features.backfill import BackfillCounts
from ingestion.features.refresh import RefreshCounts
from ingestion.gates.evidence import FlagCounts
from ingestion.gates.publication import GateOutcome
from ingestion.intake.counts import ReconcileCounts, SyncCounts
from ingestion.runs.record import Documented
from ingestion.serving.materialize import OnlineCopyCounts


@dataclass(frozen=True)
class SyncSummary(Documented):
    """What `sync` did."""

    sync: SyncCounts
    #: Sentences on what is within the rules and still not what one expects.
    warnings: Sequence[str]

    def document(self) -> dict[str, Any]:
        """rows_read, accepted, quarantined, the format of a file that has one, warnings."""
        sync = self.sync.document()
        return {name: sync[name] for name in ("rows_read", "accepted", "quarantined", "format") if name in sync} | {
            "warnings": list(self.warnings)
        }


@dataclass(frozen=True)
class PipelineSummary(SyncSummary):
    """What `run` did; `warnings` are those of all steps."""

    #: Flags that the anomalies raised in the batch.
    flags: FlagCounts
    refresh: RefreshCounts
    #: The clock of this run; `refreshed_at` in the document.
    features_watermark: datetime
    gates: GateOutcome
    online: OnlineCopyCounts

    def document(self) -> dict[str, Any]:
        """That of the sync, change_rows, refreshed_at, gates."""
        return super().document() | {
            "change_rows": self.refresh.total,
            "refreshed_at": f"{self.features_watermark:%Y-%m-%dT%H:%M:%SZ}",
            "gates": self.gates.document(),
        }


@dataclass(frozen=True)
class ReconcileSummary(SyncSummary):
    """What `reconcile` did: a sync, and what only a comparison finds."""

    reconciled: ReconcileCounts

    def document(self) -> dict[str, Any]:
        """That of the sync, and reconciled."""
        return super().document() | {"reconciled": self.reconciled.document()}


@dataclass(frozen=True)
class BackfillSummary(Documented):
    """What `backfill` did."""

    #: Versions of the log that a rewind made known now; null without one.
    versions_rewound: int | None
    replaced: BackfillCounts
    gates: GateOutcome
    online: OnlineCopyCounts
    #: Sentences on checks that failed or warned.
    warnings: Sequence[str]

    def document(self) -> dict[str, Any]:
        """versions_rewound after a rewind, gates, warnings."""
        rewound = {} if self.versions_rewound is None else {"versions_rewound": self.versions_rewound}
        return rewound | {"gates": self.gates.document(), "warnings": list(self.warnings)}


@dataclass(frozen=True)
class MaterializeSummary(Documented):
    """What `materialize` did."""

    online: OnlineCopyCounts
    #: How long the copy took, without the import of Feast.
    seconds: float

    def document(self) -> dict[str, Any]:
        """Nothing: the step has all of it."""
        return {}
