"""What a run warns of: things that are within the rules, and still not what its user expects."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from ingestion.database.rollout import definitions_gap
from ingestion.intake.counts import SyncCounts
from ingestion.intake.name_variants import NameVariants

# A first load in which one updated_at covers more than this was rewritten in bulk: its history collapses into one
# instant.
BULK_SHARE: Final = 0.2

# How many pairs of names one remark shows.
NAMES_SHOWN: Final = 3

# A refresh that is longer ago than this was missed, or was made on a stopped clock that this run was not told of.
LONG_AGO: Final = timedelta(hours=24)


def on_refresh(watermark_before: datetime | None, watermark: datetime, redefined: list[str]) -> list[str]:
    """Remarks on the refresh: how far it moved the features watermark, and views with rows of another definition."""
    remarks = []
    if watermark_before is not None and watermark - watermark_before > LONG_AGO:
        days = (watermark - watermark_before) / timedelta(days=1)
        remarks.append(
            f"This run's clock, {_text(watermark)}, is {days:.1f} days past the last refresh, "
            f"{_text(watermark_before)}. If this store runs on a stopped clock, give --now (or PIKKIT_NOW) each time."
        )
    if redefined:
        gap = definitions_gap(redefined)
        remarks.append(f"{gap.what}, and new rows stand beside old ones now. {gap.next_step}.")
    return remarks


def on_names(variants: list[NameVariants]) -> list[str]:
    """Remarks on names that differ in letter case only."""
    if not variants:
        return []
    shown = "; ".join(str(variant) for variant in variants[:NAMES_SHOWN])
    more = f" and {len(variants) - NAMES_SHOWN} more (`pikkit doctor` names all)" if len(variants) > NAMES_SHOWN else ""
    return [f"Names that differ in letter case only are groups of their own (graded bets): {shown}{more}."]


def on_sync(sync: SyncCounts) -> list[str]:
    """Remarks on what a sync counted."""
    remarks = []
    accepted = max(1, sync.accepted)
    if sync.is_table and not sync.is_partial:
        remarks += _on_rows_shown(sync)
    remarks += _on_columns(sync)
    if sync.broken_deletes:
        remarks.append(
            f"{sync.broken_deletes:,} rows say that they are deleted and are broken otherwise: their bets count no "
            "more from now on. The rows are in quarantine, settled."
        )
    if sync.first_load and sync.largest_instant > max(1, BULK_SHARE * accepted):
        remarks.append(
            f"{sync.largest_instant:,} of {sync.accepted:,} versions become known at one instant, as their "
            "source says: their history collapses into it."
            + (
                " If the source was rewritten in bulk, KNOWN_AT_COLUMN=settled_at keeps more of it on a first load."
                if sync.settlements_differ
                else ""
            )
        )
    if sync.late > BULK_SHARE * accepted:
        remarks.append(
            f"{sync.late:,} of {sync.accepted:,} versions arrived late: their updated_at lies before what was "
            "known or published already, so they count from just past that. History that belongs together is best "
            "loaded at once, older history into a store of its own (PIKKIT_HOME)."
        )
    if sync.future and sync.newest_stamp:
        remarks.append(
            f"{sync.future:,} new rows carry an updated_at past this run's clock, up to {_text(sync.newest_stamp)}: "
            "the source's clock is ahead, or the values are wrong. More than 5 minutes ahead they wait in quarantine, "
            "and are read again when their time has come."
        )
    if sync.repeated_ids:
        remarks.append(
            f"{sync.repeated_ids:,} ids have more than one row in the table, which is unfit as it is: of these rows "
            "the one with the newest updated_at counts, once. Read a table or view with one row per bet. `pikkit sync "
            "--full` counts them anew."
        )
    if sync.naive_timestamps:
        remarks.append(f"{sync.naive_timestamps:,} timestamps had no offset and were read as UTC.")
    if sync.empty_texts:
        remarks.append(f"{sync.empty_texts:,} values held nothing but white space and were read as null.")
    if sync.null_words:
        remarks.append(f"{sync.null_words:,} names said NULL, None, NaN or N/A and were read as null.")
    # Of a table, which is read every hour, once is enough.
    if sync.unknown_columns and (sync.first_sync or not sync.is_table):
        kept = "were not read" if sync.is_table else "are kept in raw only"
        remarks.append(f"Columns that no feature uses {kept}: {', '.join(sync.unknown_columns)}.")
    return remarks


def _on_rows_shown(sync: SyncCounts) -> list[str]:
    """Remarks on how many rows a table shows in all, read whole or from its cursor on."""
    if sync.shown is None:
        return [
            "The table's rows could not be counted in the time that its server gives a statement: if it shows fewer "
            "than it did, no sync notices. A longer statement_timeout for the role that reads mends it."
        ]
    if sync.rows_read:
        return []
    if not sync.shown:
        return ["The table shows no row. If it has some again, the next sync reads them."]
    return [
        f"The table showed not even the row that the last sync ended with, of {sync.shown:,} that it shows in all. "
        "If that was not deleted, the key or role may not see every row (row level security)."
    ]


def _on_columns(sync: SyncCounts) -> list[str]:
    """Remarks on columns that a source lost, or has now and had not."""
    remarks = []
    if sync.vanished_columns:
        remarks.append(
            f"The source has no {' and no '.join(sync.vanished_columns)} any more, which was accepted: in rows that "
            "are read from now on it is null."
        )
    if sync.new_columns:
        remarks.append(
            f"The source has {', '.join(sync.new_columns)} now, which it had not. Rows that were read before have "
            "none of it until they change" + (": `pikkit sync --full` reads all." if sync.is_table else ".")
        )
    if sync.without_but_there:
        remarks.append(f"The source has {', '.join(sync.without_but_there)}, so --without changed nothing there.")
    return remarks


def _text(instant: datetime) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}"
