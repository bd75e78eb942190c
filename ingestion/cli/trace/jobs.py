"""What a run and its parts read and wrote, printed: for `lineage --run` and `runs show`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingestion.cli.output import print_line, print_wrapped
from ingestion.wording import counted

if TYPE_CHECKING:
    from ingestion.lineage.recorded_lineage import RecordedLineage, UsedDataset


def print_jobs(recorded: RecordedLineage) -> None:
    """What a run and its parts read and wrote, and where that was sent."""
    for job in recorded.jobs:
        print_line(f"{job.job}  {job.state}")
        for word, datasets in (("read", job.inputs), ("wrote", job.outputs)):
            for dataset in datasets:
                print_wrapped(f"{word:5}  {_dataset(dataset)}", indent=2, hanging=7)
    if not recorded.is_whole:
        print_wrapped("The rest is older than 90 days, and was dropped: these are the events that the gate reads.")
    for place in recorded.destinations:
        print_wrapped(f"To {place.destination}: {place.sent:,} sent, {place.waiting:,} waiting.")
    if not recorded.destinations:
        print_wrapped("Sent nowhere: OPENLINEAGE_URL and PIKKIT_LINEAGE_FILE were never set.")


def _dataset(dataset: UsedDataset) -> str:
    rows = "" if dataset.rows is None else f"  {counted(dataset.rows, 'row')}"
    return f"{dataset.namespace}  {dataset.name}{rows}"
