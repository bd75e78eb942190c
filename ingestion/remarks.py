"""What a run warns of: things that are within the rules, and still not what its user expects."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from ingestion.runs import Counts

# A first load in which one updated_at covers more than this was rewritten in bulk: its history collapses into one
# instant.
BULK_SHARE: Final = 0.2

# A refresh that is longer ago than this was missed, or was made on a stopped clock that this run was not told of.
LONG_AGO: Final = timedelta(hours=24)


def on_refresh(before: datetime | None, refreshed_at: datetime, redefined: list[str]) -> list[str]:
    """Remarks on the refresh: the one before it, and features whose code changed since their rows were written."""
    remarks = []
    if before is not None and refreshed_at - before > LONG_AGO:
        remarks.append(
            f"This run's clock, {_text(refreshed_at)}, is {(refreshed_at - before) / timedelta(days=1):.1f} days past "
            f"the last refresh, {_text(before)}. If this store runs on a stopped clock, give --now (or PIKKIT_NOW) "
            "each time."
        )
    if redefined:
        remarks.append(
            f"The code that computes {', '.join(redefined)} changed since their rows were written, and new rows stand "
            "beside old ones now. Run `pikkit backfill`."
        )
    return remarks


def on_sync(sync: Counts) -> list[str]:
    """Remarks on what `take_in` counted."""
    remarks = []
    accepted = max(1, sync["accepted"])
    if sync["is_table"] and not sync["is_partial"] and not sync["rows_read"]:
        shown = "no row at all" if sync["first_load"] else "not even the row that the last sync ended with"
        remarks.append(
            f"The table showed {shown}. If it is not empty, the key or role may not see its rows (row level security)."
        )
    if sync["first_load"] and sync["largest_instant"] > max(1, BULK_SHARE * accepted):
        remarks.append(
            f"{sync['largest_instant']:,} of {sync['accepted']:,} versions share one updated_at: the source was "
            "rewritten in bulk, and their history collapses into one instant. KNOWN_AT_COLUMN=settled_at keeps it "
            "on a first load."
        )
    if sync["late"] > BULK_SHARE * accepted:
        remarks.append(
            f"{sync['late']:,} of {sync['accepted']:,} versions arrived late: their updated_at lies before the last "
            "refresh, so they count from just past it. History that belongs together is best loaded at once."
        )
    if sync["future"]:
        remarks.append(
            f"{sync['future']:,} new rows carry an updated_at past this run's clock, up to {sync['newest_stamp']}: the "
            "source's clock is ahead, or the values are wrong. More than 5 minutes ahead they wait in quarantine, and "
            "are read again when their time has come."
        )
    if sync["repeated_ids"]:
        remarks.append(
            f"{sync['repeated_ids']:,} ids have more than one row in the table, which is unfit as it is: of these rows "
            "the one with the newest updated_at counts, once. Read a table or view with one row per bet. `pikkit sync "
            "--full` counts them anew."
        )
    if sync["naive_timestamps"]:
        remarks.append(f"{sync['naive_timestamps']:,} timestamps had no offset and were read as UTC.")
    if sync["empty_texts"]:
        remarks.append(f"{sync['empty_texts']:,} values held nothing but white space and were read as null.")
    # Of a table, which is read every hour, once is enough.
    if sync["unknown_columns"] and (sync["first_load"] or not sync["is_table"]):
        kept = "were not read" if sync["is_table"] else "are kept in raw only"
        remarks.append(f"Columns that no feature uses {kept}: {', '.join(sync['unknown_columns'])}.")
    return remarks


def _text(instant: datetime) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}"
